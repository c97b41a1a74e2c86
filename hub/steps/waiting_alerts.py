"""Alerts about records that wait for the network longer than their source allows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.database.engine import driver, store_errors
from hub.inbox.waiting import what_waits
from hub.settings import SourceSettings


def warn_of_waiting(
    engine: sa.Engine, sources: Mapping[str, SourceSettings], *, now: datetime
) -> list[str]:
    """Alert for every source whose oldest waiting record is too old, close the alerts of the others.

    Returns the source keys it warned of.
    """
    warned: list[str] = []
    with store_errors(), engine.begin() as conn:
        found = {row.source_key: row for row in what_waits(driver(conn))}
        for source_key, source in sources.items():
            row = found.get(source_key)
            age_s = (now - row.oldest).total_seconds() if row else 0.0
            if row is None or age_s < source.resolve.alert_after_s:
                close_alert(conn, f"waiting:{source_key}")
                continue
            warned.append(source_key)
            raise_alert(
                conn,
                dedupe_key=f"waiting:{source_key}",
                severity="warning",
                summary=(
                    f"source {source_key}: {row.records} records wait for the platform's answer,"
                    f" the oldest for {age_s / 60:.0f} minutes"
                ),
                action=f"hub source check {source_key}",
                merchant=source.merchant,
                owner=source.owner or None,
                count=0,
            )
    return warned
