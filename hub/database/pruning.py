"""Old rows taken out of a table in short transactions; which rows are old, the room says that owns the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Prunable:
    """Rows of a table that nobody needs any more: those of which `is_old` holds (it is given an alias of the table)."""

    table: sa.Table
    is_old: Callable[[sa.FromClause], sa.ColumnElement[bool]]

    @property
    def name(self) -> str:
        """The table's name with its schema."""
        return self.table.fullname


def count_old(conn: sa.Connection, prunable: Prunable) -> int:
    """How many rows would go."""
    old = prunable.table.alias("old")
    query = sa.select(sa.func.count()).select_from(old).where(prunable.is_old(old))
    return int(conn.execute(query).scalar_one())


def delete_old(conn: sa.Connection, prunable: Prunable, limit: int) -> int:
    """Delete at most `limit` rows; how many. A row that changed meanwhile stays for the next time."""
    old = prunable.table.alias("old")
    place: sa.ColumnElement[str] = sa.literal_column("old.ctid")
    chosen = sa.select(place).select_from(old)
    places = sa.func.array(chosen.where(prunable.is_old(old)).limit(limit).scalar_subquery())
    own: sa.ColumnElement[str] = sa.literal_column(f"{prunable.table.fullname}.ctid")
    statement = sa.delete(prunable.table).where(own == sa.func.any(places))
    return conn.execute(statement).rowcount
