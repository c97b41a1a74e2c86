"""A simulated platform's address on this machine: an ASGI application in a thread of the caller's process."""

from __future__ import annotations

import socket
import threading
from typing import Any

import uvicorn

from hub.errors import ConfigError

_HOST = "127.0.0.1"
_START_S, _STOP_S = 10.0, 10.0


class LocalServer:
    """Serves `app` on 127.0.0.1, between `start` and `stop`. Port 0 takes a free one."""

    def __init__(self, app: Any, *, port: int = 0) -> None:  # noqa: ANN401 -- any ASGI application
        self._app = app
        self._port = port
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers, once started.

        Raises:
            ConfigError: it does not run.
        """
        if self._socket is None:
            raise ConfigError("the simulator is not running")
        return f"http://{_HOST}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Bind the port and answer.

        Raises:
            ConfigError: the port is taken, or the server did not come up.
        """
        self._socket = _bound(self._port)
        config = uvicorn.Config(self._app, log_level="warning", access_log=False, lifespan="off")
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        if not self._server.came_up.wait(_START_S):
            self.stop()
            raise ConfigError("the simulator did not start")

    def stop(self) -> None:
        """Stop answering and free the port; harmless if it does not run."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S)
        if self._socket is not None:
            self._socket.close()
        self._socket = self._server = self._thread = None


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
