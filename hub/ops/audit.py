"""The audit log: who did what to what. Never what was seen."""

from __future__ import annotations

import sqlalchemy as sa

from hub.ops.tables import audit


def write_audit(
    conn: sa.Connection, *, who: str, action: str, target: str, merchant: str | None = None
) -> None:
    """Append one line; it commits with what it speaks of."""
    conn.execute(audit.insert().values(who=who, action=action, target=target, merchant=merchant))
