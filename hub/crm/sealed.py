"""The tables of schema `crm` that hold sealed values, and what each value is tied to."""

from __future__ import annotations

from uuid import UUID

from hub.database.sealed_rows import SealedTable


def _own_id(identifier: UUID) -> bytes:
    return identifier.bytes


def _revision(record: UUID, ordinal: int) -> bytes:
    return record.bytes + bytes((ordinal & 0xFF,))


def _touchpoint(record: UUID, _ordinal: int, slot: int, lead: UUID) -> bytes:
    return record.bytes + bytes((slot & 0xFF,)) + lead.bytes


SEALED_TABLES = (
    SealedTable("crm", "lead", ("id",), _own_id),
    SealedTable("crm", "lead_revision", ("record_id", "ordinal"), _revision),
    SealedTable("crm", "touchpoint", ("record_id", "ordinal", "slot"), _touchpoint, ("lead_id",)),
    SealedTable("crm", "interaction", ("id",), _own_id),
    SealedTable("crm", "company_party", ("id",), _own_id),
)
