"""Which rows of `alerts` nobody needs any more."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.alerts.tables import alert, attempt, message, silence
from hub.database.pruning import Prunable


def old_messages(before: datetime) -> Prunable:
    """Messages of alerts that are old, and what was made of change notices before then. The notices stay."""

    def is_old(old: sa.FromClause) -> sa.ColumnElement[bool]:
        of = alert.alias("of")
        of_alert = sa.exists().where(of.c.id == old.c.alert_id, _is_over(of, before))
        of_notice = old.c.notice_id.is_not(None) & (old.c.created_at < before) & ~_waits(old)
        return of_alert | of_notice

    return Prunable(message, is_old)


def old_alerts(before: datetime) -> Prunable:
    """Alerts that closed before then, and of which everybody has been told who had to be."""
    return Prunable(alert, lambda old: _is_over(old, before))


def old_tries(before: datetime) -> Prunable:
    """Tries of channels before then, but the last of each channel: it says whether the channel works."""

    def is_old(old: sa.FromClause) -> sa.ColumnElement[bool]:
        later = attempt.alias("later")
        return (old.c.started_at < before) & sa.exists().where(
            later.c.channel == old.c.channel,
            later.c.started_at > old.c.started_at,
            later.c.ended_at.is_not(None),
        )

    return Prunable(attempt, is_old)


def ended_silences(before: datetime) -> Prunable:
    """Silences that ended before then, and before any alert opened that is still told of."""

    def is_old(old: sa.FromClause) -> sa.ColumnElement[bool]:
        end = sa.func.coalesce(old.c.ended_at, old.c.until)
        told = alert.alias("told")
        needs = sa.exists().where(told.c.settled_at.is_(None), told.c.first_at < end)
        return (end < before) & ~needs

    return Prunable(silence, is_old)


def _is_over(one: sa.FromClause, before: datetime) -> sa.ColumnElement[bool]:
    """Closed, and settled; where no notifier runs, nobody settles, and there are no messages."""
    of = message.alias("of_alert")
    is_told = sa.exists().where(of.c.alert_id == one.c.id)
    waits = sa.exists().where(of.c.alert_id == one.c.id, _waits(of))
    return (one.c.closed_at < before) & (one.c.settled_at.is_not(None) | ~is_told) & ~waits


def _waits(one: sa.FromClause) -> sa.ColumnElement[bool]:
    return one.c.sent_at.is_(None) & one.c.given_up_at.is_(None)
