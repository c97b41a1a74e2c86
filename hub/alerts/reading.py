"""Open alerts, for those who look without a channel of their own."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from hub.alerts.tables import alert


def open_alerts(conn: sa.Connection, beginning: str = "") -> Sequence[sa.RowMapping]:
    """Alerts that nobody closed and whose dedupe key begins so, oldest first."""
    query = sa.select(alert).where(
        alert.c.closed_at.is_(None), alert.c.dedupe_key.startswith(beginning, autoescape=True)
    )
    return conn.execute(query.order_by(alert.c.id)).mappings().all()
