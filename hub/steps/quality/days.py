"""Counts of field quality that the checks read: each day counted when it is due, so that no check scans leads.

A day is that on which leads came, in China. Today and yesterday are counted anew each hour, the other days of
the checks' stretch once a day, since a replay may have mended them; days before it stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.crm.quality import doubled_contacts
from hub.database.engine import store_errors
from hub.mapping.quality import FieldCount
from hub.ops.quality import (
    DoubledContacts,
    QualityDay,
    forget_before,
    newest_doubled,
    read_days,
    replace_days,
    write_doubled,
)
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.laws import snapshot
from hub.steps.quality.measure import ZONE, Measuring, SourceQuality, day_scope

FRESH = timedelta(minutes=50)
KEPT = timedelta(days=400)
_FED = "fed"
# Stands for a day without any lead, so that it is known to have been counted.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class StoredQuality:
    """What the checks judge: by source over the last days, and customers that stand twice.

    `counted_at` is when the newest day was counted, None if none ever was.
    """

    sources: dict[str, SourceQuality]
    doubled: Sequence[DoubledContacts]
    counted_at: datetime | None


def today_of(now: datetime) -> date:
    """The day that it is in China."""
    return now.astimezone(ZONE).date()


def count_due(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    now: datetime,
    *,
    anew: bool = False,
) -> list[date]:
    """Count every day of the checks' stretch that is due, with `anew` all of them; the days that were.

    Once a day customers that stand twice are counted over the whole store, too.
    """
    today = today_of(now)
    days = [today - timedelta(days=n) for n in range(settings.quality.days)]
    with store_errors(), engine.begin() as conn:
        stored = read_days(conn, first=days[-1], last=today)
        doubled = newest_doubled(conn)
    due = [day for day in days if anew or _is_due(day, stored, now)]
    if due:
        measuring = Measuring.prepared(engine, keyring, settings)
        for day in due:
            count_day(engine, measuring, day, now)
    if anew or not doubled or doubled[0].day != today:
        with store_errors(), snapshot(engine) as conn:
            found = doubled_contacts(conn)
        with store_errors(), engine.begin() as conn:
            write_doubled(conn, today, found, now)
            forget_before(conn, today - KEPT)
    return due


def count_day(engine: sa.Engine, measuring: Measuring, day: date, now: datetime) -> None:
    """Count one day and store it in place of what was counted before."""
    with store_errors(), snapshot(engine) as conn:
        found = measuring.measure(conn, day_scope(day), lambda _: None)
    rows = [
        QualityDay(one.merchant, one.source_key, day, one.leads, one.duplicates, _body(one), now)
        for one in found or [SourceQuality(NOBODY, NOBODY)]
    ]
    with store_errors(), engine.begin() as conn:
        replace_days(conn, day, rows)


def read_stored(conn: sa.Connection, settings: HubSettings, now: datetime) -> StoredQuality:
    """What was counted of the last days; a few rows for each source."""
    today = today_of(now)
    first = today - timedelta(days=settings.quality.days - 1)
    days = read_days(conn, first=first, last=today)
    counted_at = max((day.counted_at for day in days), default=None)
    return StoredQuality(sum_days(days), newest_doubled(conn), counted_at)


def sum_days(days: Iterable[QualityDay]) -> dict[str, SourceQuality]:
    """Source key → the sum of its days; a source belongs to one merchant."""
    found: dict[str, SourceQuality] = {}
    for day in days:
        if day.source_key == NOBODY:
            continue
        counts = {
            name: FieldCount.from_json(body) for name, body in day.fields.items() if name != _FED
        }
        one = SourceQuality(
            day.merchant, day.source_key, day.leads, day.duplicates, counts,
            frozenset(day.fields.get(_FED, ())),
        )  # fmt: skip
        if day.source_key in found:
            found[day.source_key].add(one)
        else:
            found[day.source_key] = one
    return found


def _is_due(day: date, stored: Sequence[QualityDay], now: datetime) -> bool:
    counted = [row.counted_at for row in stored if row.day == day]
    if not counted:
        return True
    is_young = day >= today_of(now) - timedelta(days=1)
    if is_young:
        return now - min(counted) >= FRESH
    return today_of(min(counted)) < today_of(now)


def _body(found: SourceQuality) -> dict[str, Any]:
    fields = {name: count.as_json() for name, count in sorted(found.fields.items())}
    return {**fields, _FED: sorted(found.fed)}
