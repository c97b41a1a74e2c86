"""The simulated platform's state: its token and its leads. It has no lists to ask for, it only pushes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from hub.connectors.xiaohongshu.simulator.drifts import DRIFTS, Data, Drift, described
from hub.connectors.xiaohongshu.simulator.people import SimulatedDm, SimulatedForm, a_dm, a_form
from hub.errors import ConfigError

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


class World:
    """The leads of one ad account: fill it with `add_clues` (forms) and `add_star_clues` (direct messages)."""

    def __init__(
        self, seed: int = 1, *, clock: Clock = utc_now, account_id: str = "1000001"
    ) -> None:
        self.seed = seed
        self.clock = clock
        self.account_id = account_id
        self.app_secret = f"demo_xhs_token_{seed}"
        self.drift: Drift | None = None
        self.drift_after = 0
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

    def drifted(self, data: Data, number: int) -> Data:
        """What the drift in use, if there is one, makes of lead `number`."""
        if self.drift is None or number < self.drift_after:
            return data
        return self.drift.change(data)

    def use_drift(self, name: str | None, *, after: int = 0) -> None:
        """Payloads are changed as `DRIFTS` says, from lead number `after` on; None ends it.

        Raises:
            ConfigError: there is no drift of that name.
        """
        if name is not None and name not in DRIFTS:
            raise ConfigError(f"no drift {name!r}; there are\n{described()}")
        self.drift = None if name is None else DRIFTS[name]
        self.drift_after = after


class Simulator:
    """聚光 as far as it pushes: a world without an address of its own."""

    url = ""
    calls: tuple[Any, ...] = ()

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
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

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was opened."""
