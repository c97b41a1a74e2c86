"""What else goes on in the database."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql


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
