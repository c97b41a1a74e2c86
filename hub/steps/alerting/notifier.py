"""The notifier: finds what has to be told, writes it down, then sends it. Never not at all; twice only marked.

A message is a row before a channel is asked, and the question is a committed row before it is put. Who dies in
between leaves both behind, and the next one sends again, marked as a repeat.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from hub.alerts import messages as rows
from hub.alerts.notices import add_notice_message, untold_notices
from hub.alerts.silences import silences_that_count
from hub.channels.open import open_channel
from hub.errors import ConfigError, HubError, StoreAwayError
from hub.escalation.due import due_messages, next_look
from hub.escalation.hours import quiet_ends
from hub.escalation.model import Silence
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.alerting.delivery import Delivery
from hub.steps.alerting.direct_alarm import DirectAlarm
from hub.steps.alerting.policy import policy_of
from hub.steps.alerting.post import Opener, Post
from hub.steps.alerting.session import LeaderSession
from hub.steps.alerting.wording import Wording

POLL_S = 1.0
_AT_ONCE = 500
_NOTICES_OF = timedelta(days=7)
log = logging.getLogger("hub.notify")
_Fingerprint = tuple[str, datetime | None, datetime | None]


class Notifier:
    """Delivers alerts and notices. Several may run: one works, the others stand by.

    Args:
        home: Where it remembers what it told while the database was away.
        stop: When set, the tick ends after the message under way.
        prepare: Brings the database to this release, called until it has succeeded once.
    """

    def __init__(  # noqa: PLR0913 -- the store, the settings, and what a test replaces
        self,
        engine: sa.Engine,
        settings: HubSettings,
        keyring: KeyRing,
        *,
        home: Path,
        environment: Mapping[str, str] = os.environ,
        opener: Opener = open_channel,
        stop: threading.Event | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._prepare = prepare
        self._session = LeaderSession(engine)
        self._policy = policy_of(settings)
        self._post = Post(settings.alerts, environment, opener)
        wording = Wording(settings, keyring)
        self._delivery = Delivery(
            self._session, self._post, wording, settings.alerts, stop or threading.Event()
        )
        self._alarm = DirectAlarm(engine, home, self._policy, self._post, wording)
        self._seen: dict[int, _Fingerprint] = {}
        self._looks: dict[int, datetime | None] = {}
        self._silences: list[Silence] = []
        self._last = datetime.min.replace(tzinfo=UTC)

    @property
    def is_leading(self) -> bool:
        """Whether this is the notifier that works."""
        return self._session.is_leading

    @property
    def is_away(self) -> bool:
        """Whether the database was away at the last tick."""
        return self._alarm.is_on

    def now(self) -> datetime:
        """The instant by the database's clock, which the times of alerts are of."""
        return datetime.now(UTC) + self._session.skew

    def tick(self, now: datetime) -> datetime:
        """Write down what has to be told by `now` and send what may go out; when to look again.

        While the database is away it tells that by itself (`DirectAlarm`).

        Raises:
            ConfigError: the database is not ours (`prepare`).
        """
        started = time.monotonic()
        try:
            if self._prepare is not None:
                self._prepare()
                self._prepare = None
            is_leading = self._session.lead()
            self._alarm.hand_over(now)
            if is_leading:
                self._write_down(now)
                self._delivery.deliver(now)
        except StoreAwayError as error:
            self._lose()
            self._alarm.tick(now, error)
        except ConfigError:
            raise  # another hub's database, or its keys are not ours: a person must act
        except Exception as error:  # noqa: BLE001 -- whoever tells what is wrong must live
            said = str(error) if isinstance(error, HubError) else type(error).__name__
            log.error("the tick failed: %s", said)  # noqa: TRY400 -- a traceback could show values
            self._lose()
        self._post.forget(now)
        spent = timedelta(seconds=time.monotonic() - started)
        return now + max(timedelta(seconds=POLL_S), spent)

    def close(self) -> None:
        """Let the lock and the connections go."""
        self._session.close()
        self._post.close()
        self._alarm.close()

    def _lose(self) -> None:
        self._session.close()
        self._seen.clear()
        self._looks.clear()

    def _write_down(self, now: datetime) -> None:
        """Make rows of what has to be told; looks only at alerts that changed or whose time has come."""
        with self._session.transaction() as conn:
            found = {row.id: tuple(row)[1:] for row in rows.unsettled(conn)}
            silences = silences_that_count(conn)
            self._queue_notices(conn, now)
        if silences != self._silences or now < self._last:
            self._looks.clear()
        self._silences, self._last = silences, now
        for gone in self._looks.keys() - found.keys():
            del self._looks[gone]
        due = [number for number, seen in found.items() if self._is_due(number, seen, now)]
        for start in range(0, len(due), _AT_ONCE):
            self._escalate(due[start : start + _AT_ONCE], now)
        self._seen = {number: _fingerprint(seen) for number, seen in found.items()}

    def _is_due(self, number: int, seen: Sequence[object], now: datetime) -> bool:
        if number not in self._looks or self._seen.get(number) != _fingerprint(seen):
            return True
        look = self._looks[number]
        return look is not None and look <= now

    def _escalate(self, numbers: Sequence[int], now: datetime) -> None:
        with self._session.transaction() as conn:
            alerts = rows.alerts_of(conn, numbers, self._policy.settle)
            told = rows.told_of(conn, numbers)
            due = [
                one
                for number, alert in alerts.items()
                for one in due_messages(
                    alert, told.get(number, []), self._policy, self._silences, now
                )
            ]
            rows.add_messages(conn, due, now)
            told = rows.told_of(conn, numbers)
            looks = {
                number: next_look(alert, told.get(number, []), self._policy, now, self._silences)
                for number, alert in alerts.items()
            }
            # Who was told of one that is silenced now hears of its end when the silence is over.
            rows.settle(
                conn,
                [
                    number
                    for number, alert in alerts.items()
                    if alert.closed_at and (looks[number] is None or not told.get(number))
                ],
                now,
            )
        self._looks.update(looks)

    def _queue_notices(self, conn: sa.Connection, now: datetime) -> None:
        roles = self._policy.roles
        for notice in untold_notices(conn, now - _NOTICES_OF):
            group = roles.get(f"group@{notice['merchant']}") or roles.get("group")
            if group in self._policy.recipients:
                at = quiet_ends(now, self._policy.quiet)
                add_notice_message(conn, notice["id"], str(group), now, at)


def _fingerprint(seen: Sequence[object]) -> _Fingerprint:
    severity, acknowledged, closed = seen
    return (severity, acknowledged, closed)  # type: ignore[return-value]  # columns of `unsettled`
