"""What was told while the database was away, written down afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.tables import alert, message
from hub.escalation.model import Alert, Told


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message that was sent, or could not be, without the store knowing."""

    told: Told
    sent_at: datetime | None
    sent_via: str | None
    is_repeat: bool


def write_past(
    conn: sa.Connection, past: Alert, messages: Sequence[PastMessage], now: datetime
) -> None:
    """An alert that is over with its messages; who was told of it is then told of its end. Once only."""
    known = sa.select(alert.c.id).where(
        alert.c.dedupe_key == past.dedupe_key, alert.c.first_at == past.first_at
    )
    if conn.execute(known).first() is not None:
        return
    values = {
        "dedupe_key": past.dedupe_key,
        "severity": past.severity,
        "summary": past.summary,
        "action": past.action,
        "facts": dict(past.facts),
        "first_at": past.first_at,
        "last_at": now,
        "closed_at": now,
    }
    number = conn.execute(sa.insert(alert).values(**values).returning(alert.c.id)).scalar_one()
    rows = [
        {
            "alert_id": number,
            "event": one.told.event.value,
            "step": one.told.step,
            "recipient": one.told.recipient,
            "severity": one.told.severity,
            "created_at": one.told.at,
            "not_before": one.told.at,
            "attempts": 1,
            "sending_at": one.sent_at,
            "sent_at": one.sent_at,
            "sent_via": one.sent_via,
            "is_repeat": one.is_repeat,
        }
        for one in messages
    ]
    conn.execute(sa.insert(message), rows)
