"""The archive of records, and the tables that say where a record stands when it is in no lead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

_RECORD_TYPES = ["uuid", "text", "text", "text", "text", "timestamptz", "text", "bytea"]
_HELD_TYPES = [
    "uuid",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "timestamptz",
    "text",
]
_NOT_A_LEAD_TYPES = ["uuid", "text", "text", "text", "text", "text", "timestamptz"]
# Where a record can stand outside the CRM, and the word the record law has for it.
STANDINGS = {
    "held": "inbox.held",
    "waiting": "inbox.waiting",
    "not_a_lead": "inbox.not_a_lead",
    "discarded": "inbox.discarded",
}


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class ArchivedRecord:
    """One record of the archive. `sealed` is None once it is erased."""

    id: UUID
    merchant: str
    source_key: str
    entity: str
    via: str
    received_at: datetime
    mapping_version: str | None
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """One record that waits, and why: a typed reason and a JSON Pointer."""

    record_id: UUID
    merchant: str
    source_key: str
    entity: str
    reason: str
    path: str
    detail: str
    mapping_version: str | None
    held_at: datetime
    finding: str | None = None


def add_records(conn: psycopg.Connection[Any], rows: Iterable[ArchivedRecord]) -> None:
    """Append records to the archive."""
    with conn.cursor() as cursor, cursor.copy(
        "COPY inbox.record (id, merchant, source_key, entity, via, received_at, mapping_version, sealed)"
        " FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(_RECORD_TYPES)
        for r in rows:
            copy.write_row(
                (r.id, r.merchant, r.source_key, r.entity, r.via, r.received_at,
                 r.mapping_version, r.sealed)
            )  # fmt: skip


def read_records(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID, ArchivedRecord]:
    """Records of the archive by id."""
    with conn.cursor(binary=True, row_factory=args_row(ArchivedRecord)) as cursor:
        cursor.execute(
            "SELECT id, merchant, source_key, entity, via, received_at, mapping_version, sealed"
            " FROM inbox.record WHERE id = ANY(%s)",
            (list(ids),),
        )
        return {row.id: row for row in cursor}


def remember_mapping(
    conn: psycopg.Connection[Any], rows: Sequence[tuple[UUID, str, str, str | None]]
) -> None:
    """Write down which version mapped each record, and whose it is: (record, merchant, source, version)."""
    conn.execute(
        "UPDATE inbox.record r SET mapping_version = v.version, merchant = v.merchant,"
        " source_key = v.source_key FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[])"
        " AS v(id, merchant, source_key, version) WHERE r.id = v.id",
        [list(column) for column in zip(*rows, strict=True)],
    )


def hold(conn: psycopg.Connection[Any], rows: Sequence[HeldRecord]) -> None:
    """Write down why records wait."""
    if not rows:
        return
    with conn.cursor() as cursor, cursor.copy(
        "COPY inbox.held (record_id, merchant, source_key, entity, reason, path, detail,"
        " mapping_version, held_at, finding) FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(_HELD_TYPES)
        for r in rows:
            copy.write_row(
                (r.record_id, r.merchant, r.source_key, r.entity, r.reason, r.path[:500],
                 r.detail[:500], r.mapping_version, r.held_at, r.finding)
            )  # fmt: skip


def reseal(conn: psycopg.Connection[Any], record_id: UUID, sealed: bytes) -> None:
    """Put another sealed payload in the place of a record's."""
    conn.execute("UPDATE inbox.record SET sealed = %s WHERE id = %s", (sealed, record_id))


def reread(conn: psycopg.Connection[Any], record_id: UUID, entity: str, sealed: bytes) -> None:
    """What was kept as a whole delivery could be read after all: it is a record of `entity` now."""
    conn.execute(
        "UPDATE inbox.record SET entity = %s, sealed = %s WHERE id = %s",
        (entity, sealed, record_id),
    )


def set_aside(
    conn: psycopg.Connection[Any],
    rows: Sequence[tuple[UUID, str, str, str, str, str | None, datetime]],
) -> None:
    """Write down records that are no lead: (record, merchant, source, entity, reason, mapping, decided at)."""
    if not rows:
        return
    with conn.cursor() as cursor, cursor.copy(
        "COPY inbox.not_a_lead (record_id, merchant, source_key, entity, reason, mapping_version,"
        " decided_at) FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(_NOT_A_LEAD_TYPES)
        for row in rows:
            copy.write_row(row)


def take_standing(
    conn: psycopg.Connection[Any], standing: str, record_ids: Sequence[UUID]
) -> list[UUID]:
    """Take records out of a standing (`STANDINGS`); returns those that were in it, sorted."""
    table = STANDINGS[standing]
    only = " AND NOT stands" if standing == "waiting" else ""
    rows = conn.execute(
        f"DELETE FROM {table} WHERE record_id = ANY(%s){only} RETURNING record_id",  # noqa: S608 -- a constant of this module
        (list(record_ids),),
    ).fetchall()
    return sorted(row[0] for row in rows)


def add_changes(
    conn: psycopg.Connection[Any],
    record_ids: Sequence[UUID],
    *,
    was: str,
    became: str,
    reason: str,
    by: str,
) -> None:
    """Append to the history of outcomes; `reason` never carries a payload's text."""
    conn.execute(
        "INSERT INTO inbox.outcome_change (record_id, merchant, source_key, was, became, reason, decided_by,"
        " mapping_version, changed_at) SELECT id, merchant, source_key, %s, %s, %s, %s, mapping_version,"
        " now() FROM inbox.record WHERE id = ANY(%s) ORDER BY id",
        (was, became, reason, by, list(record_ids)),
    )


def discard(
    conn: psycopg.Connection[Any], record_ids: Sequence[UUID], *, reason: str, by: str
) -> list[UUID]:
    """Move held records to the discarded ones; returns those that were held."""
    taken = take_standing(conn, "held", record_ids)
    conn.execute(
        "INSERT INTO inbox.discarded (record_id, merchant, source_key, entity, reason, decided_by, decided_at)"
        " SELECT id, merchant, source_key, entity, %s, %s, now() FROM inbox.record WHERE id = ANY(%s)",
        (reason, by, taken),
    )
    add_changes(conn, taken, was="held", became="discarded", reason=reason, by=by)
    return taken
