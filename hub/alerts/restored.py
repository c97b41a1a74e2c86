"""What becomes of alerts that come out of a backup: nobody is told of the past."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.alerts.tables import alert, message


def lay_to_rest(conn: sa.Connection, now: datetime) -> tuple[int, int]:
    """Close every alert and give up every message that waits; how many of each.

    What still holds is raised anew, and then told. That an alert closed is news of the past, too: all of them are
    settled, so that nothing more is told of them.
    """
    closed = conn.execute(
        alert.update().where(alert.c.closed_at.is_(None)).values(closed_at=now)
    ).rowcount
    conn.execute(alert.update().where(alert.c.settled_at.is_(None)).values(settled_at=now))
    waiting = message.c.sent_at.is_(None) & message.c.given_up_at.is_(None)
    given_up = conn.execute(
        message.update()
        .where(waiting)
        .values(given_up_at=now, failure="the store was restored from a backup")
    ).rowcount
    return closed, given_up
