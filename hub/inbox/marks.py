"""Records to map anew: held under a version that is no longer live, or loaded with the mark of a finding.

Level-triggered: a row stays eligible until it was mapped under the live version, whoever published when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from hub.model.delivery import Lane
from hub.model.ids import uuid7_floor
from hub.model.outcome import HeldReason

# What a newer mapping may mend; the other reasons wait for a person.
MENDABLE = (
    HeldReason.CONTRACT,
    HeldReason.MISSING,
    HeldReason.INVALID_VALUE,
    HeldReason.NO_MAPPING,
    HeldReason.LOADER_BUG,
)
_ENQUEUE = (
    "INSERT INTO inbox.queue (lane, item_id, is_record, merchant, source_key, via, received_at, stands)"
    " SELECT %s, id, true, merchant, source_key, via, received_at, %s"
    " FROM inbox.record WHERE id = ANY(%s) ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Stale:
    """Records of one source and entity that a version tried or mapped: how many are held or marked."""

    merchant: str
    source_key: str
    entity: str
    mapping_version: str | None
    held: int
    marked: int


def add_marks(
    conn: psycopg.Connection[Any],
    rows: Sequence[tuple[UUID, str, str, str, str, list[str]]],
) -> None:
    """Mark loaded records: (record, merchant, source, entity, version that was tried, findings)."""
    if not rows:
        return
    ids, merchants, sources, entities, versions, findings = zip(*rows, strict=True)
    conn.execute(
        "INSERT INTO inbox.marked (record_id, merchant, source_key, entity, mapping_version, findings)"
        " SELECT id, merchant, source, entity, version, string_to_array(found, ',')"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
        " AS t(id, merchant, source, entity, version, found) ON CONFLICT (record_id) DO UPDATE SET"
        " merchant = excluded.merchant, source_key = excluded.source_key,"
        " mapping_version = excluded.mapping_version, findings = excluded.findings",
        (list(ids), list(merchants), list(sources), list(entities), list(versions),
         [",".join(each) for each in findings]),
    )  # fmt: skip


def drop_marks(conn: psycopg.Connection[Any], record_ids: Sequence[UUID]) -> None:
    """These records were mapped anew: whatever they were marked with is past."""
    if record_ids:
        conn.execute("DELETE FROM inbox.marked WHERE record_id = ANY(%s)", (list(record_ids),))


def mark_range(
    conn: psycopg.Connection[Any], source_key: str, entity: str, since: datetime, finding: str
) -> int:
    """Mark every loaded record of a source that came since then with a finding that only figures showed."""
    return conn.execute(
        "INSERT INTO inbox.marked AS m (record_id, merchant, source_key, entity, mapping_version, findings)"
        " SELECT id, merchant, source_key, entity, mapping_version, ARRAY[%(finding)s]"
        " FROM inbox.record r WHERE id >= %(since)s AND source_key = %(source)s AND entity = %(entity)s"
        " AND mapping_version IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM inbox.held x WHERE x.record_id = r.id)"
        " AND NOT EXISTS (SELECT 1 FROM inbox.not_a_lead x WHERE x.record_id = r.id)"
        " AND NOT EXISTS (SELECT 1 FROM inbox.discarded x WHERE x.record_id = r.id)"
        " AND NOT EXISTS (SELECT 1 FROM inbox.erased x WHERE x.record_id = r.id)"
        " AND NOT EXISTS (SELECT 1 FROM inbox.waiting x WHERE x.record_id = r.id AND NOT stands)"
        " AND NOT EXISTS (SELECT 1 FROM inbox.queue x WHERE x.is_record AND x.item_id = r.id)"
        " ON CONFLICT (record_id) DO UPDATE SET findings = m.findings || excluded.findings",
        {"finding": finding, "since": uuid7_floor(since), "source": source_key, "entity": entity},
    ).rowcount


def find_stale(conn: psycopg.Connection[Any]) -> list[Stale]:
    """Every group of held (for a reason that a mapping can mend) and marked records."""
    rows = conn.execute(
        "SELECT merchant, source_key, entity, mapping_version, sum(held)::int, sum(marked)::int FROM ("
        " SELECT merchant, source_key, entity, mapping_version, count(*) AS held, 0 AS marked"
        " FROM inbox.held WHERE reason = ANY(%s) GROUP BY 1, 2, 3, 4"
        " UNION ALL SELECT merchant, source_key, entity, mapping_version, 0, count(*)"
        " FROM inbox.marked GROUP BY 1, 2, 3, 4) AS each GROUP BY 1, 2, 3, 4",
        (list(MENDABLE),),
    ).fetchall()
    return [Stale(*row) for row in rows]


def requeue_held(conn: psycopg.Connection[Any], group: Stale, limit: int) -> int:
    """Up to `limit` held records of a group into the replay lane; how many."""
    rows = conn.execute(
        "DELETE FROM inbox.held WHERE record_id IN (SELECT record_id FROM inbox.held"
        " WHERE merchant = %s AND source_key = %s AND entity = %s AND mapping_version IS NOT DISTINCT FROM %s"
        " AND reason = ANY(%s) ORDER BY record_id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING record_id",
        (*_names(group), list(MENDABLE), limit),
    ).fetchall()
    ids = [row[0] for row in rows]
    if ids:
        conn.execute(_ENQUEUE, (int(Lane.REPLAY), False, ids))
        conn.execute(
            "INSERT INTO inbox.outcome_change (record_id, merchant, source_key, was, became, reason,"
            " decided_by, mapping_version, changed_at) SELECT id, merchant, source_key, 'held', 'queued',"
            " 'published', 'hub', mapping_version, now() FROM inbox.record WHERE id = ANY(%s) ORDER BY id",
            (ids,),
        )
    return len(ids)


def requeue_loaded(conn: psycopg.Connection[Any], record_ids: Sequence[UUID], lane: Lane) -> None:
    """Put loaded records into the queue, to be mapped anew; they stay in the CRM meanwhile."""
    conn.execute(_ENQUEUE, (int(lane), True, list(record_ids)))


def requeue_marked(conn: psycopg.Connection[Any], group: Stale, limit: int) -> int:
    """Up to `limit` marked records of a group into the replay lane; they stay in the CRM meanwhile."""
    rows = conn.execute(
        "DELETE FROM inbox.marked WHERE record_id IN (SELECT record_id FROM inbox.marked"
        " WHERE merchant = %s AND source_key = %s AND entity = %s AND mapping_version IS NOT DISTINCT FROM %s"
        " ORDER BY record_id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING record_id",
        (*_names(group), limit),
    ).fetchall()
    ids = [row[0] for row in rows]
    if ids:
        requeue_loaded(conn, ids, Lane.REPLAY)
    return len(ids)


def _names(group: Stale) -> tuple[str, str, str, str | None]:
    return group.merchant, group.source_key, group.entity, group.mapping_version
