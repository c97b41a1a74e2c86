"""Which keys the data needs: what tells each from any other key. The caller holds the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg


def are_there_checks(conn: psycopg.Connection[Any]) -> bool:
    """Whether the database is of a release that keeps them."""
    row = conn.execute("SELECT to_regclass('ops.key_check') IS NOT NULL").fetchone()
    return bool(row and row[0])


def key_checks(conn: psycopg.Connection[Any]) -> dict[tuple[str, int], bytes]:
    """(use, key id) → what tells that key; none in a new database."""
    rows = conn.execute("SELECT use, key_id, value FROM ops.key_check ORDER BY 1, 2").fetchall()
    return {(row[0], row[1]): bytes(row[2]) for row in rows}


def add_checks(conn: psycopg.Connection[Any], checks: Mapping[tuple[str, int], bytes]) -> None:
    """Remember keys; one that is known stays as it is."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ops.key_check (use, key_id, value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(use, key_id, value) for (use, key_id), value in sorted(checks.items())],
        )


def forget_checks(conn: psycopg.Connection[Any], keys: Iterable[tuple[str, int]]) -> None:
    """Keys that the data needs no more."""
    with conn.cursor() as cursor:
        cursor.executemany("DELETE FROM ops.key_check WHERE use = %s AND key_id = %s", list(keys))
