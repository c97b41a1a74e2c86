"""What Dagster's daemon does for the watchdog: says that it lives, and looks whether the notifier does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.alerts.reading import open_alerts
from hub.database.engine import store_errors
from hub.ops.heartbeats import beat, beats, last_beat
from hub.settings import HubSettings
from hub.steps.watchdog.hosts import DAGSTER, NOTIFIER

NOTIFIER_SILENT = timedelta(minutes=2)
_RUN = "run:"
_MISSED = "notifier_seen_at"


def beat_of_dagster(engine: sa.Engine, settings: HubSettings, now: datetime) -> None:
    """Say that the daemon lives; alert if alerts have somewhere to go and nobody takes them there.

    That alert goes out when the notifier is back; until then the list of alerts has it.
    """
    with store_errors(), engine.begin() as conn:
        newest = last_beat(conn, NOTIFIER) or _missed_since(conn, now)
        beat(conn, DAGSTER, "daemon", {_MISSED: newest.timestamp()})
        if not settings.alerts.channels or now - newest <= NOTIFIER_SILENT:
            close_alert(conn, "notifier")
            return
        raise_alert(
            conn,
            dedupe_key="notifier",
            severity="critical",
            facts={"silent": (now - newest).total_seconds()},
            count=0,
        )


def _missed_since(conn: sa.Connection, now: datetime) -> datetime:
    """Since when there is none: one that ends in good order leaves no heartbeat, and may be starting again."""
    known = [row["facts"].get(_MISSED) for row in beats(conn, DAGSTER)]
    return datetime.fromtimestamp(known[0], UTC) if known and known[0] else now


def close_mended_runs(engine: sa.Engine, has_succeeded: Callable[[str], bool]) -> None:
    """Close the alert of each failed job whose last run succeeded; `has_succeeded` is asked by job name."""
    with store_errors(), engine.begin() as conn:
        keys = [str(row["dedupe_key"]) for row in open_alerts(conn, _RUN)]
    mended = [key for key in keys if has_succeeded(key.removeprefix(_RUN))]
    if mended:
        with store_errors(), engine.begin() as conn:
            for key in mended:
                close_alert(conn, key)
