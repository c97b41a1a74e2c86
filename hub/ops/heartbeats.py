"""Processes that say they live: receivers, the notifier, Dagster's daemon. Loaders have `ops.loader`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import heartbeat


def beat(
    conn: sa.Connection, process: str, instance: str, facts: Mapping[str, float] | None = None
) -> None:
    """Say that an instance of `process` lives; `facts` are figures, never data of people."""
    new = insert(heartbeat).values(process=process, instance=instance, facts=dict(facts or {}))
    conn.execute(
        new.on_conflict_do_update(
            index_elements=[heartbeat.c.process, heartbeat.c.instance],
            set_={"seen_at": sa.func.now(), "facts": new.excluded.facts},
        )
    )


def beats(conn: sa.Connection, process: str) -> Sequence[sa.RowMapping]:
    """All instances that ever said so and were not forgotten, the latest first."""
    query = sa.select(heartbeat).where(heartbeat.c.process == process)
    return conn.execute(query.order_by(heartbeat.c.seen_at.desc())).mappings().all()


def last_beat(conn: sa.Connection, process: str) -> datetime | None:
    """When any instance said so last."""
    query = sa.select(sa.func.max(heartbeat.c.seen_at)).where(heartbeat.c.process == process)
    return conn.execute(query).scalar()


def end_beat(conn: sa.Connection, process: str, instance: str) -> None:
    """This instance ended in good order: nobody has to miss it."""
    conn.execute(
        sa.delete(heartbeat).where(
            heartbeat.c.process == process, heartbeat.c.instance == instance
        )
    )


def forget_beats(conn: sa.Connection, now: datetime, older_than: timedelta) -> int:
    """Forget instances that were not heard of for so long; how many."""
    statement = sa.delete(heartbeat).where(heartbeat.c.seen_at < now - older_than)
    return conn.execute(statement).rowcount
