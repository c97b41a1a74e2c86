"""Somebody takes an alert: by the link in its message, or by name on the command line."""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.alerts.outbox import acknowledge_alert
from hub.alerts.reading import one_alert
from hub.alerts.saying import Said, say_or_keep
from hub.database.engine import store_errors
from hub.escalation.model import Language
from hub.ops.audit import write_audit
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings

LINK_LIVES = timedelta(days=30)
"""How long after an alert's end its link still shows it."""
LINK = "link"
_LONGEST_NAME = 40
_MANY_DIGITS = re.compile(r"\d{7,}")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of an alert shows."""

    id: int
    kind: str
    severity: str
    summary: str
    action: str
    facts: Mapping[str, object]
    count: int
    first_at: datetime
    last_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    closed_at: datetime | None

    def said(self, language: Language) -> Said:
        """What happened and what to run, in a language."""
        return say_or_keep(self.kind, self.facts, language, Said(self.summary, self.action))


def ack_link(settings: HubSettings, keyring: KeyRing, alert_id: int) -> str:
    """The address of the page on which an alert is acknowledged."""
    return f"{settings.public_url.rstrip('/')}/alerts/{alert_id}/{ack_token(keyring, alert_id)}"


def ack_token(keyring: KeyRing, alert_id: int) -> str:
    """What proves that somebody was sent the link of this alert: 128 bits, hexadecimal."""
    return keyring.synthetic_id("alert acknowledgement", str(alert_id))


def is_ack_token(keyring: KeyRing, alert_id: int, token: str) -> bool:
    """Whether `token` is that of the alert; takes as long for any other."""
    return hmac.compare_digest(ack_token(keyring, alert_id).encode(), token.encode())


def shown_alert(engine: sa.Engine, alert_id: int, now: datetime) -> Shown | None:
    """An alert for its page; `None` if there is none, or it ended longer ago than its link lives.

    Raises:
        StoreAwayError: the database is away.
    """
    with store_errors(), engine.connect() as conn:
        return _shown(conn, alert_id, now)


def acknowledge_by_link(
    engine: sa.Engine, alert_id: int, name: str, now: datetime
) -> Shown | None:
    """Acknowledge as `name`, any text that a person typed, and show what is so then.

    Raises:
        StoreAwayError: the database is away; nothing was written.
    """
    with store_errors(), engine.begin() as conn:
        if _shown(conn, alert_id, now) is None:
            return None
        acknowledge(conn, alert_id, plain_name(name) or LINK, now)
        return _shown(conn, alert_id, now)


def acknowledge(conn: sa.Connection, alert_id: int, who: str, now: datetime) -> bool:
    """Note that `who` takes an open alert, audited; whether that was new."""
    if not acknowledge_alert(conn, alert_id, who, now):
        return False
    found = one_alert(conn, alert_id)
    merchant = found["merchant"] if found else None
    write_audit(
        conn, who=who, action="alert acknowledged", target=str(alert_id), merchant=merchant
    )
    return True


def plain_name(text: str) -> str:
    """`text` as a short name: letters, digits and a few signs; what looks like a phone is left out."""
    folded = unicodedata.normalize("NFKC", text)
    kept = "".join(c if c.isalnum() or c in "._-@" else " " for c in folded)
    return " ".join(_MANY_DIGITS.sub("", kept).split())[:_LONGEST_NAME].strip()


def _shown(conn: sa.Connection, alert_id: int, now: datetime) -> Shown | None:
    row = one_alert(conn, alert_id)
    if row is None or (row["closed_at"] and row["closed_at"] + LINK_LIVES < now):
        return None
    wanted = [name for name in Shown.__dataclass_fields__ if name != "kind"]
    facts = {name: row[name] for name in wanted}
    return Shown(kind=row["dedupe_key"].partition(":")[0], **facts)
