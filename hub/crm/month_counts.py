"""Leads of a stretch of time that a rule had to help, and what people decided in it. Call it in a snapshot."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from hub.crm.tables import decision, lead
from hub.model.ids import uuid7_floor


def marked_leads(
    conn: sa.Connection, merchant: str, since: datetime, until: datetime
) -> dict[UUID, list[str]]:
    """First record → the marks of its lead, for leads that came in the stretch and carry any."""
    row = lead.c
    query = sa.select(row.first_record_id, row.marks).where(
        row.merchant == merchant,
        row.first_record_id >= uuid7_floor(since),
        row.first_record_id < uuid7_floor(until),
        sa.func.cardinality(row.marks) > 0,
    )
    return {record: list(marks) for record, marks in conn.execute(query)}


def decisions_between(
    conn: sa.Connection, merchant: str, since: datetime, until: datetime
) -> Counter[str]:
    """What people decided about contacts, by kind."""
    row = decision.c
    query = (
        sa.select(row.kind, sa.func.count())
        .where(row.merchant == merchant, row.decided_at >= since, row.decided_at < until)
        .group_by(row.kind)
    )
    return Counter({row[0]: row[1] for row in conn.execute(query)})
