"""One alert a merchant about breaks that wait for somebody; closed when none is left."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.finance.breaks import open_totals
from hub.settings import HubSettings


def tell_of_breaks(conn: sa.Connection, settings: HubSettings, merchant: str) -> None:
    """Say how many breaks of which kinds a merchant has now; call it where breaks change."""
    key = f"reconciliation:{merchant}"
    counts: Counter[str] = Counter()
    for row in open_totals(conn, merchant):
        counts[row["kind"]] += row["count"]
    if not counts:
        close_alert(conn, key)
        return
    raise_alert(
        conn,
        dedupe_key=key,
        severity="warning",
        facts={"merchant": merchant, "breaks": counts.total(), "kinds": counts.most_common()},
        merchant=merchant,
        owner=settings.finance_of(merchant).governance,
        count=counts.total(),
        is_total=True,
    )
