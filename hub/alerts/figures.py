"""Figures of alerts and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.tables import alert, attempt, message


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """Open alerts of one severity, acknowledged or not."""

    severity: str
    acknowledged: bool
    alerts: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a channel was asked, and how often it did not take the message."""

    channel: str
    tries: int
    failed: int


def open_by_severity(conn: sa.Connection) -> list[OpenAlerts]:
    """Open alerts by severity and whether somebody has acknowledged them."""
    acknowledged = alert.c.acknowledged_at.is_not(None)
    oldest = sa.func.min(alert.c.first_at)
    query = (
        sa.select(alert.c.severity, acknowledged, sa.func.count(), oldest)
        .where(alert.c.closed_at.is_(None))
        .group_by(alert.c.severity, acknowledged)
        .order_by(alert.c.severity, acknowledged)
    )
    return [OpenAlerts(*row) for row in conn.execute(query)]


def messages_due(conn: sa.Connection, now: datetime) -> int:
    """How many messages should be out by now and are not."""
    waits = message.c.sent_at.is_(None) & message.c.given_up_at.is_(None)
    query = sa.select(sa.func.count()).where(waits, message.c.not_before <= now)
    return int(conn.execute(query).scalar_one())


def messages_given_up(conn: sa.Connection, since: datetime) -> int:
    """How many messages were given up since then."""
    query = sa.select(sa.func.count()).where(message.c.given_up_at >= since)
    return int(conn.execute(query).scalar_one())


def tries_by_channel(conn: sa.Connection, since: datetime) -> list[Tries]:
    """Tries since then, by channel."""
    failed = sa.func.count().filter(attempt.c.failure.is_not(None))
    query = (
        sa.select(attempt.c.channel, sa.func.count(), failed)
        .where(attempt.c.started_at >= since)
        .group_by(attempt.c.channel)
        .order_by(attempt.c.channel)
    )
    return [Tries(*row) for row in conn.execute(query)]
