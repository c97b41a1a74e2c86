"""The newest delivery of a source."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.inbox.tables import acknowledged


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
