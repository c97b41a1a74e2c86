"""Figures of the processes: how many loaders live, when each process was heard of, what lies in spools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.ops.tables import heartbeat, loader, window


@dataclass(frozen=True, slots=True)
class Spooled:
    """What the receivers that live say lies in their spools."""

    receivers: int
    deliveries: float
    size: float


def loaders_seen(conn: sa.Connection, since: datetime, *, besides: Sequence[str] = ()) -> int:
    """How many loaders said since then that they live; names that begin with one of `besides` do not count."""
    query = sa.select(sa.func.count()).where(
        loader.c.seen_at >= since,
        *(~loader.c.name.startswith(prefix, autoescape=True) for prefix in besides),
    )
    return int(conn.execute(query).scalar_one())


def last_beats(conn: sa.Connection) -> Mapping[str, datetime]:
    """When any instance of each process was heard of last."""
    newest = sa.func.max(heartbeat.c.seen_at)
    query = sa.select(heartbeat.c.process, newest).group_by(heartbeat.c.process)
    return {row[0]: row[1] for row in conn.execute(query)}


def spooled(conn: sa.Connection, receiver: str, since: datetime) -> Spooled:
    """Summed over the instances of process `receiver` that were heard of since then."""
    facts = heartbeat.c.facts
    sums = (
        sa.func.coalesce(sa.func.sum(facts[name].as_float()), 0.0)
        for name in ("spool_deliveries", "spool_bytes")
    )
    query = sa.select(sa.func.count(), *sums).where(
        heartbeat.c.process == receiver, heartbeat.c.seen_at >= since
    )
    return Spooled(*conn.execute(query).one())


def unreported(conn: sa.Connection) -> int:
    """How many rows of windows nobody reported to Dagster yet."""
    query = sa.select(sa.func.count()).where(window.c.reported_at.is_(None))
    return int(conn.execute(query).scalar_one())
