"""What loaders saw of changes and of payloads, on its way to the one evaluator: rows are added, then taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class Sighting:
    """Records of one source that showed one change: how many, and how many of them are held.

    `count` is of live records; a replay counts as 0.
    """

    finding_id: str
    merchant: str
    scope: str
    platform: str
    entity: str
    source_key: str
    kind: str
    pointer: str
    detail: Mapping[str, Any]
    mapping_version: str | None
    count: int
    held: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileDelta:
    """What a loader saw of a source's live payloads since its last row: all `records`, a profile of some."""

    merchant: str
    platform: str
    entity: str
    source_key: str
    mapping_version: str
    records: int
    body: Mapping[str, Any]
    taken_at: datetime


_SIGHTING = tuple(Sighting.__dataclass_fields__)
_DELTA = tuple(ProfileDelta.__dataclass_fields__)


def add_sightings(conn: psycopg.Connection[Any], rows: Iterable[Sighting]) -> None:
    """Write sightings down for the evaluator."""
    _add(conn, "ops.sighting", _SIGHTING, rows)


def add_deltas(conn: psycopg.Connection[Any], rows: Iterable[ProfileDelta]) -> None:
    """Write profile deltas down for the evaluator."""
    _add(conn, "ops.profile_delta", _DELTA, rows)


def take_sightings(conn: psycopg.Connection[Any], limit: int = 5000) -> list[Sighting]:
    """Sightings that are there, oldest first, taken out."""
    return _take(conn, "ops.sighting", Sighting, limit)


def take_deltas(conn: psycopg.Connection[Any], limit: int = 500) -> list[ProfileDelta]:
    """Profile deltas that are there, oldest first, taken out."""
    return _take(conn, "ops.profile_delta", ProfileDelta, limit)


def _add(
    conn: psycopg.Connection[Any], table: str, columns: tuple[str, ...], rows: Iterable[Any]
) -> None:
    values = [
        tuple(
            Jsonb(v) if isinstance(v, Mapping) else v for v in (getattr(row, c) for c in columns)
        )
        for row in rows
    ]
    if values:
        with conn.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 -- names of this module
                f" VALUES ({', '.join('%s' for _ in columns)})",
                values,
            )


def _take(conn: psycopg.Connection[Any], table: str, kind: type[Any], limit: int) -> list[Any]:
    columns = ", ".join(kind.__dataclass_fields__)
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(
            f"WITH taken AS (DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id"  # noqa: S608 -- names of this module
            f" LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING *) SELECT {columns} FROM taken ORDER BY id",
            (limit,),
        ).fetchall()
