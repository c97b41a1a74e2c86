"""A sealed value of the archive, to try keys on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg


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
