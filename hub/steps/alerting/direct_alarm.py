"""The alert that no row can hold: the database is away. Told from memory, over the same ways and rungs.

What was told is kept in a small file, so that a notifier that starts anew neither forgets nor begins again.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.alerts.messages import Waiting
from hub.alerts.past import PastMessage, write_past
from hub.alerts.saying import say
from hub.channels.base import ChannelError
from hub.database.engine import store_errors
from hub.database.locks import FileLock
from hub.errors import ConfigError, StoreAwayError
from hub.escalation.due import due_messages
from hub.escalation.model import Alert, Due, Event, Policy, Told
from hub.steps.alerting.post import NoWayError, Post, Subject
from hub.steps.alerting.session import ReadOnlyStoreError
from hub.steps.alerting.wording import Wording

KIND = "database-away"
AFTER = timedelta(seconds=10)
_FILE, _LOCK = "notify-away.json", "notify-away.lock"
log = logging.getLogger("hub.notify")


@dataclass(slots=True)
class _Message:
    """One message. `sending` is in the file before a channel is asked."""

    event: str
    step: int
    recipient: str
    at: str
    sending: bool = False
    sent_at: str = ""
    via: str = ""
    is_repeat: bool = False

    def told(self) -> Told:
        at = datetime.fromisoformat(self.at)
        return Told(0, Event(self.event), self.step, self.recipient, "critical", at)


@dataclass(slots=True)
class _Away:
    """One absence of the database."""

    since: datetime
    is_read_only: bool
    messages: list[_Message] = field(default_factory=list)


class DirectAlarm:
    """Tells that the database is away when it has been for ten seconds; hands over when it is back."""

    def __init__(
        self, engine: sa.Engine, home: Path, policy: Policy, post: Post, wording: Wording
    ) -> None:
        self._engine = engine
        self._path = home / _FILE
        self._lock = FileLock(home / _LOCK)
        self._policy = policy
        self._post = post
        self._wording = wording
        self._away = self._remembered()
        self._before: datetime | None = None
        self._told_before: datetime | None = None

    @property
    def is_on(self) -> bool:
        """Whether the database is away, as far as we know."""
        return self._away is not None

    def tick(self, now: datetime, error: StoreAwayError) -> None:
        """The database is away at `now`: tell who has to know by now."""
        is_read_only = isinstance(error, ReadOnlyStoreError)
        if self._away is None:
            log.warning("%s", error)
            self._away = _Away(now, is_read_only)
        away = self._away
        away.is_read_only = is_read_only
        away.since = min(away.since, now)
        if now - away.since < AFTER or not self._is_ours():
            return
        alert = self._alert(away, now)
        told = [message.told() for message in away.messages]
        due = due_messages(alert, told, self._policy, [], now)
        away.messages += [_new(one, now) for one in due]
        for number, message in enumerate(away.messages):
            is_newest = message.recipient not in {m.recipient for m in away.messages[number + 1 :]}
            if not message.sent_at and is_newest:
                self._send(away, alert, message, now)

    def hand_over(self, now: datetime) -> None:
        """The database is back: write down what was told, so that its end is told like any other's.

        Raises:
            StoreAwayError: it is not.
        """
        away = self._away
        if away is None:
            return
        if away.messages:
            past = [
                PastMessage(m.told(), _instant(m.sent_at), m.via or None, m.is_repeat)
                for m in away.messages
            ]
            with store_errors(), self._engine.begin() as conn:
                write_past(conn, self._alert(away, now), past, now)
            calls = [one.told.at for one in past if one.told.event is Event.OPENED]
            self._before, self._told_before = now, max(calls, default=None)
        self._away = None
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let another notifier of this machine tell."""
        self._lock.close()

    def _alert(self, away: _Away, now: datetime) -> Alert:
        facts = {"case": "read-only"} if away.is_read_only else {}
        said = say(KIND, facts, "en")
        return Alert(
            id=0,
            dedupe_key=KIND,
            severity="critical",
            summary=said.summary,
            action=said.action,
            facts=facts,
            first_at=away.since,
            last_at=now,
            before=self._before,
            told_before=self._told_before,
        )

    def _send(self, away: _Away, alert: Alert, message: _Message, now: datetime) -> None:
        """Over the first way that works; if none does, the next tick tries again."""
        key = -1 - away.messages.index(message)
        subject = Subject(message.recipient, key)
        message.is_repeat |= message.sending
        while True:
            try:
                way = self._post.way(subject, now)
            except NoWayError:
                return
            message.sending = True
            self._save()
            try:
                self._post.send(way, self._wording.alone(alert, _waiting(message)))
            except ChannelError as error:
                log.warning("%s", error)
                self._post.note_failed(way, [key], error, now)
                message.sending = False
            else:
                self._post.note_sent(way, [key])
                message.sending, message.sent_at, message.via = False, now.isoformat(), way.channel
            self._save()
            if message.sent_at:
                return

    def _is_ours(self) -> bool:
        """Whether no other notifier of this machine tells already."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._lock.try_exclusive()
        except (ConfigError, OSError):
            return True  # a full disk must not keep us from telling

    def _remembered(self) -> _Away | None:
        """What a notifier before us had told."""
        try:
            document: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
            messages = [_Message(**one) for one in document["messages"]]
            _ = [(one.told(), _instant(one.sent_at)) for one in messages]  # can be read, all of it
            since = datetime.fromisoformat(document["since"])
            return _Away(since, bool(document["is_read_only"]), messages)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _save(self) -> None:
        if self._away is None:
            return
        document = {
            "since": self._away.since.isoformat(),
            "is_read_only": self._away.is_read_only,
            "messages": [asdict(one) for one in self._away.messages],
        }
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            log.warning("%s cannot be written (%s)", self._path.name, error.strerror)


def _new(due: Due, now: datetime) -> _Message:
    return _Message(due.event.value, due.step, due.recipient, now.isoformat())


def _waiting(message: _Message) -> Waiting:
    return Waiting(
        id=0,
        alert=0,
        notice=None,
        event=message.event,
        step=message.step,
        recipient=message.recipient,
        severity="critical",
        attempts=1,
        was_cut_short=False,
        is_repeat=message.is_repeat,
    )


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
