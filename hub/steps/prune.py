"""Prune: what only grows and nobody needs any more goes. Leads, records, documents, their history, the audit stay.

No count of a conservation law, of a report or of a check is among it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.alerts.pruning import ended_silences, old_alerts, old_messages, old_tries
from hub.database.engine import store_errors
from hub.database.pruning import Prunable, count_old, delete_old
from hub.finance.pruning import old_readings
from hub.ops.pruning import (
    ended_authorizations,
    gone_loaders,
    gone_processes,
    old_quotas,
    old_windows,
)
from hub.settings import HubSettings, PruneSettings
from hub.steps.finance.metrics import business_day

_AT_ONCE = 2000
_GONE_FOR = timedelta(days=1)


def prune(
    engine: sa.Engine, settings: HubSettings, now: datetime, *, dry_run: bool = False
) -> Mapping[str, int]:
    """Table → how many rows went, or would go. `prune:` of the settings says how long each is kept.

    Short transactions of a few rows: nobody waits long, and what is stopped goes on with the next one.
    """
    pruned: dict[str, int] = {}
    for one in _prunable(settings.prune, now):
        pruned[one.name] = _count(engine, one) if dry_run else _delete(engine, one)
    return pruned


def _prunable(kept: PruneSettings, now: datetime) -> list[Prunable]:
    """In this order: messages before their alerts."""
    alerts = now - timedelta(days=kept.alerts_days)
    counts = now - timedelta(days=kept.windows_days)
    return [
        old_windows(counts),
        gone_loaders(counts),
        gone_processes(now - _GONE_FOR),
        ended_authorizations(now - _GONE_FOR),
        old_quotas(business_day(counts)),
        old_readings(now - timedelta(days=kept.gate_days)),
        old_messages(alerts),
        old_alerts(alerts),
        old_tries(alerts),
        ended_silences(alerts),
    ]


def _count(engine: sa.Engine, one: Prunable) -> int:
    with store_errors(), engine.begin() as conn:
        return count_old(conn, one)


def _delete(engine: sa.Engine, one: Prunable) -> int:
    total = 0
    while True:
        with store_errors(), engine.begin() as conn:
            deleted = delete_old(conn, one, _AT_ONCE)
        total += deleted
        if not deleted:
            return total
