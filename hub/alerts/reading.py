"""Alerts, their messages and tries, for those who look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.tables import alert, attempt, message

_WORST_FIRST = sa.case(
    (alert.c.severity == "critical", 0), (alert.c.severity == "warning", 1), else_=2
)


def open_alerts(conn: sa.Connection, beginning: str = "") -> Sequence[sa.RowMapping]:
    """Alerts that nobody closed and whose dedupe key begins so, oldest first."""
    query = sa.select(alert).where(
        alert.c.closed_at.is_(None), alert.c.dedupe_key.startswith(beginning, autoescape=True)
    )
    return conn.execute(query.order_by(alert.c.id)).mappings().all()


def listed(
    conn: sa.Connection, *, closed_too: bool, merchant: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """Open alerts first, of these the worst first; closed ones, if wanted, the newest first."""
    query = sa.select(alert)
    if not closed_too:
        query = query.where(alert.c.closed_at.is_(None))
    if merchant is not None:
        query = query.where(alert.c.merchant == merchant)
    is_closed = alert.c.closed_at.is_not(None)
    worst = sa.case((is_closed, 9), else_=_WORST_FIRST)
    order = (is_closed, worst, alert.c.closed_at.desc(), alert.c.first_at)
    return conn.execute(query.order_by(*order).limit(limit)).mappings().all()


def one_alert(conn: sa.Connection, number: int) -> sa.RowMapping | None:
    """An alert, open or closed."""
    return conn.execute(sa.select(alert).where(alert.c.id == number)).mappings().one_or_none()


def messages_of(conn: sa.Connection, alerts: Sequence[int]) -> Sequence[sa.RowMapping]:
    """The messages of alerts, oldest first."""
    query = sa.select(message).where(message.c.alert_id.in_(alerts)).order_by(message.c.id)
    return conn.execute(query).mappings().all()


def tries_of(
    conn: sa.Connection, messages: Sequence[int], since: datetime
) -> Sequence[sa.RowMapping]:
    """Tries since then that one of these messages was part of, oldest first."""
    wanted = sa.cast(list(messages), sa.ARRAY(sa.BigInteger))
    query = sa.select(attempt).where(
        attempt.c.started_at >= since, attempt.c.messages.op("&&")(wanted)
    )
    return conn.execute(query.order_by(attempt.c.id)).mappings().all()


def last_tries(conn: sa.Connection) -> Sequence[sa.RowMapping]:
    """The last ended try of each channel: when, and what it failed of, if it did."""
    query = (
        sa.select(attempt)
        .where(attempt.c.ended_at.is_not(None))
        .distinct(attempt.c.channel)
        .order_by(attempt.c.channel, attempt.c.id.desc())
    )
    return conn.execute(query).mappings().all()
