"""Rows of `ops.cursor`: where a pull goes on. Written in the transaction that stores the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import cursor


def read_cursor(conn: sa.Connection, source_key: str, stream: str) -> Mapping[str, Any]:
    """What the last stored page of a stream left; empty if it was never pulled."""
    found = conn.execute(
        sa.select(cursor.c.value).where(
            cursor.c.source_key == source_key, cursor.c.stream == stream
        )
    ).scalar_one_or_none()
    return found or {}


def write_cursor(
    conn: sa.Connection, source_key: str, stream: str, value: Mapping[str, Any], *, now: datetime
) -> None:
    """Set the cursor of a stream; no personal data may be in it."""
    row = {"value": dict(value), "updated_at": now}
    conn.execute(
        insert(cursor)
        .values(source_key=source_key, stream=stream, **row)
        .on_conflict_do_update(index_elements=["source_key", "stream"], set_=row)
    )


def pulled_at(conn: sa.Connection, source_key: str) -> datetime | None:
    """When a pull of the source last stored a page or moved its cursor, None if none ever did."""
    newest: datetime | None = conn.execute(
        sa.select(sa.func.max(cursor.c.updated_at)).where(cursor.c.source_key == source_key)
    ).scalar_one()
    return newest
