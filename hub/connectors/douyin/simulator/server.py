"""The simulated platform on a port of this machine, in a thread of the caller's process."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any

import uvicorn

from hub.connectors.douyin.simulator.people import SimulatedClue, SimulatedStarClue
from hub.connectors.douyin.simulator.routes import build_app
from hub.connectors.douyin.simulator.world import Behaviour, Call, Clock, World, utc_now
from hub.errors import ConfigError

_HOST = "127.0.0.1"
_START_S, _STOP_S = 10.0, 10.0


class Simulator:
    """Ocean Engine on 127.0.0.1. `with Simulator(seed=1) as simulator:` or `start` and `stop`.

    `world` is its state; `url` its address. The caller's threads may use both while it answers.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        port: int = 0,
        clock: Clock = utc_now,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.world = World(seed, clock=clock, behaviour=behaviour)
        self._port = port
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def clues(self) -> list[SimulatedClue]:
        """Every lead that exists on the platform's ad account."""
        return self.world.clues

    @property
    def star_clues(self) -> list[SimulatedStarClue]:
        """Every lead of the creator-marketing account."""
        return self.world.star_clues

    @property
    def calls(self) -> list[Call]:
        """The calls so far, the last ten thousand of them."""
        return list(self.world.calls)

    @property
    def url(self) -> str:
        """Where it answers, once started."""
        if self._socket is None:
            raise ConfigError("the simulator is not running")
        return f"http://{_HOST}:{self._socket.getsockname()[1]}"

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that talks to it; the secret is `world.app_secret`, in `secret_env`."""
        return {
            "app_id": self.world.app_id,
            "secret_env": secret_env,
            "api_base": self.url,
            "authorize_base": self.url,
            "advertiser_ids": [self.world.advertiser_id],
            "star_ids": [self.world.star_id],
        }

    def start(self) -> Simulator:
        """Bind the port and answer.

        Raises:
            ConfigError: the port is taken, or the server did not come up.
        """
        self._socket = _bound(self._port)
        config = uvicorn.Config(
            build_app(self.world), log_level="warning", access_log=False, lifespan="off"
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        if not self._server.came_up.wait(_START_S):
            self.stop()
            raise ConfigError("the simulator did not start")
        return self

    def stop(self) -> None:
        """Stop answering and free the port; harmless if it does not run."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S)
        if self._socket is not None:
            self._socket.close()
        self._socket = self._server = self._thread = None

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    """A server that says when it answers; signals stay with the caller's process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.came_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.came_up.set()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((_HOST, port))
    except OSError as error:
        bound.close()
        raise ConfigError(f"port {port} is taken; choose another with --port") from error
    return bound
