"""The simulated platform's state: leads, and the calls made to its gateway. No HTTP here.

Every method may be called from any thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hub.connectors.meituan.signing import Profile
from hub.connectors.simulation import DriftingWorld

Clock = Callable[[], datetime]

_FIRST_LEAD = 90_000_000
# Numbers that no operator has given out to anybody we know.
_FIRST_MOBILE = 19_900_100_000
_MOBILES = 100_000
_NAMES = ("张三", "李四", "王五", "测试一", "测试二", "示例")
_PROJECTS = ("口腔种植", "少儿编程", "摄影套餐", "瑜伽私教")
_CITIES = ("北京", "上海", "深圳", "杭州", "成都")
_LENT_SHARE = 0.3
_CALLS_KEPT = 10_000


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SimulatedLead:
    """One invented lead. `is_lent` says that its phone is a number that the platform lends."""

    number: int
    lead_id: str
    name: str
    phone: str
    is_lent: bool
    project: str
    city: str
    created_at: datetime

    @property
    def key(self) -> str:
        """What a sender remembers it by."""
        return self.lead_id

    def message(self) -> dict[str, Any]:
        """The message as `example.yaml` maps it. No real one has these keys."""
        return {
            "demo_lead_id": self.lead_id,
            "demo_created_at": int(self.created_at.timestamp()),
            "demo_name": self.name,
            "demo_phone": self.phone,
            "demo_phone_is_lent": self.is_lent,
            "demo_project": self.project,
            "demo_city": self.city,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the gateway: path, form fields, the code that it was answered with."""

    path: str
    fields: Mapping[str, str]
    code: str


class World(DriftingWorld):
    """The platform: fill it with `add_clues`, look at `clues` and `calls`, break it with `fail_next`."""

    def __init__(
        self, seed: int = 1, *, clock: Clock = utc_now, profile: Profile = Profile.MTOP
    ) -> None:
        super().__init__()
        self.seed = seed
        self.clock = clock
        self.profile = profile
        self.app_id = "100001"
        self.app_secret = f"demo_sign_key_{seed}"
        self.token = f"demo_token_{seed}"
        self.account = "demo_biz_code"
        self.clues: list[SimulatedLead] = []
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self.lock = threading.RLock()
        self._faults: deque[tuple[int, str]] = deque()

    def add_clues(
        self, count: int, *, created_at: datetime | None = None, every_s: float = 0.0
    ) -> list[SimulatedLead]:
        """`count` new leads, the first created at `created_at` (default now), the others `every_s` apart."""
        with self.lock:
            first = created_at or self.clock()
            start = len(self.clues)
            new = [
                a_lead(self.seed, start + n, first + timedelta(seconds=n * every_s))
                for n in range(count)
            ]
            self.clues += new
            return new

    def fail_next(self, *, status: int = 200, code: str = "", times: int = 1) -> None:
        """Answer the next calls with this HTTP status and code."""
        with self.lock:
            self._faults.extend([(status, code)] * times)

    def next_fault(self) -> tuple[int, str] | None:
        """The fault that was planned for this call."""
        with self.lock:
            return self._faults.popleft() if self._faults else None

    def note_call(self, path: str, fields: Mapping[str, str], code: str) -> None:
        """Remember an answered call."""
        with self.lock:
            self.calls.append(Call(path, fields, code))


def a_lead(seed: int, number: int, created_at: datetime) -> SimulatedLead:
    """Lead `number` of the run with this seed."""
    chance = Random(f"lead:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    return SimulatedLead(
        number=number,
        lead_id=str(_FIRST_LEAD + seed % 1000 * 1_000_000 + number),
        name=chance.choice(_NAMES),
        phone=str(_FIRST_MOBILE + number % _MOBILES),
        is_lent=chance.random() < _LENT_SHARE,
        project=chance.choice(_PROJECTS),
        city=chance.choice(_CITIES),
        created_at=created_at,
    )
