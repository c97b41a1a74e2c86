"""Documents of a stretch of time that a rule had to help, breaks that opened, and what people said. For a snapshot."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from hub.finance.reconciliation_tables import answer, break_, break_event
from hub.finance.tables import document
from hub.model.ids import uuid7_floor


def marked_documents(
    conn: sa.Connection, merchant: str, since: datetime, until: datetime
) -> dict[UUID, list[str]]:
    """First record → the marks of its document, for documents that came in the stretch and carry any."""
    row = document.c
    query = sa.select(row.first_record_id, row.marks).where(
        row.merchant == merchant,
        row.first_record_id >= uuid7_floor(since),
        row.first_record_id < uuid7_floor(until),
        sa.func.cardinality(row.marks) > 0,
    )
    return {record: list(marks) for record, marks in conn.execute(query)}


def breaks_opened(
    conn: sa.Connection, merchant: str, since: datetime, until: datetime
) -> Counter[str]:
    """Breaks first seen in the stretch, by kind."""
    row = break_.c
    query = (
        sa.select(row.kind, sa.func.count())
        .where(row.merchant == merchant, row.first_seen >= since, row.first_seen < until)
        .group_by(row.kind)
    )
    return Counter({row[0]: row[1] for row in conn.execute(query)})


def said_by_people(
    conn: sa.Connection, merchant: str, since: datetime, until: datetime
) -> dict[str, int]:
    """`answers` to questions and `closed` breaks."""
    answers = sa.select(sa.func.count()).where(
        answer.c.merchant == merchant,
        answer.c.answered_at >= since,
        answer.c.answered_at < until,
    )
    closed = sa.select(sa.func.count()).where(
        break_event.c.merchant == merchant,
        break_event.c.by.is_not(None),
        break_event.c.happened_at >= since,
        break_event.c.happened_at < until,
    )
    return {
        "answers": conn.execute(answers).scalar_one(),
        "closed": conn.execute(closed).scalar_one(),
    }
