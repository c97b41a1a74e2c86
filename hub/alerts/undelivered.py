"""Messages that did not reach anybody: they wait for too long, or were given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.tables import message


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Messages of one severity: how many are late and how many were given up, since when the first."""

    severity: str
    late: int
    given_up: int
    since: datetime


def undelivered(
    conn: sa.Connection, *, late_before: datetime, given_up_since: datetime
) -> list[Undelivered]:
    """By severity, those that were due before `late_before` or given up since `given_up_since`.

    A message that waits for the end of quiet hours is not due.
    """
    late = (
        message.c.sent_at.is_(None)
        & message.c.given_up_at.is_(None)
        & (message.c.not_before < late_before)
    )
    given_up = message.c.given_up_at >= given_up_since
    count = sa.func.count()
    query = (
        sa.select(
            message.c.severity,
            count.filter(late),
            count.filter(given_up),
            sa.func.min(message.c.created_at),
        )
        .where(late | given_up)
        .group_by(message.c.severity)
        .order_by(message.c.severity)
    )
    return [Undelivered(*row) for row in conn.execute(query)]
