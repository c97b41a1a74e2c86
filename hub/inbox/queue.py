"""The queue: claim what a loader has to do, by lane, without waiting for other loaders.

A claimed row is deleted in the loader's transaction: the deletion commits with what it led to, or the
row is there again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from hub.model.delivery import Lane

# Rows that were suspected of killing a loader are claimed apart, at most `suspect` of them at a time.
_CLAIM = """
WITH locked AS MATERIALIZED (
    SELECT lane, seq, coalesce(octet_length(sealed), %(typical)s::int) AS size FROM inbox.queue
    WHERE lane = %(lane)s AND seq > %(above)s AND suspect = 0
    ORDER BY seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), mine AS MATERIALIZED (
    SELECT lane, seq FROM (
        SELECT lane, seq, sum(size) OVER (ORDER BY seq) - size AS before FROM locked
    ) AS running WHERE before < %(budget)s::bigint
)
DELETE FROM inbox.queue q USING mine WHERE q.lane = mine.lane AND q.seq = mine.seq
RETURNING q.lane, q.seq, q.item_id, q.is_record, q.merchant, q.source_key, q.via, q.received_at,
          q.suspect, q.kills, q.sealed
"""
_CLAIM_SUSPECTS = """
WITH first AS MATERIALIZED (
    SELECT lane, suspect FROM inbox.queue WHERE lane = %(lane)s AND suspect > 0
    ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED
), mine AS MATERIALIZED (
    SELECT q.lane, q.seq FROM inbox.queue q, first
    WHERE q.lane = first.lane AND q.suspect = first.suspect AND q.suspect > 0
    ORDER BY q.seq LIMIT (SELECT suspect FROM first) FOR UPDATE OF q SKIP LOCKED
)
DELETE FROM inbox.queue q USING mine WHERE q.lane = mine.lane AND q.seq = mine.seq
RETURNING q.lane, q.seq, q.item_id, q.is_record, q.merchant, q.source_key, q.via, q.received_at,
          q.suspect, q.kills, q.sealed
"""


# What one sealed record weighs in the queue, about: a page says by its size how many it holds.
RECORD_BYTES = 1000


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class QueueItem:
    """One row of the queue. `sealed` is the envelope of a delivery, None for a record of the archive."""

    lane: int
    seq: int
    item_id: UUID
    is_record: bool
    merchant: str
    source_key: str
    via: str
    received_at: datetime
    suspect: int
    kills: int
    sealed: bytes | None


def claim(conn: psycopg.Connection[Any], lane: Lane, *, above: int, limit: int) -> list[QueueItem]:
    """Rows of a lane with `seq` > `above`, oldest first, taken out of the queue.

    As many as hold about `limit` records: a page of a hundred counts by its size, the first row is
    taken whatever its size.
    """
    parameters = {
        "lane": int(lane),
        "above": above,
        "limit": limit,
        "typical": RECORD_BYTES,
        "budget": limit * RECORD_BYTES,
    }
    return _claimed(conn, _CLAIM, parameters)


def claim_suspects(conn: psycopg.Connection[Any], lane: Lane) -> list[QueueItem]:
    """A group of rows that may hold the one that kills its loader."""
    return _claimed(conn, _CLAIM_SUSPECTS, {"lane": int(lane)})


def suspect(conn: psycopg.Connection[Any], lane: int, seqs: Sequence[int]) -> int:
    """Mark what a dead loader had in hand: to be retried in halves. Returns how many were still there.

    A row that was alone in its claim has killed: its `kills` rises.
    """
    row = conn.execute(
        "WITH there AS (SELECT count(*) AS n FROM inbox.queue WHERE lane = %(lane)s AND seq = ANY(%(seqs)s))"
        ", marked AS (UPDATE inbox.queue q SET suspect = greatest(1, (there.n + 1) / 2)::int,"
        " kills = kills + CASE WHEN there.n = 1 THEN 1 ELSE 0 END FROM there"
        " WHERE q.lane = %(lane)s AND q.seq = ANY(%(seqs)s) RETURNING 1)"
        " SELECT count(*) FROM marked",
        {"lane": lane, "seqs": list(seqs)},
    ).fetchone()
    return int(row[0]) if row else 0


def enqueue_records(
    conn: psycopg.Connection[Any], record_ids: Sequence[UUID], *, lane: Lane, suspect: int = 0
) -> int:
    """Put records of the archive into the queue. The caller has taken them out of where they stood."""
    return conn.execute(
        "INSERT INTO inbox.queue (lane, item_id, is_record, merchant, source_key, via, received_at, suspect)"
        " SELECT %s, id, true, merchant, source_key, via, received_at, %s"
        " FROM inbox.record WHERE id = ANY(%s) ORDER BY id",
        (int(lane), suspect, list(record_ids)),
    ).rowcount


def is_waiting(conn: psycopg.Connection[Any]) -> bool:
    """Whether the queue holds anything at all."""
    row = conn.execute("SELECT EXISTS (SELECT 1 FROM inbox.queue)").fetchone()
    return bool(row and row[0])


def _claimed(
    conn: psycopg.Connection[Any], statement: str, parameters: dict[str, Any]
) -> list[QueueItem]:
    with conn.cursor(binary=True, row_factory=args_row(QueueItem)) as cursor:
        items = cursor.execute(statement.encode(), parameters).fetchall()
    return sorted(items, key=lambda item: item.seq)
