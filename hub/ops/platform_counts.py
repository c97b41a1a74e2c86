"""Rows of `ops.platform_count`: what a platform says it sent on a day, against what came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import platform_count

StatedBy = Literal["list", "file", "person"]


@dataclass(frozen=True, slots=True)
class PlatformCount:
    """One source's day. `stated` is the platform's figure, `arrived` the leads of that day in the CRM.

    `not_pushed` are those of `arrived` that no push brought (0 where nothing is pushed), `held` and
    `set_aside` what came and is no lead (yet).
    """

    source_key: str
    day: date
    stated_by: StatedBy
    stated: int
    arrived: int
    not_pushed: int
    held: int
    set_aside: int
    counted_at: datetime

    @property
    def missing(self) -> int:
        """How many of the platform's leads never came; below zero if more came than it says."""
        return self.stated - self.arrived - self.held - self.set_aside


_COLUMNS = [platform_count.c[name] for name in PlatformCount.__dataclass_fields__]
_KEY = ("source_key", "day", "stated_by")


def save_count(conn: sa.Connection, found: PlatformCount) -> None:
    """Write a day's count, over an earlier one from the same place."""
    values = {name: getattr(found, name) for name in PlatformCount.__dataclass_fields__}
    changed = {name: value for name, value in values.items() if name not in _KEY}
    conn.execute(
        insert(platform_count)
        .values(**values)
        .on_conflict_do_update(index_elements=list(_KEY), set_=changed)
    )


def read_counts(
    conn: sa.Connection, *, since: date, source_key: str | None = None
) -> list[PlatformCount]:
    """The counts of days from `since` on, newest day first.

    What arrived is that of the day's newest count: what came since an older statement counts for it, too.
    """
    query = sa.select(*_COLUMNS).where(platform_count.c.day >= since)
    if source_key is not None:
        query = query.where(platform_count.c.source_key == source_key)
    ordered = query.order_by(platform_count.c.day.desc(), platform_count.c.source_key)
    counts = [PlatformCount(*row) for row in conn.execute(ordered)]
    newest = {(one.source_key, one.day): one for one in sorted(counts, key=_counted_at)}
    return [_as_of(one, newest[one.source_key, one.day]) for one in counts]


def _counted_at(found: PlatformCount) -> datetime:
    return found.counted_at


def _as_of(stated: PlatformCount, newest: PlatformCount) -> PlatformCount:
    """A statement against what a later count of the same day found."""
    return replace(
        stated,
        arrived=newest.arrived,
        not_pushed=newest.not_pushed,
        held=newest.held,
        set_aside=newest.set_aside,
    )
