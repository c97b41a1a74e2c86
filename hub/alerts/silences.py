"""Silences: alerts that nobody is told of until an instant, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.tables import alert, silence
from hub.escalation.model import Alert, Silence
from hub.escalation.silences import fits


def add_silence(
    conn: sa.Connection, wanted: Silence, *, reason: str, made_by: str, now: datetime
) -> int:
    """Begin a silence; its number."""
    new = sa.insert(silence).values(
        pattern=wanted.pattern,
        merchant=wanted.merchant,
        until=wanted.until,
        reason=reason,
        made_by=made_by,
        made_at=now,
    )
    return int(conn.execute(new.returning(silence.c.id)).scalar_one())


def end_silence(conn: sa.Connection, number: int, now: datetime) -> bool:
    """End a silence before its time; whether it was still on."""
    statement = (
        sa.update(silence)
        .where(silence.c.id == number, silence.c.ended_at.is_(None), silence.c.until > now)
        .values(ended_at=now)
    )
    return conn.execute(statement).rowcount > 0


def silences_that_count(conn: sa.Connection) -> list[Silence]:
    """Those that are on or ended since the oldest alert opened that is still told of; `until` is the real end."""
    end = sa.func.coalesce(silence.c.ended_at, silence.c.until)
    oldest = sa.select(sa.func.min(alert.c.first_at)).where(alert.c.settled_at.is_(None))
    query = (
        sa.select(silence.c.pattern, end, silence.c.merchant)
        .where(end > oldest.scalar_subquery())
        .order_by(silence.c.id)
    )
    return [Silence(pattern, until, merchant) for pattern, until, merchant in conn.execute(query)]


def listed(conn: sa.Connection, now: datetime) -> Sequence[sa.RowMapping]:
    """Silences that are on at `now`, the one that ends first at the top."""
    query = sa.select(silence).where(silence.c.ended_at.is_(None), silence.c.until > now)
    return conn.execute(query.order_by(silence.c.until, silence.c.id)).mappings().all()


def held_by(conn: sa.Connection, wanted: Silence) -> int:
    """How many open alerts a silence is about."""
    found = conn.execute(sa.select(alert).where(alert.c.closed_at.is_(None))).mappings()
    shown = (
        Alert(
            id=row["id"],
            dedupe_key=row["dedupe_key"],
            severity=row["severity"],
            summary="",
            action="",
            first_at=row["first_at"],
            last_at=row["last_at"],
            merchant=row["merchant"],
        )
        for row in found
    )
    return sum(fits(wanted, one) for one in shown)
