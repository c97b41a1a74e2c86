"""Loaders that live, and what each has in hand.

A loader holds a session advisory lock as long as it lives; what it is about to work on is committed to
`ops.claim` first, so that what killed it can be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

LOADER_LOCK = 0x10AD
WAKE_CHANNEL = "hub_inbox"
# How the names of loaders begin that end when their work is done: a Dagster run's, a replay's.
PASSING = ("dagster-run", "replay-")


def register(conn: psycopg.Connection[Any], name: str) -> int:
    """A new loader's number; `conn` holds its lock until it closes."""
    row = conn.execute(
        "INSERT INTO ops.loader (name) VALUES (%s) RETURNING id", (name,)
    ).fetchone()
    number = int(row[0]) if row else 0
    conn.execute("SELECT pg_advisory_lock(%s, %s)", (LOADER_LOCK, number))
    return number


def beat(conn: psycopg.Connection[Any], loader: int) -> None:
    """Say that the loader lives."""
    conn.execute("UPDATE ops.loader SET seen_at = now() WHERE id = %s", (loader,))


def write_claim(
    conn: psycopg.Connection[Any], loader: int, lane: int, seqs: Sequence[int]
) -> None:
    """Write down what the loader starts on now; `conn` commits it at once."""
    conn.execute(
        "INSERT INTO ops.claim (loader, lane, seqs) VALUES (%s, %s, %s) ON CONFLICT (loader)"
        " DO UPDATE SET lane = excluded.lane, seqs = excluded.seqs, claimed_at = now()",
        (loader, lane, list(seqs)),
    )


def drop_claim(conn: psycopg.Connection[Any], loader: int) -> None:
    """The loader has nothing in hand any more."""
    conn.execute("DELETE FROM ops.claim WHERE loader = %s", (loader,))


def take_dead_claims(conn: psycopg.Connection[Any], own: int) -> list[tuple[int, int, list[int]]]:
    """Claims of loaders that are dead: (loader, lane, seqs), removed in this transaction."""
    rows = conn.execute(
        "DELETE FROM ops.claim WHERE loader <> %s AND pg_try_advisory_xact_lock(%s, loader::int)"
        " RETURNING loader, lane, seqs",
        (own, LOADER_LOCK),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def forget_claims(conn: psycopg.Connection[Any]) -> int:
    """Nobody has anything in hand (a restored backup); how many claims there were."""
    return conn.execute("DELETE FROM ops.claim").rowcount


def wake(conn: psycopg.Connection[Any]) -> None:
    """Tell every loader that the queue has grown."""
    conn.execute("SELECT pg_notify(%s, '')", (WAKE_CHANNEL,))
