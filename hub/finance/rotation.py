"""Blind keys of business documents on their way to another index key. The caller holds the merchants' locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg


def keyed_documents(
    conn: psycopg.Connection[Any], after: UUID, limit: int
) -> list[tuple[UUID, str, bytes]]:
    """The next documents that name a person or a party: id, merchant, sealed."""
    rows = conn.execute(
        "SELECT id, merchant, sealed FROM finance.document"
        " WHERE id > %s AND (keys IS NOT NULL OR party IS NOT NULL) ORDER BY id LIMIT %s",
        (after, limit),
    ).fetchall()
    return [(row[0], row[1], bytes(row[2])) for row in rows]


def write_keys(
    conn: psycopg.Connection[Any],
    rows: Sequence[tuple[UUID, list[bytes] | None, list[bytes] | None]],
) -> None:
    """Documents' keys as they are now: (id, of the person, of the party)."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE finance.document SET keys = %s, party = %s WHERE id = %s",
            [(person, party, document) for document, person, party in rows],
        )
