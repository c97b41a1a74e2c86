"""The terms of both conservation laws that stand in `inbox`, each counted from its own table.

Call them on a connection whose transaction is one snapshot (REPEATABLE READ): the laws hold in a
snapshot, not between two. `since` bounds a count to records that arrived at or after it (their ids
are UUIDv7), so that it reads a range of each primary key and not the archive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hub.inbox.tables import (
    acknowledged,
    delivery,
    discarded,
    erased,
    held,
    not_a_lead,
    queue,
    record,
    waiting,
)
from hub.model.ids import uuid7_floor
from hub.model.outcome import Outcome

# term → source key → count
Terms = dict[str, dict[str, int]]

# Where each term of the record law stands: the table, its id column, what else must hold.
_RECORD_TERMS: Mapping[
    str, tuple[sa.Table, sa.Column[Any], tuple[sa.ColumnElement[bool], ...]]
] = {
    "records": (record, record.c.id, ()),
    Outcome.QUEUED.value: (queue, queue.c.item_id, (queue.c.is_record, sa.not_(queue.c.stands))),
    Outcome.WAITING.value: (waiting, waiting.c.record_id, (sa.not_(waiting.c.stands),)),
    Outcome.HELD.value: (held, held.c.record_id, ()),
    Outcome.NOT_A_LEAD.value: (not_a_lead, not_a_lead.c.record_id, ()),
    Outcome.DISCARDED.value: (discarded, discarded.c.record_id, ()),
    Outcome.ERASED.value: (erased, erased.c.record_id, ()),
}
_DELIVERY_TERMS: Mapping[str, sa.ColumnElement[bool]] = {
    "stored": delivery.c.duplicate_of.is_(None),
    "duplicate": delivery.c.duplicate_of.is_not(None),
}
RECORD_TERMS = tuple(_RECORD_TERMS)
DELIVERY_TERMS = ("acknowledged", *_DELIVERY_TERMS)


def delivery_terms(conn: sa.Connection) -> Terms:
    """`acknowledged`, `stored` and `duplicate` by source, over all time."""
    counted = sa.select(
        acknowledged.c.source_key, sa.func.sum(acknowledged.c.deliveries)
    ).group_by(acknowledged.c.source_key)
    terms = {"acknowledged": _by_source(conn, counted)}
    for term, condition in _DELIVERY_TERMS.items():
        terms[term] = _by_source(
            conn,
            sa.select(delivery.c.source_key, sa.func.count())
            .where(condition)
            .group_by(delivery.c.source_key),
        )
    return terms


def record_terms(conn: sa.Connection, *, since: datetime | None = None) -> Terms:
    """`records` and every outcome that stands in `inbox`, by source."""
    terms: Terms = {}
    for term, (table, identity, conditions) in _RECORD_TERMS.items():
        query = sa.select(table.c.source_key, sa.func.count()).where(*conditions)
        if since is not None:
            query = query.where(identity >= uuid7_floor(since))
        terms[term] = _by_source(conn, query.group_by(table.c.source_key))
    return terms


def standing_between(
    conn: sa.Connection, term: str, source_key: str, start: datetime, end: datetime
) -> int:
    """How many records of a source that arrived in [start, end) stand in a term of `RECORD_TERMS`."""
    table, identity, conditions = _RECORD_TERMS[term]
    query = (
        sa.select(sa.func.count())
        .select_from(table.join(record, record.c.id == identity))
        .where(table.c.source_key == source_key, *conditions)
        .where(record.c.received_at >= start, record.c.received_at < end)
    )
    return int(conn.execute(query).scalar_one())


def held_reasons(conn: sa.Connection) -> dict[str, dict[str, int]]:
    """How many records are held: source key → reason → count."""
    found: dict[str, dict[str, int]] = {}
    query = sa.select(held.c.source_key, held.c.reason, sa.func.count()).group_by(
        held.c.source_key, held.c.reason
    )
    for source_key, reason, count in conn.execute(query):
        found.setdefault(source_key, {})[reason] = count
    return found


def record_members(
    conn: sa.Connection,
    term: str,
    *,
    source_key: str | None = None,
    after: UUID | None = None,
    limit: int = 1000,
) -> list[UUID]:
    """Ids of the records of a term of `RECORD_TERMS`, sorted: the page that follows `after`."""
    table, identity, conditions = _RECORD_TERMS[term]
    query = sa.select(identity).where(*conditions)
    return _page(conn, query, (table, identity), (source_key, after, limit))


def delivery_members(
    conn: sa.Connection,
    term: str,
    *,
    source_key: str | None = None,
    after: UUID | None = None,
    limit: int = 1000,
) -> list[UUID]:
    """Ids of `stored` or `duplicate` deliveries, sorted: the page that follows `after`."""
    query = sa.select(delivery.c.id).where(_DELIVERY_TERMS[term])
    return _page(conn, query, (delivery, delivery.c.id), (source_key, after, limit))


def record_standings(conn: sa.Connection, record_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The outcomes of these records in `inbox`; one without any is not in the result."""
    found: dict[UUID, list[str]] = {}
    for term, (_, identity, conditions) in _RECORD_TERMS.items():
        if term == "records":
            continue
        for row in conn.execute(sa.select(identity).where(identity.in_(record_ids), *conditions)):
            found.setdefault(row[0], []).append(term)
    return found


def _by_source(conn: sa.Connection, query: sa.Select[Any]) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in conn.execute(query)}


def _page(
    conn: sa.Connection,
    query: sa.Select[Any],
    what: tuple[sa.Table, sa.Column[Any]],
    bounds: tuple[str | None, UUID | None, int],
) -> list[UUID]:
    (table, identity), (source_key, after, limit) = what, bounds
    if source_key is not None:
        query = query.where(table.c.source_key == source_key)
    if after is not None:
        query = query.where(identity > after)
    return list(conn.execute(query.order_by(identity).limit(limit)).scalars())


def is_queue_filled(conn: sa.Connection) -> bool:
    """Whether a loader has anything left to do."""
    return bool(conn.execute(sa.select(sa.exists().where(queue.c.seq.is_not(None)))).scalar())
