"""What becomes of alerts that come out of a backup: nobody is told of the past."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.alerts.tables import alert, message

FAILURE = "restored"
"""The `failure` of messages that a restore gave up."""


def lay_to_rest(conn: sa.Connection, now: datetime) -> tuple[int, int]:
    """Close every alert and give up every message that waits; how many of each.

    What still holds is raised anew, and then told. That an alert closed is news of the past, too: the message of
    it is written as given up for everybody who had been told of the alert.
    """
    closed = conn.execute(
        alert.update().where(alert.c.closed_at.is_(None)).values(closed_at=now)
    ).rowcount
    waiting = message.c.sent_at.is_(None) & message.c.given_up_at.is_(None)
    given_up = conn.execute(
        message.update().where(waiting).values(given_up_at=now, failure=FAILURE)
    ).rowcount
    told = (
        sa.select(
            message.c.alert_id,
            sa.literal("closed"),
            message.c.recipient,
            alert.c.severity,
            sa.literal(now, alert.c.closed_at.type),
            sa.literal(FAILURE),
        )
        .join(alert, alert.c.id == message.c.alert_id)
        .distinct()
    )
    columns = ["alert_id", "event", "recipient", "severity", "given_up_at", "failure"]
    conn.execute(insert(message).from_select(columns, told).on_conflict_do_nothing())
    return closed, given_up
