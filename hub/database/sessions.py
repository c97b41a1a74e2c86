"""What else goes on in the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql


def oldest_transaction_age(conn: sa.Connection) -> timedelta:
    """How long the oldest open transaction of any client but us has been open."""
    seconds = conn.execute(
        sa.text(
            "SELECT coalesce(extract(epoch FROM now() - min(xact_start)), 0) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    ).scalar_one()
    return timedelta(seconds=float(seconds))


def export_snapshot(conn: psycopg.Connection[Any]) -> str:
    """The name of what this transaction sees, for another session to see the same while it is open."""
    row = conn.execute("SELECT pg_export_snapshot()").fetchone()
    return str(row[0]) if row else ""


def use_snapshot(conn: psycopg.Connection[Any], name: str) -> None:
    """See what another session exported; the first statement of a REPEATABLE READ transaction."""
    conn.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(name)))


def database_bytes(conn: sa.Connection) -> int:
    """How much disk this database takes."""
    return int(conn.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())
