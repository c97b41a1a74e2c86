"""Records that wait for the network: put there by a loader, claimed by a resolver under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

# The lease is written before the platform is asked: who dies meanwhile leaves a row that comes due again.
_CLAIM = """
WITH due AS (
    SELECT record_id FROM inbox.waiting
    WHERE source_key = %(source)s AND not_before <= %(now)s
    ORDER BY stands, waiting_since LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE inbox.waiting w SET tries = least(tries + 1, 32000), not_before = %(until)s
FROM due WHERE w.record_id = due.record_id
RETURNING w.record_id, w.merchant, w.source_key, w.entity, w.needs, w.tries, w.stands
"""


@dataclass(frozen=True, slots=True)
class WaitingRecord:
    """One record that waits. `tries` counts the one that is about to begin."""

    record_id: UUID
    merchant: str
    source_key: str
    entity: str
    needs: str
    tries: int
    stands: bool


@dataclass(frozen=True, slots=True)
class Queueing:
    """What waits of one source: how many, since when the oldest, how many of them were tried before."""

    source_key: str
    records: int
    oldest: datetime
    tried: int


def add_waiting(
    conn: psycopg.Connection[Any],
    rows: Sequence[tuple[UUID, str, str, str, str]],
    now: datetime,
    *,
    after: timedelta = timedelta(0),
    stands: bool = False,
) -> None:
    """Let records wait: (record, merchant, source, entity, what it needs); due at `now` + `after`."""
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    conn.execute(
        "INSERT INTO inbox.waiting (record_id, merchant, source_key, entity, needs, waiting_since,"
        " not_before, stands) SELECT *, %s::timestamptz, %s::timestamptz, %s"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[])"
        " ON CONFLICT (record_id) DO UPDATE SET not_before = excluded.not_before, tries = 0,"
        " stands = excluded.stands, needs = excluded.needs",
        (now, now + after, stands, *columns),
    )


def sources_due(conn: psycopg.Connection[Any], now: datetime) -> list[str]:
    """The sources of which something is due."""
    rows = conn.execute(
        "SELECT DISTINCT source_key FROM inbox.waiting WHERE not_before <= %s ORDER BY 1", (now,)
    ).fetchall()
    return [row[0] for row in rows]


def claim_waiting(
    conn: psycopg.Connection[Any], source_key: str, *, limit: int, now: datetime, lease: timedelta
) -> list[WaitingRecord]:
    """The oldest due records of a source, leased: nobody else gets them before `now` + `lease`."""
    with conn.cursor(binary=True, row_factory=args_row(WaitingRecord)) as cursor:
        return cursor.execute(
            _CLAIM, {"source": source_key, "now": now, "limit": limit, "until": now + lease}
        ).fetchall()


def put_off(
    conn: psycopg.Connection[Any], record_id: UUID, until: datetime, *, counts: bool
) -> None:
    """Let a record wait on; `counts` is false where the try was nobody's failure."""
    conn.execute(
        "UPDATE inbox.waiting SET not_before = %s, tries = greatest(tries - %s, 0) WHERE record_id = %s",
        (until, 0 if counts else 1, record_id),
    )


def end_waiting(conn: psycopg.Connection[Any], record_id: UUID) -> bool:
    """Take a record out; whether it was still there."""
    return (
        conn.execute("DELETE FROM inbox.waiting WHERE record_id = %s", (record_id,)).rowcount > 0
    )


def what_waits(conn: psycopg.Connection[Any]) -> list[Queueing]:
    """What waits, by source; records that stand in the CRM meanwhile are not counted."""
    rows = conn.execute(
        "SELECT source_key, count(*)::int, min(waiting_since), count(*) FILTER (WHERE tries > 0)::int"
        " FROM inbox.waiting WHERE NOT stands GROUP BY source_key ORDER BY source_key"
    ).fetchall()
    return [Queueing(*row) for row in rows]


def remember_answer(
    conn: psycopg.Connection[Any], source_key: str, digest: bytes, record_id: UUID
) -> None:
    """Remember which record holds the answer to a question."""
    conn.execute(
        "INSERT INTO inbox.resolution (source_key, digest, record_id) VALUES (%s, %s, %s)"
        " ON CONFLICT (source_key, digest) DO UPDATE SET record_id = excluded.record_id",
        (source_key, digest, record_id),
    )


def known_answers(
    conn: psycopg.Connection[Any], source_key: str, digests: Sequence[bytes]
) -> dict[bytes, UUID]:
    """Which records hold answers to these questions."""
    rows = conn.execute(
        "SELECT digest, record_id FROM inbox.resolution WHERE source_key = %s AND digest = ANY(%s)",
        (source_key, list(digests)),
    ).fetchall()
    return {bytes(row[0]): row[1] for row in rows}
