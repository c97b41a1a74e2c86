"""The simulated site as one thing to start; it only answers, it pushes nothing."""

from __future__ import annotations

from typing import Any

from hub.connectors.kingdee.simulator.bills import CONTRACT, ENTRY_AMOUNT, ENTRY_ID, SimulatedBill
from hub.connectors.kingdee.simulator.server import build_app
from hub.connectors.kingdee.simulator.world import Clock, World, utc_now
from hub.connectors.local_server import LocalServer
from hub.connectors.simulation import BaseSimulator
from hub.errors import ConfigError


class Simulator(BaseSimulator):
    """A site on 127.0.0.1. `with Simulator(seed=1) as simulator:`; it is at `url`."""

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
        self.world = World(seed, clock=clock)
        super().__init__(LocalServer(build_app(self.world), port=port))

    @property
    def clues(self) -> list[SimulatedBill]:
        """Every bill."""
        return self.world.clues

    @property
    def calls(self) -> range:
        """As many as lists were asked for."""
        return range(self.world.requests)

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that pulls it, receipts line by line."""
        entries = {"FEntryID": ENTRY_ID, "FEntryAmount": ENTRY_AMOUNT}
        contract = {"F_contract_number": CONTRACT}
        return {
            "site": self.url,
            "acct_id": self.world.acct_id,
            "user": self.world.user,
            "org": self.world.org,
            "app_id": self.world.app_id,
            "secret_env": secret_env,
            "fields": {"receivable": contract, "receipt": contract | entries, "refund": contract},
        }


class PushSender:
    """Nobody pushes from a 金蝶云星空."""

    def __init__(self, *_: object, **__: object) -> None:
        raise ConfigError("kingdee pushes nothing, it is pulled: leave out --push-to")
