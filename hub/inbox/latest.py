"""The newest delivery of a source."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.inbox.tables import acknowledged, queue


def last_delivery_at(conn: sa.Connection, source_key: str) -> datetime | None:
    """The start of the newest window in which a delivery of the source was acknowledged.

    Read from the counts, which stay small, not from the ledger: to the half minute.
    """
    newest: datetime | None = conn.execute(
        sa.select(sa.func.max(acknowledged.c.window_start)).where(
            acknowledged.c.source_key == source_key
        )
    ).scalar_one()
    return newest


def oldest_queued(conn: sa.Connection) -> dict[str, datetime]:
    """Source key → when the oldest of what a loader has yet to take arrived; replays are not counted."""
    query = (
        sa.select(queue.c.source_key, sa.func.min(queue.c.received_at))
        .where(sa.not_(queue.c.is_record))
        .group_by(queue.c.source_key)
    )
    return {row[0]: row[1] for row in conn.execute(query)}
