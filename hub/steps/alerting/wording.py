"""Messages as channels take them: an alert, many of them as one digest, a change notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hub.alerts.kinds import KINDS
from hub.alerts.messages import Waiting
from hub.alerts.saying import in_language
from hub.channels.base import Outgoing
from hub.escalation.model import SEVERITIES, Alert, Event, Language
from hub.escalation.phrases import PHRASES
from hub.escalation.wording import digest_words, words
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.alerting.acknowledge import ack_link

_CALLS = (Event.OPENED, Event.WORSENED, Event.CLIMBED, Event.REPEATED)
_LINK_TEXT = {"zh": "确认收到，我来处理", "en": "Acknowledge: I take it"}
_MOST_FACTS = 50


@dataclass(frozen=True, slots=True)
class Wording:
    """Puts alerts into words, in the language of the settings."""

    settings: HubSettings
    keyring: KeyRing

    @property
    def language(self) -> Language:
        """Chinese or English."""
        return self.settings.alerts.language

    def alone(self, alert: Alert, message: Waiting) -> Outgoing:
        """One message of one alert, with the link that acknowledges it."""
        event = Event(message.event)
        has_link = event in _CALLS and alert.id > 0
        told = words(
            in_language(alert, self.language),
            event,
            title=self.title(alert),
            language=self.language,
            is_repeat=message.is_repeat,
            step=message.step,
        )
        return Outgoing(
            title=told.title,
            lines=told.lines,
            severity=alert.severity if event in _CALLS else "info",
            link=ack_link(self.settings, self.keyring, alert.id) if has_link else "",
            link_text=_LINK_TEXT[self.language] if has_link else "",
            facts=_facts(alert, message),
        )

    def digest(self, items: Sequence[tuple[Alert, Waiting]]) -> Outgoing:
        """Many as one: the worst first, the others counted."""
        told = digest_words(
            [
                (in_language(alert, self.language), Event(message.event))
                for alert, message in items
            ],
            {kind: self._title(kind) for kind in KINDS},
            self.language,
        )
        is_repeat = any(message.is_repeat for _, message in items)
        calls = [alert.severity for alert, message in items if message.event in _CALLS]
        return Outgoing(
            title=(PHRASES[self.language].resent if is_repeat else "") + told.title,
            lines=told.lines,
            severity=max(calls, key=SEVERITIES.index, default="info"),
            facts={
                "message_id": f"digest-{items[0][1].id}-{items[-1][1].id}-{len(items)}",
                "alerts": [_facts(alert, message) for alert, message in items[:_MOST_FACTS]],
                "count": len(items),
            },
        )

    def notice(self, notice: sa.RowMapping, message: Waiting) -> Outgoing:
        """A change notice, as it was written."""
        repeated = PHRASES[self.language].resent if message.is_repeat else ""
        return Outgoing(
            title=f"{repeated}{notice['title']}",
            lines=tuple(line for line in notice["body"].splitlines() if line.strip()),
            severity="info",
            facts={
                "message_id": f"notice-{notice['id']}",
                "notice": notice["id"],
                "merchant": notice["merchant"],
            },
        )

    def title(self, alert: Alert) -> str:
        """What alerts of its kind are called."""
        return self._title(alert.kind)

    def _title(self, kind: str) -> str:
        found = KINDS.get(kind)
        if found is None:
            return kind
        return found.title_zh if self.language == "zh" else found.title_en


def _facts(alert: Alert, message: Waiting) -> Mapping[str, object]:
    """For machines. `message_id` is the same when a message comes again."""
    of = alert.id or f"{alert.first_at:%Y%m%dT%H%M%S}"  # one told from memory has no number
    parts = (of, message.event, message.step, message.severity, message.recipient)
    return {
        "message_id": "-".join(map(str, parts)),
        "alert": alert.id,
        "key": alert.dedupe_key,
        "event": message.event,
        "step": message.step,
        "severity": alert.severity,
        "merchant": alert.merchant,
        "owner": alert.owner,
        "summary": alert.summary,
        "action": alert.action,
        "facts": alert.facts,
        "count": alert.count,
        "since": alert.first_at.isoformat(),
        "is_repeat": message.is_repeat,
    }
