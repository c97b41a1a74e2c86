"""The one row that says which index key blind keys are made under. The caller holds the transaction.

Every batch holds `share_index` until it commits and reads the row after that; who switches takes
`own_index`, so that the switch waits for running batches and those that follow see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

INDEX_LOCK = 0x1DE7


class Phase(StrEnum):
    """How far the blind index is on its way from one key to the next."""

    STEADY = "steady"
    BACKFILL = "backfill"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class IndexState:
    """`active` index key; `renews` the one before it while a rotation is under way; `cursor` the last lead
    that the backfill passed, `leads` how many, `stuck` how many of them it could not move; `kept` index key →
    how many keys are known under it only."""

    active: int
    renews: int | None
    phase: str
    cursor: UUID | None
    leads: int
    stuck: int
    kept: dict[str, int]
    started_at: datetime | None


def share_index(conn: psycopg.Connection[Any]) -> None:
    """Keep the index key as it is until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", (INDEX_LOCK,))


def own_index(conn: psycopg.Connection[Any]) -> None:
    """Wait for every transaction that shares the index, and keep new ones waiting until this one ends."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, 0)", (INDEX_LOCK,))


def index_state(conn: psycopg.Connection[Any], *, for_update: bool = False) -> IndexState | None:
    """The row, None in a database that no hub has started on."""
    query = "SELECT active, renews, phase, cursor, leads, stuck, kept, started_at FROM ops.index_rotation"
    locked = query + " FOR UPDATE"
    with conn.cursor(row_factory=class_row(IndexState)) as cursor:
        return cursor.execute(locked if for_update else query).fetchone()


def begin_index(conn: psycopg.Connection[Any], active: int) -> None:
    """The row of a new database; one that is there stays."""
    conn.execute(
        "INSERT INTO ops.index_rotation (active, phase) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (active, Phase.STEADY),
    )


def begin_rotation(conn: psycopg.Connection[Any], active: int, renews: int, now: datetime) -> None:
    """From here on blind keys are made under `active`. The caller has `own_index`."""
    conn.execute(
        "UPDATE ops.index_rotation SET active = %s, renews = %s, phase = %s, cursor = NULL, leads = 0,"
        " stuck = 0, started_at = %s, updated_at = %s",
        (active, renews, Phase.BACKFILL, now, now),
    )


def advance(
    conn: psycopg.Connection[Any], cursor: UUID | None, leads: int, stuck: int, now: datetime
) -> None:
    """The backfill has passed so many leads, up to `cursor`."""
    conn.execute(
        "UPDATE ops.index_rotation SET cursor = %s, leads = %s, stuck = %s, updated_at = %s",
        (cursor, leads, stuck, now),
    )


def begin_contract(conn: psycopg.Connection[Any], now: datetime) -> None:
    """Every lead is passed."""
    conn.execute(
        "UPDATE ops.index_rotation SET phase = %s, updated_at = %s", (Phase.CONTRACT, now)
    )


def end_rotation(conn: psycopg.Connection[Any], kept: dict[str, int], now: datetime) -> None:
    """Nothing is under the key before any more, but for what `kept` counts. The caller has `own_index`."""
    conn.execute(
        "UPDATE ops.index_rotation SET renews = NULL, phase = %s, cursor = NULL, kept = %s, updated_at = %s",
        (Phase.STEADY, Jsonb(kept), now),
    )


def keep(conn: psycopg.Connection[Any], kept: dict[str, int]) -> None:
    """What is known under retired keys only."""
    conn.execute("UPDATE ops.index_rotation SET kept = %s", (Jsonb(kept),))
