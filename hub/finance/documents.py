"""Business documents and their revisions: look up, write. The caller holds the merchant's lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from hub.database.arrays import use_fast_arrays

_COLUMNS = (
    "id", "merchant", "source_key", "entity", "number", "kind", "state", "on_date", "amount_fen",
    "currency", "contract_number", "order_number", "party_code", "party", "keys", "facts", "marks",
    "first_record_id", "received_at", "loaded_at", "mapping_version", "revisions", "content_hash",
    "sealed",
)  # fmt: skip
_TYPES = [
    "uuid", "text", "text", "text", "text", "text", "text", "date", "int8",
    "text", "text", "text", "text", "bytea[]", "bytea[]", "jsonb", "text[]",
    "uuid", "timestamptz", "timestamptz", "text", "uuid[]", "bytea",
    "bytea",
]  # fmt: skip
_REVISION_TYPES = [
    "uuid", "int2", "uuid", "text", "text", "text", "text", "bytea", "text", "text", "text", "bytea",
    "bytea",
]  # fmt: skip
_COPY = f"COPY finance.document ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_COPY_REVISIONS = (
    "COPY finance.document_revision (record_id, ordinal, document_id, merchant, source_key, entity,"
    " outcome, rank, mode, stream, mapping_version, content_hash, sealed) FROM STDIN (FORMAT BINARY)"
)


@dataclass(slots=True)  # not frozen: made once per document
class DocumentRow:
    """A row of `finance.document`; see `hub.finance.tables`."""

    id: UUID
    merchant: str
    source_key: str
    entity: str
    number: str | None
    kind: str | None
    state: str | None
    on_date: date | None
    amount_fen: int | None
    currency: str | None
    contract_number: str | None
    order_number: str | None
    party_code: str | None
    party: list[bytes] | None
    keys: list[bytes] | None
    facts: dict[str, Any]
    marks: list[str] | None
    first_record_id: UUID
    received_at: datetime
    loaded_at: datetime
    mapping_version: str
    revisions: list[UUID]
    content_hash: bytes
    sealed: bytes


@dataclass(slots=True)  # not frozen: made once per document
class DocumentRevision:
    """What one record made of a document."""

    record_id: UUID
    ordinal: int
    document_id: UUID
    merchant: str
    source_key: str
    entity: str
    outcome: str
    rank: bytes
    mode: str
    stream: str
    mapping_version: str
    content_hash: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What the fold needs of a document that is there already."""

    id: UUID
    source_key: str
    entity: str
    first_record_id: UUID
    received_at: datetime
    content_hash: bytes


def known_documents(
    conn: psycopg.Connection[Any], ids: Sequence[UUID]
) -> dict[UUID, KnownDocument]:
    """Those of `ids` that are in the store."""
    with conn.cursor(binary=True, row_factory=args_row(KnownDocument)) as cursor:
        cursor.execute(
            "SELECT id, source_key, entity, first_record_id, received_at, content_hash"
            " FROM finance.document WHERE id = ANY(%s)",
            (list(ids),),
        )
        return {row.id: row for row in cursor}


def revisions_of_documents(
    conn: psycopg.Connection[Any], ids: Sequence[UUID]
) -> list[DocumentRevision]:
    """Every revision of these documents."""
    return _revisions(conn, "document_id = ANY(%s)", ids)


def revisions_of_records(
    conn: psycopg.Connection[Any], record_ids: Sequence[UUID]
) -> list[DocumentRevision]:
    """Every revision that these records made."""
    return _revisions(conn, "record_id = ANY(%s)", record_ids)


def _revisions(
    conn: psycopg.Connection[Any], where: str, ids: Sequence[UUID]
) -> list[DocumentRevision]:
    with conn.cursor(binary=True, row_factory=args_row(DocumentRevision)) as cursor:
        cursor.execute(
            "SELECT record_id, ordinal, document_id, merchant, source_key, entity, outcome, rank,"  # noqa: S608 -- `where` is one of this module's two
            " mode, stream, mapping_version, content_hash, sealed FROM finance.document_revision"
            f" WHERE {where}".encode(),
            (list(ids),),
        )
        return cursor.fetchall()


def remove_revisions(conn: psycopg.Connection[Any], record_ids: Sequence[UUID]) -> None:
    """Take out what these records had made, before they are mapped anew."""
    conn.execute(
        "DELETE FROM finance.document_revision WHERE record_id = ANY(%s)", (list(record_ids),)
    )


def write_documents(
    conn: psycopg.Connection[Any], rows: Sequence[DocumentRow], gone: Sequence[UUID]
) -> None:
    """Write documents as they are now (new or known), take out `gone`, and note all as changed."""
    ids = [row.id for row in rows] + list(gone)
    if not ids:
        return
    _note_changes(conn, [(row.merchant, row.entity, row.id) for row in rows], ids)
    conn.execute("DELETE FROM finance.document WHERE id = ANY(%s)", (ids,))
    if not rows:
        return
    with conn.cursor() as cursor:
        use_fast_arrays(cursor)
        with cursor.copy(_COPY.encode()) as copy:
            copy.set_types(_TYPES)
            for row in sorted(rows, key=lambda one: one.id):
                values = [getattr(row, name) for name in _COLUMNS]
                values[_COLUMNS.index("facts")] = Jsonb(row.facts)
                copy.write_row(values)


def _note_changes(
    conn: psycopg.Connection[Any], written: Sequence[tuple[str, str, UUID]], ids: Sequence[UUID]
) -> None:
    """One row a document; a known one with what it is tied by until now."""
    known = conn.execute(
        "INSERT INTO finance.change (merchant, entity, document_id, links, party)"
        " SELECT merchant, entity, id, links, party FROM finance.document WHERE id = ANY(%s)"
        " RETURNING document_id",
        (list(ids),),
    ).fetchall()
    noted = {row[0] for row in known}
    with conn.cursor() as cursor, cursor.copy(
        "COPY finance.change (merchant, entity, document_id) FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(["text", "text", "uuid"])
        for row in written:
            if row[2] not in noted:
                copy.write_row(row)


def touch_documents(
    conn: psycopg.Connection[Any], changes: Sequence[tuple[UUID, list[UUID]]]
) -> None:
    """Only remember more revisions of documents that stay as they are."""
    if changes:
        with conn.cursor() as cursor:
            cursor.executemany(
                "UPDATE finance.document SET revisions = %s WHERE id = %s",
                [(revisions, document) for document, revisions in changes],
            )


def add_revisions(conn: psycopg.Connection[Any], rows: Iterable[DocumentRevision]) -> None:
    """Append revisions."""
    with conn.cursor() as cursor, cursor.copy(_COPY_REVISIONS) as copy:
        copy.set_types(_REVISION_TYPES)
        for r in rows:
            copy.write_row(
                (r.record_id, r.ordinal, r.document_id, r.merchant, r.source_key, r.entity,
                 r.outcome, r.rank, r.mode, r.stream, r.mapping_version, r.content_hash, r.sealed)
            )  # fmt: skip
