"""What a source's payloads are known to look like, and when its leads come. Written by the evaluator alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import arrivals, profile


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """The profile of a source's entity: JSON of `hub.drift.profile.Profile`, twice."""

    source_key: str
    entity: str
    merchant: str
    platform: str
    baseline: Mapping[str, Any]
    recent: Mapping[str, Any]
    recent_since: datetime
    updated_at: datetime


def read_profiles(
    conn: sa.Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], StoredProfile]:
    """The profiles of (source, entity) that there are."""
    query = sa.select(profile).where(
        sa.tuple_(profile.c.source_key, profile.c.entity).in_(list(keys))
    )
    rows = [StoredProfile(**row) for row in conn.execute(query).mappings()]
    return {(row.source_key, row.entity): row for row in rows}


def profiles_of(
    conn: sa.Connection, platform: str, entity: str, limit: int = 20
) -> list[StoredProfile]:
    """Profiles of an entity, those that changed last first."""
    query = (
        sa.select(profile)
        .where(profile.c.platform == platform, profile.c.entity == entity)
        .order_by(profile.c.updated_at.desc())
        .limit(limit)
    )
    return [StoredProfile(**row) for row in conn.execute(query).mappings()]


def write_profiles(conn: sa.Connection, rows: Sequence[StoredProfile]) -> None:
    """Write profiles as they are now."""
    _write(conn, profile, rows, ("source_key", "entity"))


@dataclass(frozen=True, slots=True)
class StoredArrivals:
    """When a source's leads come: JSON of `hub.drift.silence.Arrivals`."""

    source_key: str
    merchant: str
    body: Mapping[str, Any]
    updated_at: datetime


def read_arrivals(conn: sa.Connection) -> dict[str, StoredArrivals]:
    """Of every source that was ever seen."""
    rows = [StoredArrivals(**row) for row in conn.execute(sa.select(arrivals)).mappings()]
    return {row.source_key: row for row in rows}


def write_arrivals(conn: sa.Connection, rows: Sequence[StoredArrivals]) -> None:
    """Write arrivals as they are now."""
    _write(conn, arrivals, rows, ("source_key",))


def _write(
    conn: sa.Connection, table: sa.Table, rows: Sequence[Any], key: tuple[str, ...]
) -> None:
    if not rows:
        return
    names = [column.name for column in table.c]
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in names if name not in key}
    conn.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_=changed),
        [{name: getattr(row, name) for name in names} for row in rows],
    )
