"""Rows that hold a sealed value: counted by sealing key, read in order, written anew. Each room lists its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with a sealed column.

    `key` are its primary key's columns, `more` further columns that `aad` needs; `aad` gives, of the values of
    both, what a row's sealed value is tied to.
    """

    schema: str
    table: str
    key: tuple[str, ...]
    aad: Callable[..., bytes]
    more: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row's key, what its sealed value is tied to, and the value."""

    key: Key
    aad: bytes
    sealed: bytes


def count_by_key(conn: psycopg.Connection[Any], table: SealedTable) -> dict[int, int]:
    """Sealing key id → values under it. Reads the whole table."""
    query = sql.SQL(
        "SELECT get_byte(sealed, 0) * 256 + get_byte(sealed, 1), count(*) FROM {}"
        " WHERE sealed IS NOT NULL GROUP BY 1"
    ).format(sql.Identifier(table.schema, table.table))
    return dict(conn.execute(query).fetchall())


def rows_under_other_keys(
    conn: psycopg.Connection[Any],
    table: SealedTable,
    *,
    active: int,
    after: Key | None,
    limit: int,
) -> list[SealedRow]:
    """The next rows by key whose value another key than `active` sealed, locked; rows that somebody else has
    locked are left out, so that nobody ever waits for us while we wait for him."""
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    query = sql.SQL(
        "SELECT {columns}, sealed FROM {table} WHERE sealed IS NOT NULL AND substring(sealed FROM 1 FOR 2) <> %s"
        " {after} ORDER BY {key} LIMIT %s FOR UPDATE SKIP LOCKED"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, (*table.key, *table.more))),
        table=sql.Identifier(table.schema, table.table),
        after=_above(key, table) if after is not None else sql.SQL(""),
        key=key,
    )
    rows = conn.execute(query, (active.to_bytes(2, "big"), *(after or ()), limit)).fetchall()
    width = len(table.key)
    return [SealedRow(row[:width], table.aad(*row[:-1]), bytes(row[-1])) for row in rows]


def write_sealed(
    conn: psycopg.Connection[Any], table: SealedTable, rows: Sequence[tuple[Key, bytes]]
) -> None:
    """Give rows their values anew."""
    matches = sql.SQL(" AND ").join(
        sql.SQL("{} = %s").format(sql.Identifier(column)) for column in table.key
    )
    query = sql.SQL("UPDATE {} SET sealed = %s WHERE {}").format(
        sql.Identifier(table.schema, table.table), matches
    )
    with conn.cursor() as cursor:
        cursor.executemany(query, list(_arguments(rows)))


def _above(key: sql.Composed, table: SealedTable) -> sql.Composed:
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(table.key))
    return sql.SQL("AND ({}) > ({})").format(key, marks)


def _arguments(rows: Sequence[tuple[Key, bytes]]) -> Iterator[tuple[Any, ...]]:
    for key, sealed in rows:
        yield (sealed, *key)
