"""How the simulated platform behaves, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from hub.connectors.douyin import crypto

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the platform behaves. What its documents leave open can be set both ways."""

    access_lifetime_s: int = 86_400
    refresh_lifetime_s: int = 2_592_000
    code_lifetime_s: int = 600
    developer_qps: int = 1000
    account_qps: int = 1000
    max_page_size: int = 100
    clues_per_call: int = 0  # appear before each answer of a list, so that pages shift
    visible_after_s: float = 0.0
    end_is_inclusive: bool = True
    star_order: Literal["newest_first", "oldest_first"] = "newest_first"
    fault_share: float = 0.0
    fault_codes: tuple[int, ...] = (50000, 40100)
    # 来客
    client_lifetime_s: int = 7_200
    laike_per_minute: int = 10_000
    laike_cap: int = 10_000  # leads of a window that are listed
    laike_code_in: Literal["data", "extra", "both"] = "both"
    decrypt_quota: int | None = None  # whole numbers a day
    pad_first: crypto.Side = "left"

    def is_between(self, created_at: datetime, start: datetime, end: datetime) -> bool:
        """Whether a window holds what was created then, to the second."""
        second = created_at.replace(microsecond=0)
        return start <= second and (second <= end if self.end_is_inclusive else second < end)


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer with a code other than 0; `said` is its description."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    said: str = "demo error"
