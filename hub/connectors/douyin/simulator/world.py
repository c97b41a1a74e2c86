"""The simulated platform's state: leads, grants, quotas, faults. No HTTP here.

Every method may be called from any thread: the server answers in its own, tests look in from theirs.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol

from hub.connectors.douyin.simulator.behaviour import Behaviour, Clock, Trouble, utc_now
from hub.connectors.douyin.simulator.drifts import DRIFTS
from hub.connectors.douyin.simulator.local_world import LocalWorld
from hub.connectors.douyin.simulator.people import (
    SimulatedClue,
    SimulatedStarClue,
    a_clue,
    a_star_clue,
)
from hub.connectors.simulation import DriftingWorld

_MINUTE, _PENALTY = timedelta(minutes=1), timedelta(minutes=5)
_PENALTY_FACTOR = 100
_CALLS_KEPT = 10_000
_LOCAL_EVERY = 10


class Shown(Protocol):
    """A lead of any of the lists."""

    @property
    def number(self) -> int:
        """Its number in its list."""
        ...

    def listed(self, now: datetime, /) -> dict[str, Any]:
        """What the list shows of it at `now`."""
        ...


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair of tokens as the platform keeps it."""

    access: str
    refresh: str
    access_expires_at: datetime
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the platform: path, query, the code it was answered with."""

    path: str
    query: Mapping[str, str]
    code: int


@dataclass(slots=True)
class _Windows:
    """When calls were made under one limit."""

    times: deque[datetime] = field(default_factory=deque)
    banned_until: datetime | None = None

    def count(self, now: datetime, span: timedelta) -> int:
        return sum(1 for at in self.times if at > now - span)

    def add(self, now: datetime) -> None:
        self.times.append(now)
        while self.times and self.times[0] <= now - _MINUTE:
            self.times.popleft()


class World(DriftingWorld):
    """The platform: fill it with `add_clues`, look at `clues` and `calls`, break it with `fail_next`."""

    drifts = DRIFTS

    def __init__(
        self,
        seed: int = 1,
        *,
        clock: Clock = utc_now,
        behaviour: Behaviour | None = None,
        advertiser_id: str = "1700000000000001",
        star_id: str = "1800000000000001",
    ) -> None:
        super().__init__()
        self.seed = seed
        self.clock = clock
        self.behaviour = behaviour or Behaviour()
        self.advertiser_id = advertiser_id
        self.star_id = star_id
        self.app_id = "1790000000000001"
        self.app_secret = f"demo_app_secret_{seed}"
        self.clues: list[SimulatedClue] = []
        self.star_clues: list[SimulatedStarClue] = []
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self.lock = threading.RLock()
        self.local = LocalWorld(
            seed, clock=clock, lock=self.lock, behaviour=lambda: self.behaviour
        )
        self._chance = Random(f"world:{seed}")  # noqa: S311 -- faults that can be repeated, no secret
        self._faults: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self._windows: defaultdict[tuple[str, str], _Windows] = defaultdict(_Windows)
        self._codes: dict[str, datetime] = {}
        self._pair: Pair | None = None
        self._issued = 0
        self._answered = 0

    # Leads

    def add_clues(
        self, count: int, *, created_at: datetime | None = None, every_s: float = 0.0
    ) -> list[SimulatedClue]:
        """`count` new leads, the first created at `created_at` (default now), the others `every_s` apart."""
        with self.lock:
            first = created_at or self.clock()
            lag = timedelta(seconds=self.behaviour.visible_after_s)
            start = len(self.clues)
            added = []
            for place in range(count):
                at = first + timedelta(seconds=place * every_s)
                added.append(a_clue(self.seed, start + place, self.advertiser_id, at, at + lag))
            self.clues.extend(added)
            self._add_local(start, first, count, every_s)
            return added

    def _add_local(self, start: int, first: datetime, count: int, every_s: float) -> None:
        """With every tenth lead of the ad account come one of 本地推 and one of 来客, its phone encrypted."""
        for place in range(count):
            if (start + place + 1) % _LOCAL_EVERY == 0:
                at = first + timedelta(seconds=place * every_s)
                self.local.add_life_clues(1, created_at=at)
                self.local.add_laike_clues(1, created_at=at, encrypted="online")

    def add_star_clues(
        self, count: int, *, created_at: datetime | None = None, every_s: float = 1.0
    ) -> list[SimulatedStarClue]:
        """`count` new creator-marketing leads."""
        with self.lock:
            first = created_at or self.clock()
            start = len(self.star_clues)
            added = [
                a_star_clue(
                    self.seed, start + i, self.star_id, first + timedelta(seconds=i * every_s)
                )
                for i in range(count)
            ]
            self.star_clues.extend(added)
            return added

    def list_clues(
        self, accounts: Sequence[str], start: datetime, end: datetime
    ) -> list[SimulatedClue]:
        """What `clue/get` shows now, newest first."""
        with self.lock:
            self.add_clues(self.behaviour.clues_per_call)
            now = self.clock()
            shown = [
                clue
                for clue in self.clues
                if clue.advertiser_id in accounts
                and clue.visible_at <= now
                and self.behaviour.is_between(clue.created_at, start, end)
            ]
        shown.sort(key=lambda clue: (clue.created_at, clue.number), reverse=True)
        return shown

    def list_star_clues(self, star_id: str) -> list[SimulatedStarClue]:
        """What `star/clue/get` shows now."""
        newest_first = self.behaviour.star_order == "newest_first"
        with self.lock:
            shown = [clue for clue in self.star_clues if str(clue.star_id) == star_id]
        shown.sort(key=lambda clue: (clue.created_at, clue.number), reverse=newest_first)
        return shown

    def show(self, clue: Shown) -> dict[str, Any]:
        """A lead as a list shows it now, drift included."""
        return self.drifted(clue.listed(self.clock()), clue.number)

    # Grants

    def new_code(self) -> str:
        """An authorisation code, good once and for ten minutes; it kills the one before."""
        with self.lock:
            code = self._token("code")
            lifetime = timedelta(seconds=self.behaviour.code_lifetime_s)
            self._codes = {code: self.clock() + lifetime}
            return code

    def use_code(self, code: str) -> Pair | Trouble:
        """The pair for a code."""
        with self.lock:
            expires_at = self._codes.pop(code, None)
            if expires_at is None or expires_at < self.clock():
                return Trouble(40115)
            return self.new_pair()

    def use_refresh(self, refresh: str) -> Pair | Trouble:
        """A new pair for the living refresh token; the old pair is dead from now on."""
        with self.lock:
            pair = self._pair
            if pair is None or refresh != pair.refresh:
                return Trouble(40107)
            if pair.refresh_expires_at < self.clock():
                return Trouble(40103)
            return self.new_pair()

    def new_pair(self) -> Pair:
        """A pair that replaces whatever was granted before."""
        with self.lock:
            now, behaviour = self.clock(), self.behaviour
            self._pair = Pair(
                access=self._token("access"),
                refresh=self._token("refresh"),
                access_expires_at=now + timedelta(seconds=behaviour.access_lifetime_s),
                refresh_expires_at=now + timedelta(seconds=behaviour.refresh_lifetime_s),
            )
            return self._pair

    def expire_access(self) -> None:
        """The access token is too old from now on; the refresh token is not."""
        with self.lock:
            if self._pair is not None:
                past = self.clock() - timedelta(seconds=1)
                self._pair = replace(self._pair, access_expires_at=past)

    def check_access(self, token: str) -> Trouble | None:
        """What is wrong with an access token."""
        with self.lock:
            if not token:
                return Trouble(40104)
            if self._pair is None or token != self._pair.access:
                return Trouble(40105)
            return Trouble(40102) if self._pair.access_expires_at < self.clock() else None

    def note_call(self, path: str, query: Mapping[str, str], code: int) -> int:
        """Remember an answered call; its number."""
        with self.lock:
            self.calls.append(Call(path, query, code))
            self._answered += 1
            return self._answered

    def _token(self, kind: str) -> str:
        self._issued += 1
        return hashlib.sha256(f"{kind}:{self.seed}:{self._issued}".encode()).hexdigest()[:40]

    # Limits and faults

    def fail_next(
        self, path: str, code: int, *, times: int = 1, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the next `times` calls of `path` with `code`."""
        with self.lock:
            self._faults[path].extend([Trouble(code, headers or {})] * times)

    def check_call(self, path: str, accounts: Sequence[str]) -> Trouble | None:
        """A planned fault, a limit that this call breaks, or a fault by chance; None if all is well."""
        with self.lock:
            if self._faults[path]:
                return self._faults[path].popleft()
            limited = self._over_account(path, accounts) or self._over_developer(path)
            if limited:
                return limited
            if self._chance.random() < self.behaviour.fault_share:
                return Trouble(self._chance.choice(self.behaviour.fault_codes))
            return None

    def _over_account(self, path: str, accounts: Sequence[str]) -> Trouble | None:
        """The customer's limit: checked first, and it uses up nothing of the developer's."""
        now = self.clock()
        windows = [self._windows[path, account] for account in accounts]
        second = timedelta(seconds=1)
        if any(w.count(now, second) >= self.behaviour.account_qps for w in windows):
            return Trouble(40130)
        for window in windows:
            window.add(now)
        return None

    def _over_developer(self, path: str) -> Trouble | None:
        now, quota = self.clock(), self.behaviour.developer_qps
        window = self._windows[path, ""]
        window.add(now)
        if window.count(now, _MINUTE) > quota * _PENALTY_FACTOR:
            window.banned_until = now + _PENALTY
        if window.banned_until is not None and window.banned_until > now:
            left_s = int((window.banned_until - now).total_seconds())
            return Trouble(40110, _limit_headers("developer_qpm", quota * _PENALTY_FACTOR, left_s))
        if window.count(now, timedelta(seconds=1)) > quota:
            return Trouble(40110, _limit_headers("developer_qps", quota, 1))
        return None


def _limit_headers(dimension: str, limit: int, retry_in_s: int) -> dict[str, str]:
    return {
        "X-RateLimit-Dimension": dimension,
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-RetryIn": str(retry_in_s),
    }
