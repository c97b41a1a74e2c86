"""Signs of life."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.ops.tables import loader


def last_loader_beat(conn: sa.Connection) -> datetime | None:
    """When any loader last said that it lives."""
    return conn.execute(sa.select(sa.func.max(loader.c.seen_at))).scalar()
