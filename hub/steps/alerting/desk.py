"""What operators do with alerts: look, acknowledge by name, silence. Every change is audited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.alerts import reading, silences
from hub.alerts.saying import Said, say_or_keep
from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.escalation.model import Language, Silence
from hub.ops.audit import write_audit
from hub.steps.alerting.acknowledge import acknowledge

LONGEST_SILENCE = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert with its messages, oldest first."""

    alert: sa.RowMapping
    messages: Sequence[sa.RowMapping]

    @property
    def state(self) -> str:
        """`open`, `acknowledged` or `closed`."""
        if self.alert["closed_at"]:
            return "closed"
        return "acknowledged" if self.alert["acknowledged_at"] else "open"

    def said(self, language: Language) -> Said:
        """What happened and what to run, in a language."""
        one = self.alert
        stored = Said(one["summary"], one["action"])
        return say_or_keep(one["dedupe_key"].partition(":")[0], one["facts"], language, stored)


def seen_alerts(
    engine: sa.Engine, *, closed_too: bool, merchant: str | None, limit: int
) -> list[Seen]:
    """Open alerts, the worst first; then closed ones if wanted."""
    with store_errors(), engine.connect() as conn:
        found = reading.listed(conn, closed_too=closed_too, merchant=merchant, limit=limit)
        by_alert: defaultdict[int, list[sa.RowMapping]] = defaultdict(list)
        for message in reading.messages_of(conn, [row["id"] for row in found]):
            by_alert[message["alert_id"]].append(message)
    return [Seen(row, by_alert[row["id"]]) for row in found]


def one_seen(engine: sa.Engine, number: int) -> tuple[Seen, Sequence[sa.RowMapping]]:
    """An alert with its messages, and every try to send one of them.

    Raises:
        ConfigError: there is no such alert.
    """
    with store_errors(), engine.connect() as conn:
        row = _existing(conn, number)
        messages = reading.messages_of(conn, [number])
        ids = [message["id"] for message in messages]
        since = min((message["created_at"] for message in messages), default=row["first_at"])
        return Seen(row, messages), reading.tries_of(conn, ids, since)


def acknowledge_by_name(engine: sa.Engine, number: int, who: str, now: datetime) -> bool:
    """Take an alert; whether nobody had, and it was open.

    Raises:
        ConfigError: there is no such alert.
    """
    with store_errors(), engine.begin() as conn:
        _existing(conn, number)
        return acknowledge(conn, number, who, now)


def silence_alerts(
    engine: sa.Engine, wanted: Silence, *, reason: str, who: str, now: datetime
) -> tuple[int, int]:
    """Begin a silence; its number, and how many open alerts it holds now.

    Raises:
        ConfigError: it would last for more than 31 days, has no pattern, or no reason.
    """
    if not wanted.pattern.strip() or not reason.strip():
        raise ConfigError("a silence needs a pattern (like gate:*) and a reason")
    if not now < wanted.until <= now + LONGEST_SILENCE:
        raise ConfigError(f"a silence lasts at most {LONGEST_SILENCE.days} days")
    with store_errors(), engine.begin() as conn:
        number = silences.add_silence(conn, wanted, reason=reason, made_by=who, now=now)
        write_audit(
            conn,
            who=who,
            action="alerts silenced",
            target=wanted.pattern,
            merchant=wanted.merchant,
        )
        return number, silences.held_by(conn, wanted)


def end_silence(engine: sa.Engine, number: int, who: str, now: datetime) -> None:
    """End a silence now; alerts that it held are told.

    Raises:
        ConfigError: there is none of that number that is on.
    """
    with store_errors(), engine.begin() as conn:
        if not silences.end_silence(conn, number, now):
            raise ConfigError(f"no silence {number} is on; see `hub alerts silences`")
        write_audit(conn, who=who, action="silence ended", target=str(number))


def seen_silences(engine: sa.Engine, now: datetime) -> Sequence[sa.RowMapping]:
    """Silences that are on."""
    with store_errors(), engine.connect() as conn:
        return silences.listed(conn, now)


def _existing(conn: sa.Connection, number: int) -> Any:  # noqa: ANN401 -- a row
    row = reading.one_alert(conn, number)
    if row is None:
        raise ConfigError(f"there is no alert {number}; see `hub alerts list`")
    return row
