"""Which readings of the gate are thinned out."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.database.pruning import Prunable
from hub.finance.gate_tables import gate, gate_reading

_STRETCH_MARGIN = timedelta(days=1)


def old_readings(before: datetime) -> Prunable:
    """Readings before then, but one a day (UTC): the last that is known, else the last.

    A gate that disagrees or is shut keeps every reading since that began: it is judged by them.
    """

    def is_old(old: sa.FromClause) -> sa.ColumnElement[bool]:
        of, better = gate.alias("of"), gate_reading.alias("better")
        began = sa.func.least(of.c.over_since, of.c.shut_since)
        judged = sa.exists().where(*_same_gate(of, old), old.c.hour >= began - _STRETCH_MARGIN)
        is_known, is_better_known = old.c.unknown.is_(None), better.c.unknown.is_(None)
        outdone = sa.exists().where(
            *_same_gate(better, old),
            _day(better) == _day(old),
            sa.or_(
                is_better_known & ~is_known,
                (is_better_known == is_known) & (better.c.hour > old.c.hour),
            ),
        )
        return (old.c.hour < before) & ~judged & outdone

    return Prunable(gate_reading, is_old)


def _same_gate(one: sa.FromClause, other: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    return [one.c[name] == other.c[name] for name in ("merchant", "metric", "period")]


def _day(reading: sa.FromClause) -> sa.ColumnElement[datetime]:
    return sa.func.date_trunc("day", reading.c.hour, "UTC")
