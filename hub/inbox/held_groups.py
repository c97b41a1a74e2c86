"""What is held, counted by why, where in the payload, and for which finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.inbox.tables import held


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """Records of one source that are held for the same reason; `finding` is "" where none is known.

    `since` is when the first of them was held.
    """

    reason: str
    pointer: str
    finding: str
    records: int
    since: datetime


def held_groups(conn: sa.Connection) -> dict[str, list[HeldGroup]]:
    """What is held by source, the largest group first."""
    found: dict[str, list[HeldGroup]] = {}
    finding = sa.func.coalesce(held.c.finding, "")
    count, since = sa.func.count(), sa.func.min(held.c.held_at)
    query = (
        sa.select(held.c.source_key, held.c.reason, held.c.path, finding, count, since)
        .group_by(held.c.source_key, held.c.reason, held.c.path, finding)
        .order_by(count.desc(), held.c.reason, held.c.path)
    )
    for source_key, *group in conn.execute(query):
        found.setdefault(source_key, []).append(HeldGroup(*group))
    return found
