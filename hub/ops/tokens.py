"""Rows of `ops.token` and `ops.authorization_state`: sealed tokens, one writer, states that work once.

The caller holds the transaction. What is sealed here is opened by a step: this room has no keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import authorization_state, token


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One row: the sealed tokens of a source, their expiries, and whether the grant is lost (`detail`: why)."""

    source_key: str
    sealed: bytes | None
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    lost: bool
    detail: str
    updated_at: datetime


_COLUMNS = (
    token.c.source_key,
    token.c.sealed,
    token.c.access_expires_at,
    token.c.refresh_expires_at,
    token.c.lost,
    token.c.detail,
    token.c.updated_at,
)


def read_token(conn: sa.Connection, source_key: str) -> StoredToken | None:
    """The row of a source, None if it was never authorised."""
    row = conn.execute(sa.select(*_COLUMNS).where(token.c.source_key == source_key)).one_or_none()
    return StoredToken(*row) if row else None


def lock_token(conn: sa.Connection, source_key: str, *, now: datetime) -> StoredToken | None:
    """The row of a source, locked until the transaction ends; waits for whoever holds it.

    It is written to at once: a database that cannot be written must say so *before* the platform is
    asked for a new pair, because its answer kills the old one.
    """
    row = conn.execute(
        sa.update(token)
        .where(token.c.source_key == source_key)
        .values(updated_at=now)
        .returning(*_COLUMNS)
    ).one_or_none()
    return StoredToken(*row) if row else None


def add_token(conn: sa.Connection, source_key: str, *, now: datetime) -> None:
    """An empty row for a source that has none, so that there is something to lock."""
    row = {"source_key": source_key, "lost": False, "detail": "", "updated_at": now}
    conn.execute(insert(token).values(**row).on_conflict_do_nothing())


def save_token(conn: sa.Connection, found: StoredToken) -> None:
    """Write a source's tokens, over whatever was there."""
    values = {
        "sealed": found.sealed,
        "access_expires_at": found.access_expires_at,
        "refresh_expires_at": found.refresh_expires_at,
        "lost": found.lost,
        "detail": found.detail,
        "updated_at": found.updated_at,
    }
    conn.execute(
        insert(token)
        .values(source_key=found.source_key, **values)
        .on_conflict_do_update(index_elements=["source_key"], set_=values)
    )


def mark_lost(
    conn: sa.Connection, source_key: str, sealed: bytes | None, *, detail: str, now: datetime
) -> bool:
    """Note that the grant is gone, unless other tokens than `sealed` were stored meanwhile."""
    marked = conn.execute(
        sa.update(token)
        .where(token.c.source_key == source_key, token.c.sealed.is_not_distinct_from(sealed))
        .values(lost=True, detail=detail, updated_at=now)
    )
    return marked.rowcount > 0


def all_tokens(conn: sa.Connection) -> list[StoredToken]:
    """Every row, by source key."""
    rows = conn.execute(sa.select(*_COLUMNS).order_by(token.c.source_key))
    return [StoredToken(*row) for row in rows]


def add_state(
    conn: sa.Connection, state: str, source_key: str, *, expires_at: datetime, now: datetime
) -> None:
    """Remember a browser that goes to a consent page; forget those that never came back."""
    conn.execute(sa.delete(authorization_state).where(authorization_state.c.expires_at < now))
    conn.execute(
        insert(authorization_state).values(
            state=state, source_key=source_key, expires_at=expires_at
        )
    )


def take_state(conn: sa.Connection, state: str, source_key: str, *, now: datetime) -> bool:
    """Whether `state` was given out for this source and is still good; it is good only once."""
    taken = conn.execute(
        sa.delete(authorization_state).where(
            authorization_state.c.state == state,
            authorization_state.c.source_key == source_key,
            authorization_state.c.expires_at >= now,
        )
    )
    return taken.rowcount > 0
