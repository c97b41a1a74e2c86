"""The tables of schema `finance` that hold sealed values, and what each value is tied to."""

from __future__ import annotations

from uuid import UUID

from hub.database.sealed_rows import SealedTable


def _own_id(identifier: UUID) -> bytes:
    return identifier.bytes


def _revision(record: UUID, ordinal: int) -> bytes:
    return record.bytes + bytes((ordinal & 0xFF,))


SEALED_TABLES = (
    SealedTable("finance", "document", ("id",), _own_id),
    SealedTable("finance", "document_revision", ("record_id", "ordinal"), _revision),
)
