"""The simulated call centres' state: the calls that were made. They only push, so nothing listens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from hub.connectors.call400.simulator.calls import LINE, SimulatedCall, Vendor, a_call
from hub.connectors.call400.simulator.drifts import Drift, drift_named

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


class World:
    """The call centres: `add_clues` are calls of TCCC, `add_star_clues` of 7moor. From any thread."""

    def __init__(self, seed: int = 1, *, clock: Clock = utc_now) -> None:
        self.seed = seed
        self.clock = clock
        self.app_secret = f"demo_path_secret_{seed}"
        self.drift: Drift | None = None
        self.clues: list[SimulatedCall] = []
        self._drift_after = 0
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

    def use_drift(self, name: str | None, *, after: int = 0) -> None:
        """Change what is sent from call number `after` on; None: nothing.

        Raises:
            ConfigError: there is no such drift.
        """
        self.drift = drift_named(name) if name else None
        self._drift_after = after

    def drifted(self, payload: dict[str, Any], number: int) -> dict[str, Any]:
        """What is sent of call `number`."""
        if self.drift is None or number < self._drift_after:
            return payload
        return self.drift.apply(payload)

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


class Simulator:
    """Call centres that only push. `with Simulator(seed=1) as simulator:`; `url` is empty."""

    url = ""
    calls: tuple[()] = ()

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
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

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to end."""
