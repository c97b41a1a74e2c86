"""What became of the records of a stretch of time: how many came, which needed somebody. Call it in a snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from hub.inbox.tables import discarded, held, marked, outcome_change, record
from hub.model.ids import uuid7_floor


@dataclass(frozen=True, slots=True)
class MonthRecords:
    """Records that came in the stretch: all of them, and the ids of those that did not simply load.

    `held` are held now, by reason; `corrected` were replayed or discarded by a person since. `drifted` were loaded
    while a drift finding about them was open: they are whole, so they are not among the `troubled`.
    """

    records: int
    held: Counter[str]
    discarded: int
    corrected: int
    drifted: int
    troubled: frozenset[UUID]


def month_records(
    conn: sa.Connection, merchant: str, since: datetime, until: datetime
) -> MonthRecords:
    """The records of a merchant that arrived from `since` until before `until`."""
    first, end = uuid7_floor(since), uuid7_floor(until)
    total = conn.execute(
        sa.select(sa.func.count()).where(
            record.c.id >= first, record.c.id < end, record.c.merchant == merchant
        )
    ).scalar_one()
    reasons: Counter[str] = Counter()
    troubled: set[UUID] = set()
    rows = conn.execute(
        sa.select(held.c.record_id, held.c.reason).where(*_within(held, merchant, first, end))
    )
    for identifier, reason in rows:
        reasons[reason] += 1
        troubled.add(identifier)
    gone = _ids(conn, discarded, merchant, first, end)
    by_people = outcome_change.c.reason.in_(("replay",)) | (outcome_change.c.became == "discarded")
    corrected = _ids(conn, outcome_change, merchant, first, end, by_people)
    troubled |= gone | corrected
    drifted = len(_ids(conn, marked, merchant, first, end))
    return MonthRecords(total, reasons, len(gone), len(corrected), drifted, frozenset(troubled))


def _within(
    table: sa.Table, merchant: str, first: UUID, end: UUID
) -> tuple[sa.ColumnElement[bool], ...]:
    row = table.c
    return row.record_id >= first, row.record_id < end, row.merchant == merchant


def _ids(
    conn: sa.Connection,
    table: sa.Table,
    merchant: str,
    first: UUID,
    end: UUID,
    *also: sa.ColumnElement[bool],
) -> set[UUID]:
    query = sa.select(table.c.record_id).distinct()
    return set(conn.execute(query.where(*_within(table, merchant, first, end), *also)).scalars())
