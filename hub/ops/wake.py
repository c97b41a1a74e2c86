"""Wake loaders: say that the queue has something. A hint only, they also look by themselves."""

from __future__ import annotations

import sqlalchemy as sa

from hub.ops.loaders import WAKE_CHANNEL


def wake_loaders(conn: sa.Connection) -> None:
    """NOTIFY every loader. Call it after the commit of what they are to find, in its own transaction."""
    conn.execute(sa.select(sa.func.pg_notify(WAKE_CHANNEL, "")))
