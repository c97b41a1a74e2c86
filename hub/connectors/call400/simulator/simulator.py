"""The simulated call centres as one thing to start: they push, and TCCC and clink list."""

from __future__ import annotations

from typing import Any

from hub.connectors.call400.simulator.calls import LINE, SDK_APP_ID, SimulatedCall
from hub.connectors.call400.simulator.server import build_app
from hub.connectors.call400.simulator.world import Clock, World, utc_now
from hub.connectors.local_server import LocalServer
from hub.connectors.simulation import BaseSimulator


class Simulator(BaseSimulator):
    """Call centres on 127.0.0.1. `with Simulator(seed=1) as simulator:`; the lists are at `url`."""

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
        self.world = World(seed, clock=clock)
        super().__init__(LocalServer(build_app(self.world), port=port))

    @property
    def clues(self) -> list[SimulatedCall]:
        """Every call of TCCC."""
        return [call for call in self.world.clues if call.vendor == "tccc"]

    @property
    def star_clues(self) -> list[SimulatedCall]:
        """Every call of 7moor."""
        return [call for call in self.world.clues if call.vendor == "moor"]

    @property
    def calls(self) -> range:
        """As many as lists were asked for."""
        return range(self.world.requests)

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that is pushed to and pulled; see `environment`."""
        return {
            "lines": [LINE],
            "sdk_app_id": str(SDK_APP_ID),
            "api_base": self.url,
            "key_id_env": f"{secret_env}_ID",
            "secret_env": secret_env,
        }

    def environment(self, secret_env: str) -> dict[str, str]:
        """The access key of the lists; its secret is that of the push's path, too."""
        return {f"{secret_env}_ID": self.world.key_id, secret_env: self.world.app_secret}
