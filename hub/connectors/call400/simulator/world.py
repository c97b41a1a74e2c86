"""The simulated call centres' state: the calls that were made, and what their lists refuse next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hub.connectors.call400.simulator.calls import SimulatedCall, Vendor, a_call
from hub.connectors.call400.simulator.drifts import DRIFTS
from hub.connectors.simulation import DriftingWorld

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
        self.key_id = f"DEMOKEY{seed:04d}"
        self.requests = 0
        self._refusals: list[str] = []
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

    def refuse(self, code: str = "RequestLimitExceeded", times: int = 1) -> None:
        """Answer the next requests for lists with this code of TCCC's (clink: HTTP 429, or 403)."""
        with self._lock:
            self._refusals += [code] * times

    def next_refusal(self) -> str:
        """What the request at hand is refused with, "" if it is not; counts it."""
        with self._lock:
            self.requests += 1
            return self._refusals.pop(0) if self._refusals else ""

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
