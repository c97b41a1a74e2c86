"""Stored counts of field quality: per merchant, source and day; customers that stand twice, per merchant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import doubled_contacts, quality_day


@dataclass(frozen=True, slots=True)
class QualityDay:
    """What was counted of a source's leads of one day; `fields` as hub.steps.quality.days writes it."""

    merchant: str
    source_key: str
    day: date
    leads: int
    duplicates: int
    fields: Mapping[str, Any]
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class DoubledContacts:
    """Customers of a merchant, and how many of them have a key of another one."""

    merchant: str
    day: date
    contacts: int
    doubled: int
    counted_at: datetime


def replace_days(conn: sa.Connection, day: date, rows: Sequence[QualityDay]) -> None:
    """Write a day anew, for all merchants and sources."""
    conn.execute(sa.delete(quality_day).where(quality_day.c.day == day))
    if rows:
        names = quality_day.c.keys()
        values = [{name: getattr(row, name) for name in names} for row in rows]
        conn.execute(sa.insert(quality_day), values)


def read_days(
    conn: sa.Connection, *, first: date, last: date, source_key: str | None = None
) -> list[QualityDay]:
    """What was counted of the days from `first` to `last`, oldest first."""
    query = sa.select(quality_day).where(quality_day.c.day.between(first, last))
    if source_key is not None:
        query = query.where(quality_day.c.source_key == source_key)
    ordered = query.order_by(quality_day.c.day, quality_day.c.merchant, quality_day.c.source_key)
    return [QualityDay(**row) for row in conn.execute(ordered).mappings()]


def write_doubled(
    conn: sa.Connection, day: date, found: Mapping[str, tuple[int, int]], now: datetime
) -> None:
    """Write merchant → (contacts, doubled) of a day."""
    for merchant, (contacts, doubled) in found.items():
        values = {"contacts": contacts, "doubled": doubled, "counted_at": now}
        statement = insert(doubled_contacts).values(merchant=merchant, day=day, **values)
        conn.execute(
            statement.on_conflict_do_update(index_elements=["merchant", "day"], set_=values)
        )


def newest_doubled(conn: sa.Connection) -> list[DoubledContacts]:
    """The newest count of each merchant, by merchant."""
    query = (
        sa.select(doubled_contacts)
        .distinct(doubled_contacts.c.merchant)
        .order_by(doubled_contacts.c.merchant, doubled_contacts.c.day.desc())
    )
    return [DoubledContacts(**row) for row in conn.execute(query).mappings()]


def forget_before(conn: sa.Connection, day: date) -> None:
    """Take out counts of days before `day`."""
    conn.execute(sa.delete(quality_day).where(quality_day.c.day < day))
    conn.execute(sa.delete(doubled_contacts).where(doubled_contacts.c.day < day))
