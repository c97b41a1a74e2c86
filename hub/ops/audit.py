"""The audit log: who did what to what. Never what was seen."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from hub.ops.tables import audit


def write_audit(
    conn: sa.Connection, *, who: str, action: str, target: str, merchant: str | None = None
) -> None:
    """Append one line; it commits with what it speaks of."""
    conn.execute(audit.insert().values(who=who, action=action, target=target, merchant=merchant))


def forget_targets(conn: sa.Connection, targets: Sequence[str]) -> int:
    """Let lines that name one of these as their target keep who and when, and no longer whom; how many."""
    named = audit.update().where(audit.c.target.in_(list(targets))).values(target="erased")
    return conn.execute(named).rowcount
