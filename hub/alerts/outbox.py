"""The alert outbox: one open row per dedupe key; a storm of ten thousand is one alert with a count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import psycopg
import sqlalchemy as sa
from psycopg.types.json import Jsonb

from hub.alerts.kinds import kind_of
from hub.alerts.saying import say

Severity = Literal["info", "warning", "critical"]

# An alert never becomes milder by itself; the newest words say what is so now. One that worsens has to be
# acknowledged anew.
_RAISE = """
INSERT INTO alerts.alert AS a (dedupe_key, severity, merchant, owner, summary, action, facts, count)
VALUES (%(dedupe_key)s, %(severity)s, %(merchant)s, %(owner)s, %(summary)s, %(action)s, %(facts)s,
        greatest(%(count)s, 1))
ON CONFLICT (dedupe_key) WHERE closed_at IS NULL DO UPDATE SET
    count = CASE WHEN %(is_total)s THEN greatest(%(count)s, 1) ELSE a.count + %(count)s END,
    last_at = now(),
    summary = excluded.summary,
    action = excluded.action,
    facts = excluded.facts,
    severity = CASE WHEN (a.severity, excluded.severity) IN
                         (('info', 'warning'), ('info', 'critical'), ('warning', 'critical'))
                    THEN excluded.severity ELSE a.severity END,
    acknowledged_at = CASE WHEN (a.severity, excluded.severity) IN
                         (('info', 'warning'), ('info', 'critical'), ('warning', 'critical'))
                    THEN NULL ELSE a.acknowledged_at END
"""


def raise_alert(  # noqa: PLR0913 -- the parts of an alert, each by its name
    conn: sa.Connection,
    *,
    dedupe_key: str,
    severity: Severity,
    facts: Mapping[str, object],
    merchant: str | None = None,
    owner: str | None = None,
    count: int = 1,
    is_total: bool = False,
) -> None:
    """Open an alert, or add `count` to the open one with the same `dedupe_key`.

    With `is_total`, `count` is how many there are now: it replaces the count of the open one.

    `facts` (JSON, never personal data) fill the sentences of its kind (`hub.alerts.sentences`), which say what
    happened and what to run; the newest stay. The fact `case` chooses among several sentences.

    Raises:
        ValueError: the key's first part is no kind of alert, it has no such case, or a fact is missing.
    """
    alert = {
        "dedupe_key": dedupe_key,
        "severity": severity,
        "facts": facts,
        "merchant": merchant,
        "owner": owner,
        "count": count,
        "is_total": is_total,
    }
    conn.exec_driver_sql(_RAISE, _row(alert))


def close_alert(conn: sa.Connection, dedupe_key: str) -> bool:
    """What an alert was about is over; whether one was open."""
    statement = (
        "UPDATE alerts.alert SET closed_at = now() WHERE dedupe_key = %s AND closed_at IS NULL"
    )
    return conn.exec_driver_sql(statement, (dedupe_key,)).rowcount > 0


async def raise_alert_async(conn: psycopg.AsyncConnection[Any], alert: Mapping[str, Any]) -> None:
    """`raise_alert` for an event loop; `alert` has its keyword arguments, the optional ones too."""
    optional = {"merchant": None, "owner": None, "count": 1, "is_total": False}
    await conn.execute(_RAISE, _row({**optional, **alert}))


def _row(alert: Mapping[str, Any]) -> dict[str, Any]:
    """An alert as its row holds it. Both languages are tried: none may fail when somebody reads."""
    kind, facts = kind_of(alert["dedupe_key"]), alert["facts"]
    say(kind, facts, "zh")
    said = say(kind, facts, "en")
    return {**alert, "summary": said.summary, "action": said.action, "facts": Jsonb(dict(facts))}


def acknowledge_alert(conn: sa.Connection, alert_id: int, who: str, now: datetime) -> bool:
    """Somebody has taken an open alert; whether nobody had before."""
    statement = (
        "UPDATE alerts.alert SET acknowledged_at = %s, acknowledged_by = %s"
        " WHERE id = %s AND acknowledged_at IS NULL AND closed_at IS NULL"
    )
    return conn.exec_driver_sql(statement, (now, who, alert_id)).rowcount > 0
