"""Messages of alerts and notices: which must exist, which wait, what became of each try."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.alerts.tables import alert, attempt, message
from hub.escalation.model import Alert, Due, Event, Told

NOTICE = "notice"
GIVEN_UP_AFTER = timedelta(hours=24)
# No pause between two tries is longer: a message that waits until later was set before the clock went back.
_LONGEST_WAIT = timedelta(minutes=10)
_ENDINGS = (Event.ACKNOWLEDGED, Event.CLOSED)
_IS_WAITING = message.c.sent_at.is_(None) & message.c.given_up_at.is_(None)
_HAS_WAITING = sa.select(sa.exists().where(_IS_WAITING))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that may go out now. One that `was_cut_short` may have gone out already."""

    id: int
    alert: int | None
    notice: int | None
    event: str
    step: int
    recipient: str
    severity: str
    attempts: int
    was_cut_short: bool
    is_repeat: bool


def add_messages(conn: sa.Connection, due: Sequence[Due], now: datetime) -> int:
    """Write down what has to be told; what stands there already stays as it is. How many are new."""
    if not due:
        return 0
    rows = [
        {
            "alert_id": one.alert,
            "event": one.event.value,
            "step": one.step,
            "recipient": one.recipient,
            "severity": one.severity,
            "not_before": one.not_before,
            "created_at": now,
        }
        for one in due
    ]
    new = insert(message).on_conflict_do_nothing().returning(message.c.id)
    return len(conn.execute(new, rows).fetchall())


def told_of(conn: sa.Connection, alerts: Sequence[int]) -> Mapping[int, list[Told]]:
    """The messages of alerts, by alert, oldest first."""
    query = sa.select(message).where(message.c.alert_id.in_(alerts)).order_by(message.c.id)
    found: defaultdict[int, list[Told]] = defaultdict(list)
    for row in conn.execute(query):
        told = Told(
            alert=row.alert_id,
            event=Event(row.event),
            step=row.step,
            recipient=row.recipient,
            severity=row.severity,
            at=row.created_at,
        )
        found[row.alert_id].append(told)
    return found


def drop_overtaken(conn: sa.Connection, now: datetime) -> int:
    """Give up what need not be sent any more; how many.

    A call for help is overtaken by a newer one to the same recipient, and when somebody has taken the
    alert or it is over; the word of that goes only to those to whom a call was sent, or may have been.
    """
    calls = message.c.event.not_in([*_ENDINGS, NOTICE])
    is_over = alert.c.closed_at.is_not(None)
    is_taken = alert.c.acknowledged_at.is_not(None)
    overtaken = (calls & (is_over | is_taken)) | (
        (message.c.event == Event.ACKNOWLEDGED) & is_over
    )
    call = message.alias("call")
    was_called = sa.exists().where(
        call.c.alert_id == message.c.alert_id,
        call.c.recipient == message.c.recipient,
        call.c.event.not_in(_ENDINGS),
        call.c.sent_at.is_not(None) | call.c.sending_at.is_not(None),
    )
    newer = message.alias("newer")
    has_newer = sa.exists().where(
        newer.c.alert_id == message.c.alert_id,
        newer.c.recipient == message.c.recipient,
        newer.c.id > message.c.id,
        newer.c.event.not_in(_ENDINGS),
        newer.c.not_before <= now,
        newer.c.given_up_at.is_(None),
    )
    replaced = _giving_up(now, "a newer message of this alert takes its place").where(
        _IS_WAITING, calls, has_newer
    )
    first = _giving_up(now, "over, or taken by somebody, before it could be sent").where(
        _IS_WAITING, alert.c.id == message.c.alert_id, overtaken
    )
    second = _giving_up(now, "nothing of this alert had been sent to this recipient").where(
        _IS_WAITING, message.c.event.in_(_ENDINGS), ~was_called
    )
    return sum(conn.execute(statement).rowcount for statement in (replaced, first, second))


def give_up_old(conn: sa.Connection, now: datetime) -> int:
    """Give up what was tried for a day; how many."""
    why = sa.func.concat("not sent within 24 hours: ", message.c.failure)
    statement = _giving_up(now, why).where(_IS_WAITING, message.c.tried_at < now - GIVEN_UP_AFTER)
    return conn.execute(statement).rowcount


def has_waiting(conn: sa.Connection) -> bool:
    """Whether any message was neither sent nor given up."""
    return bool(conn.execute(_HAS_WAITING).scalar_one())


def waiting_messages(conn: sa.Connection, now: datetime, limit: int) -> list[Waiting]:
    """What may go out at `now`, critical first, then the oldest. Locked rows are passed over."""
    was_set_back = (message.c.attempts > 0) & (message.c.not_before > now + _LONGEST_WAIT)
    may_go = (message.c.not_before <= sa.func.greatest(now, message.c.created_at)) | was_set_back
    query = (
        sa.select(message)
        .where(_IS_WAITING, may_go)
        .order_by(message.c.severity != "critical", message.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [
        Waiting(
            id=row.id,
            alert=row.alert_id,
            notice=row.notice_id,
            event=row.event,
            step=row.step,
            recipient=row.recipient,
            severity=row.severity,
            attempts=row.attempts,
            was_cut_short=row.sending_at is not None,
            is_repeat=row.is_repeat,
        )
        for row in conn.execute(query)
    ]


def begin_sending(
    conn: sa.Connection, channel: str, messages: Sequence[int], now: datetime
) -> int:
    """Write down that a channel is asked now, before it is; commit this. The number of the try.

    A message whose last try has no outcome is a repeat from now on.
    """
    conn.execute(
        sa.update(message)
        .where(message.c.id.in_(messages))
        .values(
            sending_at=now,
            attempts=message.c.attempts + 1,
            tried_at=sa.func.coalesce(message.c.tried_at, now),
            is_repeat=message.c.is_repeat | message.c.sending_at.is_not(None),
        )
    )
    new = sa.insert(attempt).values(channel=channel, messages=list(messages), started_at=now)
    return int(conn.execute(new.returning(attempt.c.id)).scalar_one())


def note_try(
    conn: sa.Connection, channel: str, now: datetime, *, failure: str | None, said: str | None
) -> None:
    """Write down a try that was of no message: a test."""
    values = {"messages": [], "started_at": now, "ended_at": now, "failure": failure, "said": said}
    conn.execute(sa.insert(attempt).values(channel=channel, **values))


def record_sent(
    conn: sa.Connection, number: int, channel: str, messages: Sequence[int], now: datetime
) -> None:
    """The channel took it."""
    conn.execute(sa.update(attempt).where(attempt.c.id == number).values(ended_at=now))
    conn.execute(
        sa.update(message)
        .where(message.c.id.in_(messages))
        .values(sent_at=now, sent_via=channel, failure=None)
    )


def record_failed(
    conn: sa.Connection, number: int, messages: Sequence[int], why: tuple[str, str], now: datetime
) -> None:
    """The channel did not take it; `why` is the kind of failure and the sentence for people."""
    failure, said = why
    ended = {"ended_at": now, "failure": failure, "said": said}
    conn.execute(sa.update(attempt).where(attempt.c.id == number).values(**ended))
    conn.execute(
        sa.update(message).where(message.c.id.in_(messages)).values(sending_at=None, failure=said)
    )


def postpone(conn: sa.Connection, messages: Sequence[int], until: datetime, now: datetime) -> None:
    """No way is open for these before `until`."""
    conn.execute(
        sa.update(message)
        .where(message.c.id.in_(messages))
        .values(
            not_before=until,
            attempts=sa.func.greatest(message.c.attempts, 1),
            tried_at=sa.func.coalesce(message.c.tried_at, now),
        )
    )


def give_up(conn: sa.Connection, messages: Sequence[int], why: str, now: datetime) -> None:
    """These cannot be sent to anybody."""
    conn.execute(_giving_up(now, why).where(message.c.id.in_(messages)))


def tries_since(conn: sa.Connection, since: datetime, now: datetime) -> Mapping[str, int]:
    """How often each channel was asked in (since, now]."""
    query = (
        sa.select(attempt.c.channel, sa.func.count())
        .where(attempt.c.started_at > since, attempt.c.started_at <= now)
        .group_by(attempt.c.channel)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def unsettled(conn: sa.Connection) -> Sequence[sa.Row[tuple[int, str, datetime, datetime]]]:
    """Alerts that are open or of whose end somebody has to be told: id, severity, acknowledged, closed."""
    query = sa.select(alert.c.id, alert.c.severity, alert.c.acknowledged_at, alert.c.closed_at)
    return conn.execute(query.where(alert.c.settled_at.is_(None)).order_by(alert.c.id)).all()


def settle(conn: sa.Connection, alerts: Sequence[int], now: datetime) -> None:
    """Everything about the end of these has been written down."""
    if alerts:
        conn.execute(sa.update(alert).where(alert.c.id.in_(alerts)).values(settled_at=now))


def alerts_of(
    conn: sa.Connection, ids: Sequence[int], settle_within: timedelta
) -> Mapping[int, Alert]:
    """Alerts by id, with what was told of earlier ones of their keys that closed so shortly before."""
    earlier = alert.alias("earlier")
    of_key = (
        (earlier.c.dedupe_key == alert.c.dedupe_key)
        & (earlier.c.id < alert.c.id)
        & (earlier.c.closed_at >= alert.c.first_at - settle_within)
    )
    went_out = (message.c.alert_id == earlier.c.id) & (
        message.c.sent_at.is_not(None) | message.c.sending_at.is_not(None)
    )
    opened = message.c.event.in_([Event.OPENED, Event.WORSENED])
    before = sa.select(sa.func.max(earlier.c.closed_at)).where(of_key, went_out)
    told_before = sa.select(sa.func.max(message.c.created_at)).where(of_key, went_out, opened)
    columns = [
        *(column for column in alert.c if column.name != "settled_at"),
        before.correlate(alert).scalar_subquery().label("before"),
        told_before.correlate(alert).scalar_subquery().label("told_before"),
    ]
    found = conn.execute(sa.select(*columns).where(alert.c.id.in_(ids))).mappings()
    return {row["id"]: Alert(**row) for row in found}


def _giving_up(now: datetime, why: str | sa.ColumnElement[str]) -> sa.Update:
    return sa.update(message).values(given_up_at=now, failure=why)
