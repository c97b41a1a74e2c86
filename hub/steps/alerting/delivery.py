"""Sending what waits: over the first open way, within each channel's rate, what is too much as a digest."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.alert_settings import AlertSettings
from hub.alerts import messages as rows
from hub.alerts.messages import Waiting
from hub.alerts.notices import note_delivered, notices_of
from hub.alerts.outbox import close_alert, raise_alert
from hub.channels.base import ChannelError, Failure, Outgoing
from hub.escalation.folding import fold
from hub.escalation.model import Alert
from hub.steps.alerting.post import NoWayError, Post, Subject, Way
from hub.steps.alerting.session import LeaderSession
from hub.steps.alerting.wording import Wording

_MOST_AT_ONCE = 5000
_RATE_PERIOD = timedelta(minutes=1)
CHANNEL_KIND = "channel"
_AWAY_TOO_OFTEN = 5  # tries: about eight minutes
_KEPT_SHARE = 5  # a fifth of a channel's minute is for what is critical
log = logging.getLogger("hub.notify")


@dataclass(frozen=True, slots=True)
class _Result:
    """What a channel answered; `error` is None if it took the message."""

    number: int
    way: Way
    parcel: Sequence[Waiting]
    error: ChannelError | None
    failures: int
    at: datetime


class Delivery:
    """Sends waiting messages; every try is a committed row before the channel is asked."""

    def __init__(
        self,
        session: LeaderSession,
        post: Post,
        wording: Wording,
        settings: AlertSettings,
        stop: threading.Event,
    ) -> None:
        self._session = session
        self._post = post
        self._wording = wording
        self._settings = settings
        self._stop = stop
        self._unrecorded: list[_Result] = []
        self._alerts: Mapping[int, Alert] = {}
        self._notices: Mapping[int, sa.RowMapping] = {}
        self._used: dict[str, int] = {}

    def deliver(self, now: datetime) -> None:
        """Send what may go out at `now`, until all is sent, postponed, or above a channel's rate.

        Raises:
            StoreAwayError: the database is away; what a channel answered just then is written down
                by the next call.
        """
        self._record_rest()
        with self._session.transaction() as conn:
            if not rows.has_waiting(conn):
                return
            rows.drop_overtaken(conn, now)
            rows.give_up_old(conn, now)
            pool = rows.waiting_messages(conn, now, _MOST_AT_ONCE)
            if not pool:
                return
            ids = {message.alert for message in pool if message.alert is not None}
            self._alerts = rows.alerts_of(conn, sorted(ids), timedelta(0))
            numbers = {message.notice for message in pool if message.notice is not None}
            self._notices = notices_of(conn, sorted(numbers))
            self._used = dict(rows.tries_since(conn, now - _RATE_PERIOD, now))
        clock = _Clock(now)
        while pool and not self._stop.is_set():
            pool = self._round(pool, clock)

    def _round(self, pool: Sequence[Waiting], clock: _Clock) -> list[Waiting]:
        """Try every message over its first open way; those that have to go another one."""
        groups = self._grouped(pool, clock())
        left: list[Waiting] = []
        ahead = Counter(way.channel for way, _ in groups)
        for (way, is_notice), group in groups.items():
            rate = self._settings.channels[way.channel].per_minute
            kept = 0 if any(map(_is_critical, group)) else rate // _KEPT_SHARE
            room = rate - self._used.get(way.channel, 0) - kept
            share = max(1, room // ahead[way.channel]) if room > 0 else 0
            ahead[way.channel] -= 1
            parcels = [[m] for m in group[:share]] if is_notice else _folded(group, share)
            for parcel in parcels:
                if self._stop.is_set():
                    return []
                rests = self._post.rests_until(way, parcel[0].id, clock()) is not None
                if rests or not self._send(way, parcel, clock):
                    left += parcel
        return left

    def _grouped(
        self, pool: Sequence[Waiting], now: datetime
    ) -> dict[tuple[Way, bool], list[Waiting]]:
        """Messages by their first open way, notices apart; the others are postponed or given up."""
        groups: defaultdict[tuple[Way, bool], list[Waiting]] = defaultdict(list)
        later: defaultdict[datetime, list[int]] = defaultdict(list)
        never: defaultdict[str, list[int]] = defaultdict(list)
        for message in pool:
            try:
                way = self._way(message, now)
            except NoWayError as error:
                if error.until is None:
                    never[str(error)].append(message.id)
                else:
                    later[error.until].append(message.id)
            else:
                groups[way, message.notice is not None].append(message)
        if later or never:
            with self._session.transaction() as conn:
                for until, ids in later.items():
                    rows.postpone(conn, ids, until, now)
                for why, ids in never.items():
                    rows.give_up(conn, ids, why, now)
        return groups

    def _way(self, message: Waiting, now: datetime) -> Way:
        """A channel's own alert goes over the others.

        Raises:
            NoWayError: every way rests, or there is none.
        """
        if message.alert not in self._alerts and message.notice not in self._notices:
            raise NoWayError("what it was about is gone", None)
        alert = self._alerts.get(message.alert or 0)
        about = alert.dedupe_key.split(":")[1] if alert and alert.kind == CHANNEL_KIND else ""
        return self._post.way(Subject(message.recipient, message.id, without=about), now)

    def _send(self, way: Way, parcel: Sequence[Waiting], clock: _Clock) -> bool:
        """Send a message, or several as a digest; whether it needs no other way."""
        ids = [message.id for message in parcel]
        try:
            outgoing = self._worded(parcel)
        except Exception as error:  # noqa: BLE001 -- one that cannot be worded must not keep back the others
            self._give_up(ids, f"it cannot be put into words ({type(error).__name__})", clock())
            return True
        with self._session.transaction() as conn:
            number = rows.begin_sending(conn, way.channel, ids, clock())
        self._used[way.channel] = self._used.get(way.channel, 0) + 1
        failure: ChannelError | None = None
        try:
            self._post.send(way, outgoing)
            self._post.note_sent(way, ids)
        except ChannelError as error:
            failure = error
            log.warning("%s", error)
            self._post.note_failed(way, ids, error, clock())
        failures = self._post.failures(way, ids[0])
        self._unrecorded.append(_Result(number, way, parcel, failure, failures, clock()))
        self._record_rest()
        return failure is None

    def _give_up(self, ids: Sequence[int], why: str, now: datetime) -> None:
        log.error("a message is given up: %s", why)
        with self._session.transaction() as conn:
            rows.give_up(conn, ids, why, now)

    def _worded(self, parcel: Sequence[Waiting]) -> Outgoing:
        marked = [replace(one, is_repeat=one.is_repeat or one.was_cut_short) for one in parcel]
        first = marked[0]
        if first.notice is not None:
            return self._wording.notice(self._notices[first.notice], first)
        items = [(self._alerts[one.alert], one) for one in marked if one.alert is not None]
        return self._wording.alone(*items[0]) if len(items) == 1 else self._wording.digest(items)

    def _record_rest(self) -> None:
        """Write down what channels answered; what cannot be written now stays for the next time."""
        while self._unrecorded:
            with self._session.transaction() as conn:
                _record(conn, self._unrecorded[0])
            del self._unrecorded[0]


class _Clock:
    """The instant at which a tick began, and what has passed since."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._started = time.monotonic()

    def __call__(self) -> datetime:
        """Now."""
        return self._now + timedelta(seconds=time.monotonic() - self._started)


def _is_critical(message: Waiting) -> bool:
    return message.severity == "critical"


def _folded(group: Sequence[Waiting], room: int) -> list[list[Waiting]]:
    alone, together = fold(group, room, _is_critical)
    return [*([one] for one in alone), *([list(together)] if together else [])]


def _record(conn: sa.Connection, result: _Result) -> None:
    channel, ids = result.way.channel, [message.id for message in result.parcel]
    recipients = {message.recipient for message in result.parcel}
    if result.error is None:
        rows.record_sent(conn, result.number, channel, ids, result.at)
        notices = [message.notice for message in result.parcel if message.notice is not None]
        note_delivered(conn, notices, result.at)
        close_alert(conn, f"{CHANNEL_KIND}:{channel}")
        for recipient in recipients:
            close_alert(conn, f"{CHANNEL_KIND}:{channel}:{recipient}")
        return
    failure = result.error.failure
    rows.record_failed(conn, result.number, ids, (failure.value, str(result.error)), result.at)
    if failure is Failure.CREDENTIALS or (
        failure is Failure.AWAY and result.failures >= _AWAY_TOO_OFTEN
    ):
        raise_alert(
            conn,
            dedupe_key=f"{CHANNEL_KIND}:{channel}",
            severity="critical" if failure is Failure.CREDENTIALS else "warning",
            facts={"case": failure.value, "channel": channel, "error": str(result.error)},
        )
    if failure is Failure.ADDRESS:
        for recipient in recipients:
            raise_alert(
                conn,
                dedupe_key=f"{CHANNEL_KIND}:{channel}:{recipient}",
                severity="warning",
                facts={
                    "case": failure.value,
                    "channel": channel,
                    "recipient": recipient,
                    "error": str(result.error),
                },
            )
