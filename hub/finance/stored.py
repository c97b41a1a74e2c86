"""Business documents as they stand, all of them in order: for verification and for an erasure's scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document for whoever compares it with its revisions."""

    id: UUID
    merchant: str
    source_key: str
    entity: str
    revisions: list[UUID]
    content_hash: bytes
    sealed: bytes


def all_documents(conn: psycopg.Connection[Any], *, batch: int = 2000) -> Iterator[StoredDocument]:
    """Every document in order of id, read in batches within the open transaction."""
    with conn.cursor(
        name="hub_all_documents", binary=True, row_factory=class_row(StoredDocument)
    ) as cursor:  # type: psycopg.ServerCursor[StoredDocument]
        cursor.itersize = batch
        cursor.execute(
            "SELECT id, merchant, source_key, entity, revisions, content_hash, sealed"
            " FROM finance.document ORDER BY id"
        )
        yield from cursor


def orphaned_revisions(conn: psycopg.Connection[Any]) -> int:
    """How many documents have revisions, but are not there."""
    row = conn.execute(
        "SELECT count(DISTINCT r.document_id) FROM finance.document_revision r"
        " WHERE NOT EXISTS (SELECT 1 FROM finance.document d WHERE d.id = r.document_id)"
    ).fetchone()
    return int(row[0]) if row else 0
