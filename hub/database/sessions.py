"""What else goes on in the database."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa


def oldest_transaction_age(conn: sa.Connection) -> timedelta:
    """How long the oldest open transaction of any client but us has been open."""
    seconds = conn.execute(
        sa.text(
            "SELECT coalesce(extract(epoch FROM now() - min(xact_start)), 0) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    ).scalar_one()
    return timedelta(seconds=float(seconds))
