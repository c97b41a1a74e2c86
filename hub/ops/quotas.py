"""Rows of `ops.quota`: how much of a platform's daily allowance is used."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import quota


def take_quota(conn: sa.Connection, name: str, wanted: int, *, limit: int, day: date) -> int:
    """Use up to `wanted` of what is left of `limit` on `day`; how many. The row stays locked until commit."""
    conn.execute(insert(quota).values(name=name, day=day, used=0).on_conflict_do_nothing())
    row = sa.and_(quota.c.name == name, quota.c.day == day)
    used: int = conn.execute(sa.select(quota.c.used).where(row).with_for_update()).scalar_one()
    granted = max(0, min(wanted, limit - used))
    if granted:
        conn.execute(sa.update(quota).where(row).values(used=used + granted))
    return granted


def used_quota(conn: sa.Connection, name: str, day: date) -> int:
    """How much is used of `name` on `day`."""
    found = conn.execute(
        sa.select(quota.c.used).where(quota.c.name == name, quota.c.day == day)
    ).scalar_one_or_none()
    return found or 0
