"""The simulated call centres' state: the calls that were made. They only push, so nothing listens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.call400.simulator.calls import LINE, SimulatedCall, Vendor, a_call
from hub.connectors.call400.simulator.drifts import DRIFTS
from hub.connectors.simulation import BaseSimulator, DriftingWorld

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


class World(DriftingWorld):
    """The call centres: `add_clues` are calls of TCCC, `add_star_clues` of 7moor. From any thread."""

    drifts = DRIFTS

    def __init__(self, seed: int = 1, *, clock: Clock = utc_now) -> None:
        super().__init__()
        self.seed = seed
        self.clock = clock
        self.app_secret = f"demo_path_secret_{seed}"
        self.clues: list[SimulatedCall] = []
        self._lock = threading.Lock()

    def add_clues(
        self, count: int, *, created_at: datetime | None = None, every_s: float = 0.0
    ) -> list[SimulatedCall]:
        """`count` new calls at TCCC, the first ringing at `created_at` (default now)."""
        return self._add("tccc", count, created_at, every_s)

    def add_star_clues(
        self, count: int, *, created_at: datetime | None = None, every_s: float = 0.0
    ) -> list[SimulatedCall]:
        """The same at 7moor."""
        return self._add("moor", count, created_at, every_s)

    def _add(
        self, vendor: Vendor, count: int, created_at: datetime | None, every_s: float
    ) -> list[SimulatedCall]:
        with self._lock:
            first, start = created_at or self.clock(), len(self.clues)
            new = [
                a_call(self.seed, start + n, vendor, first + timedelta(seconds=n * every_s))
                for n in range(count)
            ]
            self.clues += new
            return new


class Simulator(BaseSimulator):
    """Call centres that only push. `with Simulator(seed=1) as simulator:`; `url` is empty."""

    calls: tuple[()] = ()

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
        super().__init__()
        self.world = World(seed, clock=clock)

    @property
    def clues(self) -> list[SimulatedCall]:
        """Every call of TCCC."""
        return [call for call in self.world.clues if call.vendor == "tccc"]

    @property
    def star_clues(self) -> list[SimulatedCall]:
        """Every call of 7moor."""
        return [call for call in self.world.clues if call.vendor == "moor"]

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that is pushed to; the secret of its path is in `secret_env`."""
        return {"lines": [LINE]}
