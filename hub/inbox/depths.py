"""How much lies in the queue, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.inbox.tables import held, queue
from hub.model.delivery import Lane


@dataclass(frozen=True, slots=True)
class Depth:
    """One lane: its rows, and when the first of them arrived (None: the lane is empty)."""

    lane: Lane
    rows: int
    oldest_at: datetime | None


def queue_depths(conn: sa.Connection) -> list[Depth]:
    """Every lane, the most urgent first; of `oldest_at`, the row that stands first in the lane counts."""
    counted = sa.select(queue.c.lane, sa.func.count()).group_by(queue.c.lane)
    rows = {row[0]: int(row[1]) for row in conn.execute(counted)}
    return [Depth(lane, rows.get(lane, 0), _first_arrival(conn, lane)) for lane in Lane]


def held_by_source(conn: sa.Connection) -> dict[str, int]:
    """How many records of each source are held."""
    query = sa.select(held.c.source_key, sa.func.count()).group_by(held.c.source_key)
    return {row[0]: int(row[1]) for row in conn.execute(query)}


def _first_arrival(conn: sa.Connection, lane: Lane) -> datetime | None:
    query = sa.select(queue.c.received_at).where(queue.c.lane == int(lane))
    found: datetime | None = conn.execute(query.order_by(queue.c.seq).limit(1)).scalar()
    return found
