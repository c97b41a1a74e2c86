"""The simulated platform's state: its token and its leads. It has no lists to ask for, it only pushes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.simulation import BaseSimulator, DriftingWorld
from hub.connectors.xiaohongshu.simulator.drifts import DRIFTS
from hub.connectors.xiaohongshu.simulator.people import SimulatedDm, SimulatedForm, a_dm, a_form

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


class World(DriftingWorld):
    """The leads of one ad account: fill it with `add_clues` (forms) and `add_star_clues` (direct messages)."""

    drifts = DRIFTS

    def __init__(
        self, seed: int = 1, *, clock: Clock = utc_now, account_id: str = "1000001"
    ) -> None:
        super().__init__()
        self.seed = seed
        self.clock = clock
        self.account_id = account_id
        self.app_secret = f"demo_xhs_token_{seed}"
        self.clues: list[SimulatedForm] = []
        self.star_clues: list[SimulatedDm] = []
        self._lock = threading.Lock()

    def add_clues(self, count: int, *, every_s: float = 0.0) -> list[SimulatedForm]:
        """`count` new leads of forms, the first now, the others `every_s` apart."""
        with self._lock:
            start, times = len(self.clues), self._times(count, every_s)
            added = [a_form(self.seed, start + n, self.account_id, t) for n, t in enumerate(times)]
            self.clues.extend(added)
            return added

    def add_star_clues(self, count: int, *, every_s: float = 0.0) -> list[SimulatedDm]:
        """`count` new leads of direct messages: the platform's second kind, as the simulation asks for it."""
        with self._lock:
            start, times = len(self.star_clues), self._times(count, every_s)
            added = [a_dm(self.seed, start + n, t) for n, t in enumerate(times)]
            self.star_clues.extend(added)
            return added

    def _times(self, count: int, every_s: float) -> list[datetime]:
        first = self.clock()
        return [first + timedelta(seconds=place * every_s) for place in range(count)]


class Simulator(BaseSimulator):
    """聚光 as far as it pushes: a world without an address of its own."""

    calls: tuple[Any, ...] = ()

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
        super().__init__()
        self.world = World(seed, clock=clock)

    @property
    def clues(self) -> list[SimulatedForm]:
        """Every lead of a form."""
        return self.world.clues

    @property
    def star_clues(self) -> list[SimulatedDm]:
        """Every lead of a direct message."""
        return self.world.star_clues

    def options(self, _secret_env: str) -> dict[str, Any]:
        """A source that it pushes to needs no options."""
        return {}
