"""The tables of schema `inbox` that hold sealed values, and one such value to try keys on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from hub.database.sealed_rows import SealedTable


def _own_id(identifier: UUID) -> bytes:
    return identifier.bytes


def _item(_lane: int, _seq: int, item: UUID) -> bytes:
    return item.bytes


SEALED_TABLES = (
    SealedTable("inbox", "queue", ("lane", "seq"), _item, ("item_id",)),
    SealedTable("inbox", "record", ("id",), _own_id),
    SealedTable("inbox", "rejected", ("id",), _own_id),
)


def newest_sealed(conn: psycopg.Connection[Any]) -> tuple[UUID, bytes] | None:
    """Id and sealed body of the newest record, else of a delivery that waits; None if there is neither."""
    row = conn.execute(
        "SELECT id, sealed FROM inbox.record WHERE sealed IS NOT NULL ORDER BY id DESC LIMIT 1"
    ).fetchone()
    row = (
        row
        or conn.execute(
            "SELECT item_id, sealed FROM inbox.queue WHERE sealed IS NOT NULL ORDER BY lane, seq LIMIT 1"
        ).fetchone()
    )
    return (row[0], bytes(row[1])) if row else None
