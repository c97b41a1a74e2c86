"""Retention: bodies of records older than their source keeps them are dropped; lead, outcome and history stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.database.engine import driver, store_errors
from hub.inbox import erasure as inbox
from hub.settings import HubSettings

_CHUNK = 1000


def run_retention(
    engine: sa.Engine, settings: HubSettings, now: datetime, *, dry_run: bool = False
) -> Mapping[str, int]:
    """Source → how many bodies were dropped, or would be; only sources with `keep_raw_days`.

    What waits for a person, a mapping or the network keeps its body: held, waiting and queued records. A
    run that is stopped goes on with the next one.
    """
    dropped: dict[str, int] = {}
    for source_key, source in settings.all_sources().items():
        if source.keep_raw_days is None:
            continue
        before = now - timedelta(days=source.keep_raw_days)
        dropped[source_key] = (
            _count(engine, source_key, before) if dry_run else _prune(engine, source_key, before)
        )
    return dropped


def _count(engine: sa.Engine, source_key: str, before: datetime) -> int:
    with store_errors(), engine.begin() as conn:
        return inbox.count_prunable(driver(conn), source_key, before)


def _prune(engine: sa.Engine, source_key: str, before: datetime) -> int:
    """In short transactions: a loader may want to map one of these anew."""
    total = 0
    while True:
        with store_errors(), engine.begin() as conn:
            raw = driver(conn)
            ids = inbox.prunable(raw, source_key, before, _CHUNK)
            total += inbox.prune(raw, ids)
        if len(ids) < _CHUNK:
            return total
