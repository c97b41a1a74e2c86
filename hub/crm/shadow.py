"""The shadow of CRM and books while they are rebuilt from the archive: a temporary table of its session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

_COLUMNS = (
    "lead_id, record_id, ordinal, merchant, source_key, entity, received_at, rank, mode, stream, keys, sealed,"
    " is_document"
)
_IN_ORDER = f"SELECT {_COLUMNS} FROM shadow_revision WHERE is_document = %s ORDER BY 1, 2, 3"  # noqa: S608 -- names of this module
_TYPES = [
    "uuid", "uuid", "int2", "text", "text", "text", "timestamptz", "bytea", "text", "text",
    "bytea[]", "bytea", "bool",
]  # fmt: skip


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class ShadowRevision:
    """One revision as the archive makes it; `sealed` is its canonical JSON. `lead_id` is that of a lead, or of a
    business document, which has no keys."""

    lead_id: UUID
    record_id: UUID
    ordinal: int
    merchant: str
    source_key: str
    entity: str
    received_at: datetime
    rank: bytes
    mode: str
    stream: str
    keys: list[bytes]
    sealed: bytes
    is_document: bool = False


def create_shadow(conn: psycopg.Connection[Any]) -> None:
    """An empty shadow, until the transaction ends."""
    conn.execute(
        "CREATE TEMP TABLE shadow_revision (lead_id uuid, record_id uuid, ordinal int2, merchant text,"
        " source_key text, entity text, received_at timestamptz, rank bytea, mode text, stream text,"
        " keys bytea[], sealed bytea, is_document bool) ON COMMIT DROP"
    )


def add_to_shadow(conn: psycopg.Connection[Any], rows: Iterable[ShadowRevision]) -> None:
    """Append revisions."""
    with conn.cursor() as cursor, cursor.copy(
        f"COPY shadow_revision ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(_TYPES)
        for r in rows:
            copy.write_row(
                (r.lead_id, r.record_id, r.ordinal, r.merchant, r.source_key, r.entity,
                 r.received_at, r.rank, r.mode, r.stream, r.keys, r.sealed, r.is_document)
            )  # fmt: skip


def shadow_revisions(
    conn: psycopg.Connection[Any], *, of_documents: bool = False
) -> Iterator[ShadowRevision]:
    """Every revision of leads, or of business documents; by lead or document, then by record."""
    with conn.cursor(
        name="hub_shadow", binary=True, row_factory=args_row(ShadowRevision)
    ) as cursor:  # type: psycopg.ServerCursor[ShadowRevision]
        cursor.itersize = 2000
        cursor.execute(_IN_ORDER.encode(), (of_documents,))
        yield from cursor
