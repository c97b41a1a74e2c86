"""Erasing in the inbox: bodies go, the records stay to be counted; and retention, which keeps the outcome, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from hub.inbox.records import ArchivedRecord
from hub.inbox.rejected import Kept
from hub.model.ids import uuid7_floor

# Where a record stands without being in a lead, the strongest first.
_STANDINGS = ("held", "waiting", "not_a_lead", "discarded")
_SCAN = """
SELECT r.id, r.merchant, r.source_key, r.entity, r.via, r.received_at, r.mapping_version, r.sealed
FROM inbox.record r WHERE r.merchant = %s AND r.sealed IS NOT NULL AND r.id > %s AND (
    EXISTS (SELECT 1 FROM inbox.held x WHERE x.record_id = r.id)
    OR EXISTS (SELECT 1 FROM inbox.not_a_lead x WHERE x.record_id = r.id)
    OR EXISTS (SELECT 1 FROM inbox.waiting x WHERE x.record_id = r.id)
    OR EXISTS (SELECT 1 FROM inbox.discarded x WHERE x.record_id = r.id))
ORDER BY r.id LIMIT %s
"""
_PRUNABLE = """
SELECT r.id FROM inbox.record r
WHERE r.source_key = %s AND r.id < %s AND r.sealed IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM inbox.held x WHERE x.record_id = r.id)
AND NOT EXISTS (SELECT 1 FROM inbox.waiting x WHERE x.record_id = r.id)
AND NOT EXISTS (SELECT 1 FROM inbox.queue x WHERE x.is_record AND x.item_id = r.id)
ORDER BY r.id LIMIT %s
"""
_FIRST = UUID(int=0)


def records_without_keys(
    conn: psycopg.Connection[Any], merchant: str, *, size: int = 500
) -> Iterator[list[ArchivedRecord]]:
    """Every record of a merchant that stands outside the CRM and has a body, in pages."""
    after = _FIRST
    while True:
        with conn.cursor(binary=True, row_factory=args_row(ArchivedRecord)) as cursor:
            page = cursor.execute(_SCAN.encode(), (merchant, after, size)).fetchall()
        if not page:
            return
        yield page
        after = page[-1].id


def all_rejected(
    conn: psycopg.Connection[Any], merchant: str, *, size: int = 500
) -> Iterator[list[Kept]]:
    """Every refused push that is kept for a merchant, in pages."""
    after = _FIRST
    while True:
        rows = conn.execute(
            "SELECT id, received_at, sealed FROM inbox.rejected WHERE merchant = %s AND id > %s"
            " ORDER BY id LIMIT %s",
            (merchant, after, size),
        ).fetchall()
        if not rows:
            return
        yield [Kept(row[0], row[1], bytes(row[2])) for row in rows]
        after = rows[-1][0]


def erase_records(
    conn: psycopg.Connection[Any], stood: Mapping[UUID, str], now: datetime, *, by: str
) -> dict[str, int]:
    """Drop the bodies of records and let them stand as erased; rows by kind.

    Args:
        conn: The open transaction.
        stood: Record → its outcome in the CRM; "" for one that stands in the inbox.
        now: When.
        by: Who asked, for the history of outcomes.
    """
    ids = sorted(stood)
    was = {record: outcome for record, outcome in stood.items() if outcome}
    counts = {"records": 0}
    for standing in _STANDINGS:
        rows = conn.execute(
            f"DELETE FROM inbox.{standing} WHERE record_id = ANY(%s) RETURNING record_id",  # noqa: S608 -- constants of this module
            (ids,),
        ).fetchall()
        counts[standing] = len(rows)
        for row in rows:
            was.setdefault(row[0], standing)
    counts["marks"] = _delete(conn, "inbox.marked", "record_id", ids)
    counts["answers"] = _delete(conn, "inbox.resolution", "record_id", ids)
    queued = conn.execute(
        "DELETE FROM inbox.queue WHERE is_record AND item_id = ANY(%s) RETURNING item_id", (ids,)
    ).fetchall()
    for row in queued:
        was.setdefault(row[0], "queued")
    gone = sorted(was)
    counts["records"] = drop_bodies(conn, gone)
    add_erased(conn, gone, now)
    _remember(conn, was, now, by)
    return counts


def drop_bodies(conn: psycopg.Connection[Any], record_ids: Sequence[UUID]) -> int:
    """Forget what these records said; how many had a body."""
    return conn.execute(
        "UPDATE inbox.record SET sealed = NULL WHERE id = ANY(%s) AND sealed IS NOT NULL",
        (list(record_ids),),
    ).rowcount


def arrivals(conn: psycopg.Connection[Any], record_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each of these records came."""
    rows = conn.execute(
        "SELECT id, received_at FROM inbox.record WHERE id = ANY(%s)", (list(record_ids),)
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def add_erased(conn: psycopg.Connection[Any], record_ids: Sequence[UUID], now: datetime) -> None:
    """Let records of the archive stand as erased."""
    if record_ids:
        conn.execute(
            "INSERT INTO inbox.erased (record_id, merchant, source_key, entity, decided_at)"
            " SELECT id, merchant, source_key, entity, %s FROM inbox.record WHERE id = ANY(%s)"
            " ON CONFLICT (record_id) DO NOTHING",
            (now, list(record_ids)),
        )


def forget_rejected(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> int:
    """Delete refused pushes; how many."""
    return _delete(conn, "inbox.rejected", "id", ids)


def count_unsplit(conn: psycopg.Connection[Any], merchant: str) -> int:
    """Deliveries of a merchant that no loader has split yet: tombstones apply when one does."""
    row = conn.execute(
        "SELECT count(*) FROM inbox.queue WHERE merchant = %s AND NOT is_record", (merchant,)
    ).fetchone()
    return int(row[0]) if row else 0


def prunable(
    conn: psycopg.Connection[Any], source_key: str, before: datetime, limit: int
) -> list[UUID]:
    """Records of a source that came before `before`, have a body, and wait for nothing; oldest first."""
    rows = conn.execute(_PRUNABLE.encode(), (source_key, uuid7_floor(before), limit)).fetchall()
    return [row[0] for row in rows]


def count_prunable(conn: psycopg.Connection[Any], source_key: str, before: datetime) -> int:
    """How many there are."""
    row = conn.execute(
        b"SELECT count(*) FROM (" + _PRUNABLE.encode() + b") AS each",
        (source_key, uuid7_floor(before), None),
    ).fetchone()
    return int(row[0]) if row else 0


def prune(conn: psycopg.Connection[Any], record_ids: Sequence[UUID]) -> int:
    """Drop bodies that are older than they are kept; outcome and lead stay. How many."""
    _delete(conn, "inbox.marked", "record_id", record_ids)  # nothing is left to be mapped anew
    return drop_bodies(conn, record_ids)


def pruned_pages(conn: psycopg.Connection[Any], size: int) -> Iterator[list[ArchivedRecord]]:
    """Records without a body that were not erased, in order of id."""
    with conn.cursor(
        name="hub_pruned", binary=True, row_factory=args_row(ArchivedRecord)
    ) as cursor:  # type: psycopg.ServerCursor[ArchivedRecord]
        cursor.execute(
            "SELECT id, merchant, source_key, entity, via, received_at, mapping_version, sealed"
            " FROM inbox.record r WHERE sealed IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM inbox.erased x WHERE x.record_id = r.id) ORDER BY id"
        )
        while page := cursor.fetchmany(size):
            yield page


def _delete(conn: psycopg.Connection[Any], table: str, column: str, ids: Sequence[UUID]) -> int:
    return conn.execute(
        f"DELETE FROM {table} WHERE {column} = ANY(%s)".encode(),  # noqa: S608 -- constants of this module
        (list(ids),),
    ).rowcount


def _remember(
    conn: psycopg.Connection[Any], was: Mapping[UUID, str], now: datetime, by: str
) -> None:
    ids = sorted(was)
    conn.execute(
        "INSERT INTO inbox.outcome_change (record_id, merchant, source_key, was, became, reason, decided_by,"
        " mapping_version, changed_at) SELECT r.id, r.merchant, r.source_key, w.was, 'erased', 'erase', %s,"
        " r.mapping_version, %s FROM unnest(%s::uuid[], %s::text[]) AS w(id, was)"
        " JOIN inbox.record r ON r.id = w.id ORDER BY r.id",
        (by, now, ids, [was[record] for record in ids]),
    )
