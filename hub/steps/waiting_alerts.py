"""Alerts about records that wait for the network longer than their source allows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.database.engine import driver, store_errors
from hub.inbox.waiting import Queueing, what_waits
from hub.settings import SourceSettings
from hub.steps.watchdog.sight import Alarm


def judge_waiting(
    source_key: str, source: SourceSettings, row: Queueing | None, now: datetime
) -> Alarm | None:
    """What to say about what waits of a source, None while nothing waits for too long. Pure."""
    if row is None or (now - row.oldest).total_seconds() < source.resolve.alert_after_s:
        return None
    return Alarm(
        f"waiting:{source_key}",
        "warning",
        {
            "source": source_key,
            "records": row.records,
            "oldest": (now - row.oldest).total_seconds(),
        },
        source.merchant,
        source.owner or None,
        row.records,
    )


def warn_of_waiting(
    engine: sa.Engine, sources: Mapping[str, SourceSettings], *, now: datetime
) -> list[str]:
    """Alert for every source whose oldest waiting record is too old, close the alerts of the others.

    For a hub without a notifier: its watchdog looks at the same. Returns the source keys it warned of.
    """
    warned: list[str] = []
    with store_errors(), engine.begin() as conn:
        found = {row.source_key: row for row in what_waits(driver(conn))}
        for source_key, source in sources.items():
            alarm = judge_waiting(source_key, source, found.get(source_key), now)
            if alarm is None:
                close_alert(conn, f"waiting:{source_key}")
                continue
            warned.append(source_key)
            raise_alert(
                conn,
                dedupe_key=f"waiting:{source_key}",
                severity=alarm.severity,
                facts=alarm.facts,
                merchant=alarm.merchant,
                owner=alarm.owner,
                count=alarm.count,
                is_total=True,
            )
    return warned
