"""Small looks at queue and held records that cost the same however much there is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.inbox.tables import held, queue
from hub.model.delivery import Lane

# Rows of the live lane that are looked at: the oldest stand first, but for what a resolver put back.
_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class HeldReason:
    """How many records of a source are held for one reason."""

    source_key: str
    reason: str
    records: int


def oldest_live(conn: sa.Connection) -> datetime | None:
    """When the oldest live delivery arrived that no loader has taken yet."""
    first = (
        sa.select(queue.c.received_at, queue.c.is_record)
        .where(queue.c.lane == int(Lane.LIVE))
        .order_by(queue.c.seq)
        .limit(_LOOKED_AT)
        .subquery()
    )
    query = sa.select(sa.func.min(first.c.received_at)).where(sa.not_(first.c.is_record))
    return conn.execute(query).scalar()


def held_without_finding(conn: sa.Connection, dismissed: Collection[str]) -> list[HeldReason]:
    """What is held that no drift finding explains; one that was dismissed explains nothing."""
    count = sa.func.count()
    unexplained: sa.ColumnElement[bool] = held.c.finding.is_(None)
    if dismissed:
        unexplained = sa.or_(unexplained, held.c.finding.in_(sorted(dismissed)))
    query = (
        sa.select(held.c.source_key, held.c.reason, count)
        .where(unexplained)
        .group_by(held.c.source_key, held.c.reason)
        .order_by(held.c.source_key, count.desc(), held.c.reason)
    )
    return [HeldReason(*row) for row in conn.execute(query)]
