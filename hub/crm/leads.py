"""Leads and their revisions: look up, add, rewrite. The caller holds the merchant's lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from hub.database.arrays import use_fast_arrays

MERCHANT_LOCK = 0x1EAD

# Columns that are plain text of the canonical document.
TEXT_COLUMNS = (
    "province_code", "city_code", "campaign_id", "utm_source", "utm_medium", "utm_campaign",
    "utm_term", "utm_content", "utm_id",
)  # fmt: skip
_LEAD_COLUMNS = (
    "id", "merchant", "source_key", "entity", "contact_id", "first_record_id", "submitted_at",
    "received_at", "loaded_at", "mapping_version", "intent", "product_interest", "ext", "marks",
    "keys", "revisions", "content_hash", "sealed", *TEXT_COLUMNS,
)  # fmt: skip
_LEAD_TYPES = [
    "uuid", "text", "text", "text", "uuid", "uuid", "timestamptz",
    "timestamptz", "timestamptz", "text", "int2", "text[]", "jsonb", "text[]",
    "bytea[]", "uuid[]", "bytea", "bytea", *["text"] * len(TEXT_COLUMNS),
]  # fmt: skip
_REVISION_TYPES = [
    "uuid", "int2", "uuid", "text", "text", "text", "bytea", "text", "text", "text", "bytea",
    "bytea[]", "bytea",
]  # fmt: skip
_COPY_REVISIONS = (
    "COPY crm.lead_revision (record_id, ordinal, lead_id, merchant, source_key, outcome, rank,"
    " mode, stream, mapping_version, content_hash, keys, sealed) FROM STDIN (FORMAT BINARY)"
)
_COPY_LEADS = f"COPY crm.lead ({', '.join(_LEAD_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_REWRITTEN = [c for c in _LEAD_COLUMNS if c not in {"id", "merchant", "source_key", "entity"}]
_REWRITE = f"UPDATE crm.lead SET {', '.join(f'{c} = %s' for c in _REWRITTEN)} WHERE id = %s"  # noqa: S608 -- names of this module


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class KnownLead:
    """What the fold needs of a lead that is there already. `revisions` are record ids."""

    id: UUID
    contact_id: UUID
    first_record_id: UUID
    received_at: datetime
    revisions: list[UUID]
    keys: list[bytes]
    content_hash: bytes
    sealed: bytes


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class RevisionRow:
    """One revision of a lead: what one record made of it. `sealed` is None while it says what the lead says."""

    record_id: UUID
    ordinal: int
    lead_id: UUID
    merchant: str
    source_key: str
    outcome: str
    rank: bytes
    mode: str
    stream: str
    mapping_version: str
    content_hash: bytes
    keys: list[bytes]
    sealed: bytes | None


def lock_merchants(conn: psycopg.Connection[Any], merchants: Iterable[str]) -> None:
    """Take each merchant's lock until the transaction ends, in one order for all loaders."""
    for merchant in sorted(set(merchants)):
        conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (MERCHANT_LOCK, merchant))


def known_leads(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID, KnownLead]:
    """Those of `ids` that are in the store."""
    with conn.cursor(binary=True, row_factory=args_row(KnownLead)) as cursor:
        cursor.execute(
            "SELECT id, contact_id, first_record_id, received_at, revisions, keys, content_hash, sealed"
            " FROM crm.lead WHERE id = ANY(%s)",
            (list(ids),),
        )
        return {row.id: row for row in cursor}


def revisions_of_records(
    conn: psycopg.Connection[Any], record_ids: Sequence[UUID]
) -> list[RevisionRow]:
    """Every revision that these records made."""
    with conn.cursor(binary=True, row_factory=args_row(RevisionRow)) as cursor:
        cursor.execute(
            "SELECT record_id, ordinal, lead_id, merchant, source_key, outcome, rank, mode, stream,"
            " mapping_version, content_hash, keys, sealed FROM crm.lead_revision"
            " WHERE record_id = ANY(%s)",
            (list(record_ids),),
        )
        return cursor.fetchall()


def add_revisions(conn: psycopg.Connection[Any], rows: Iterable[tuple[Any, ...]]) -> None:
    """Append revisions; a row has the fields of `RevisionRow` in their order."""
    with conn.cursor() as cursor:
        use_fast_arrays(cursor)
        with cursor.copy(_COPY_REVISIONS) as copy:
            copy.set_types(_REVISION_TYPES)
            for row in rows:
                copy.write_row(row)


def fill_revisions(conn: psycopg.Connection[Any], rows: Sequence[tuple[UUID, int, bytes]]) -> None:
    """Give revisions a content of their own before their lead gets another: (record, ordinal, sealed)."""
    if rows:
        with conn.cursor() as cursor:
            cursor.executemany(
                "UPDATE crm.lead_revision SET sealed = %s WHERE record_id = %s AND ordinal = %s",
                [(sealed, record, ordinal) for record, ordinal, sealed in rows],
            )


def remove_revisions(conn: psycopg.Connection[Any], record_ids: Sequence[UUID]) -> None:
    """Take out what these records had made, before they are mapped anew."""
    conn.execute("DELETE FROM crm.lead_revision WHERE record_id = ANY(%s)", (list(record_ids),))


def add_leads(conn: psycopg.Connection[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add new leads; a row is as `_LEAD_COLUMNS` (see `lead_row`)."""
    if not rows:
        return
    with conn.cursor() as cursor:
        use_fast_arrays(cursor)
        with cursor.copy(_COPY_LEADS) as copy:
            copy.set_types(_LEAD_TYPES)
            for row in rows:
                copy.write_row(row)


def rewrite_leads(conn: psycopg.Connection[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    """Write known leads anew; rows as for `add_leads`."""
    if rows:
        with conn.cursor() as cursor:
            cursor.executemany(_REWRITE, [(*row[4:], row[0]) for row in rows])


def touch_revisions(
    conn: psycopg.Connection[Any], changes: Sequence[tuple[UUID, list[UUID]]]
) -> None:
    """Only remember more revisions of leads that stay as they are."""
    if changes:
        with conn.cursor() as cursor:
            cursor.executemany(
                "UPDATE crm.lead SET revisions = %s WHERE id = %s",
                [(revisions, lead) for lead, revisions in changes],
            )


def remove_leads(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> None:
    """Take out leads that no revision makes any more, with their touchpoints."""
    if ids:
        conn.execute(
            "DELETE FROM crm.touchpoint t USING crm.lead l WHERE l.id = ANY(%s) AND t.lead_id = l.id"
            " AND t.record_id = l.first_record_id",
            (list(ids),),
        )
        conn.execute("DELETE FROM crm.lead WHERE id = ANY(%s)", (list(ids),))
