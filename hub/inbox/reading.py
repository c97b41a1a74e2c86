"""Reads of the inbox: held records, records of a source in order, the history of one record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.rows import args_row

from hub.inbox.records import ArchivedRecord
from hub.inbox.tables import delivery, held, outcome_change, queue, record


def held_records(
    conn: sa.Connection,
    *,
    source_key: str | None = None,
    merchant: str | None = None,
    reason: str | None = None,
    limit: int = 100,
) -> Sequence[sa.RowMapping]:
    """Held records, oldest first."""
    wanted = {held.c.source_key: source_key, held.c.merchant: merchant, held.c.reason: reason}
    query = sa.select(held).order_by(held.c.record_id).limit(limit)
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    return conn.execute(query).mappings().all()


def held_record(conn: sa.Connection, record_id: UUID) -> sa.RowMapping | None:
    """Why one record is held, None if it is not."""
    return conn.execute(sa.select(held).where(held.c.record_id == record_id)).mappings().first()


def record_page(
    conn: sa.Connection,
    source_key: str,
    *,
    after: UUID,
    before: UUID,
    limit: int,
    entity: str | None = None,
) -> list[UUID]:
    """Ids of a source's archived records in (after, before), sorted; of one entity if it is named."""
    query = (
        sa.select(record.c.id)
        .where(record.c.id > after, record.c.id < before, record.c.source_key == source_key)
        .order_by(record.c.id)
        .limit(limit)
    )
    if entity is not None:
        query = query.where(record.c.entity == entity)
    return list(conn.execute(query).scalars())


def count_records(conn: sa.Connection, source_key: str, *, after: UUID, before: UUID) -> int:
    """How many archived records of a source there are in (after, before)."""
    query = sa.select(sa.func.count()).where(
        record.c.id > after, record.c.id < before, record.c.source_key == source_key
    )
    return int(conn.execute(query).scalar_one())


def get_record(conn: sa.Connection, record_id: UUID) -> sa.RowMapping | None:
    """One record of the archive, all columns."""
    return conn.execute(sa.select(record).where(record.c.id == record_id)).mappings().first()


def get_delivery(conn: sa.Connection, first: UUID, last: UUID) -> sa.RowMapping | None:
    """The delivery whose id lies in [first, last]: a record's id names all but its last 20 bits."""
    query = sa.select(delivery).where(delivery.c.id.between(first, last))
    return conn.execute(query).mappings().first()


def records_of_deliveries(conn: sa.Connection, spans: Sequence[tuple[UUID, UUID]]) -> list[UUID]:
    """Ids of the records of deliveries, each named by the span that its records' ids lie in; sorted."""
    found: list[UUID] = []
    for first, last in spans:
        query = sa.select(record.c.id).where(record.c.id.between(first, last))
        found += conn.execute(query).scalars()
    return sorted(found)


def arrival_of_records(conn: sa.Connection, record_ids: Sequence[UUID]) -> dict[UUID, str]:
    """How each of these records came: `push`, `pull`, `form`, `import`."""
    query = sa.select(record.c.id, record.c.via).where(record.c.id.in_(record_ids))
    return {row[0]: row[1] for row in conn.execute(query)}


def are_queued(conn: sa.Connection, delivery_ids: Sequence[UUID]) -> bool:
    """Whether a loader has yet to split any of these deliveries."""
    waits = sa.exists().where(queue.c.item_id.in_(delivery_ids), sa.not_(queue.c.is_record))
    return bool(conn.execute(sa.select(waits)).scalar())


def history(conn: sa.Connection, record_id: UUID) -> Sequence[sa.RowMapping]:
    """Every change of a record's outcome, oldest first."""
    query = sa.select(outcome_change).where(outcome_change.c.record_id == record_id)
    return conn.execute(query.order_by(outcome_change.c.id)).mappings().all()


def archive_pages(conn: psycopg.Connection[Any], size: int) -> Iterator[list[ArchivedRecord]]:
    """The archive in order of id, but for what a person discarded or erased and what still waits."""
    with conn.cursor(
        name="hub_archive", binary=True, row_factory=args_row(ArchivedRecord)
    ) as cursor:  # type: psycopg.ServerCursor[ArchivedRecord]
        cursor.execute(
            "SELECT id, merchant, source_key, entity, via, received_at, mapping_version, sealed"
            " FROM inbox.record r WHERE sealed IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM inbox.discarded x WHERE x.record_id = r.id)"
            " AND NOT EXISTS (SELECT 1 FROM inbox.held x WHERE x.record_id = r.id)"
            " AND NOT EXISTS (SELECT 1 FROM inbox.waiting x WHERE x.record_id = r.id"
            " AND NOT x.stands)"
            " AND NOT EXISTS (SELECT 1 FROM inbox.queue x WHERE x.is_record AND x.item_id = r.id"
            " AND NOT x.stands) ORDER BY id"
        )
        while page := cursor.fetchmany(size):
            yield page
