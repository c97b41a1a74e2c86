"""The simulated platform on a port of this machine, in a thread of the caller's process."""

from __future__ import annotations

from typing import Any

from hub.connectors.douyin.simulator.behaviour import Behaviour, Clock, utc_now
from hub.connectors.douyin.simulator.people import SimulatedClue, SimulatedStarClue
from hub.connectors.douyin.simulator.routes import build_app
from hub.connectors.douyin.simulator.world import Call, World
from hub.connectors.local_server import LocalServer
from hub.connectors.simulation import BaseSimulator


class Simulator(BaseSimulator):
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
        super().__init__(LocalServer(build_app(self.world), port=port))

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

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that talks to it; the secret is `world.app_secret`, in `secret_env`."""
        return {
            "app_id": self.world.app_id,
            "secret_env": secret_env,
            "api_base": self.url,
            "authorize_base": self.url,
            "advertiser_ids": [self.world.advertiser_id],
            "star_ids": [self.world.star_id],
            "local_account_ids": [self.world.local.local_account_id],
        }

    def laike_options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that pulls 来客 from it; the secret is `world.local.client_secret`."""
        return {
            "client_key": self.world.local.client_key,
            "secret_env": secret_env,
            "laike_base": self.url,
            "laike_account_ids": [self.world.local.laike_account_id],
        }
