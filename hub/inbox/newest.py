"""The newest records of sources, and held ones: what a proposal is made from and tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

_COLUMNS = (
    "r.id, r.merchant, r.source_key, r.entity, r.via, r.received_at, r.mapping_version, r.sealed"
)
_HELD = (
    f"SELECT {_COLUMNS}, h.reason, h.path, h.finding FROM inbox.held h JOIN inbox.record r ON r.id = h.record_id"  # noqa: S608 -- constants of this module
    " WHERE h.source_key = ANY(%s) AND h.entity = %s AND h.merchant = ANY(%s) AND h.reason = ANY(%s)"
    " AND r.sealed IS NOT NULL ORDER BY h.record_id DESC LIMIT %s"
)
_NEWEST = (
    f"SELECT {_COLUMNS}, NULL::text, NULL::text, NULL::text FROM inbox.record r"  # noqa: S608 -- constants of this module
    " WHERE r.source_key = ANY(%s) AND r.entity = %s AND r.merchant = ANY(%s) AND r.sealed IS NOT NULL"
    " AND r.id < %s AND NOT EXISTS (SELECT 1 FROM inbox.held h WHERE h.record_id = r.id)"
    " ORDER BY r.id DESC LIMIT %s"
)
_COUNT = (
    "SELECT count(*) FROM inbox.held WHERE source_key = ANY(%s) AND entity = %s AND merchant = ANY(%s)"
    " AND reason = ANY(%s) AND mapping_version IS DISTINCT FROM %s"
)
_COUNT_MARKED = (
    "SELECT count(*) FROM inbox.marked WHERE source_key = ANY(%s) AND entity = %s AND merchant = ANY(%s)"
    " AND mapping_version IS DISTINCT FROM %s"
)
_COUNT_QUEUED = (
    "SELECT count(*) FROM inbox.queue q JOIN inbox.record r ON r.id = q.item_id WHERE q.is_record"
    " AND r.source_key = ANY(%s) AND r.entity = %s AND r.merchant = ANY(%s)"
)
_HELD_BY_FINDING = (
    "SELECT finding, count(*) FROM inbox.held WHERE finding = ANY(%s) GROUP BY finding"
)


@dataclass(frozen=True, slots=True)
class Where:
    """Records of one entity at some sources of some merchants."""

    source_keys: Sequence[str]
    entity: str
    merchants: Sequence[str]


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """One record of the archive; `reason`, `path` and `finding` say why it is held, None if it is not."""

    id: UUID
    merchant: str
    source_key: str
    entity: str
    via: str
    received_at: datetime
    mapping_version: str | None
    sealed: bytes
    reason: str | None
    path: str | None
    finding: str | None


def newest_held(
    conn: psycopg.Connection[Any], where: Where, reasons: Sequence[str], limit: int
) -> list[SampleRecord]:
    """Held records, newest first."""
    parameters = (*_names(where), list(reasons), limit)
    with conn.cursor(binary=True, row_factory=args_row(SampleRecord)) as cursor:
        return cursor.execute(_HELD.encode(), parameters).fetchall()


def newest_records(
    conn: psycopg.Connection[Any], where: Where, *, before: UUID, limit: int
) -> list[SampleRecord]:
    """Records that are not held, with an id below `before`, newest first."""
    parameters = (*_names(where), before, limit)
    with conn.cursor(binary=True, row_factory=args_row(SampleRecord)) as cursor:
        return cursor.execute(_NEWEST.encode(), parameters).fetchall()


def count_waiting(
    conn: psycopg.Connection[Any], where: Where, reasons: Sequence[str], version: str | None
) -> int:
    """Held and marked records that `version` has not tried yet, and archived ones in the queue."""
    counts = (
        (_COUNT, (*_names(where), list(reasons), version)),
        (_COUNT_MARKED, (*_names(where), version)),
        (_COUNT_QUEUED, _names(where)),
    )
    rows = [conn.execute(query.encode(), values).fetchone() for query, values in counts]
    return sum(int(row[0]) for row in rows if row)


def held_by_finding(conn: psycopg.Connection[Any], findings: Sequence[str]) -> dict[str, int]:
    """Finding → how many records it holds now."""
    return dict(conn.execute(_HELD_BY_FINDING, (list(findings),)).fetchall())


def _names(where: Where) -> tuple[list[str], str, list[str]]:
    return list(where.source_keys), where.entity, list(where.merchants)
