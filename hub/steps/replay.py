"""Replay: held records into the queue again, archived records mapped anew; safe to run twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hub.database.engine import driver, store_errors
from hub.inbox import queue, reading, records
from hub.mapping.document import parse_name
from hub.model.delivery import Lane
from hub.model.ids import uuid7_floor
from hub.model.outcome import Outcome
from hub.ops import loaders
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.load import Loader
from hub.steps.lookup import NotFoundError

_CHUNK = 1000


def list_held(
    engine: sa.Engine,
    *,
    source_key: str | None = None,
    merchant: str | None = None,
    reason: str | None = None,
    limit: int = 100,
) -> Sequence[sa.RowMapping]:
    """Held records, oldest first: why, since when, under which mapping."""
    with store_errors(), engine.begin() as conn:
        return reading.held_records(
            conn, source_key=source_key, merchant=merchant, reason=reason, limit=limit
        )


def show_held(engine: sa.Engine, record_id: UUID) -> dict[str, Any]:
    """Why a record is held, and all that happened to it before.

    Raises:
        NotFoundError: it is not held.
    """
    with store_errors(), engine.begin() as conn:
        row = reading.held_record(conn, record_id)
        if row is None:
            raise NotFoundError(
                f"record {record_id} is not held; `hub held list` shows those that are"
            )
        return {**row, "history": [dict(change) for change in reading.history(conn, record_id)]}


def replay_held(engine: sa.Engine, record_ids: Sequence[UUID], *, by: str) -> int:
    """Put held records into the queue; those that are not held any more are left alone. Returns how many."""
    moved = 0
    for start in range(0, len(record_ids), _CHUNK):
        with store_errors(), engine.begin() as conn:
            raw = driver(conn)
            taken = records.take_standing(raw, "held", record_ids[start : start + _CHUNK])
            moved += queue.enqueue_records(raw, taken, lane=Lane.REPLAY)
            records.add_changes(
                raw, taken, was=Outcome.HELD, became=Outcome.QUEUED, reason="replay", by=by
            )
    with store_errors(), engine.begin() as conn:
        loaders.wake(driver(conn))
    return moved


def discard_held(engine: sa.Engine, record_ids: Sequence[UUID], *, reason: str, by: str) -> int:
    """Give held records up, with a reason and a name. Returns how many were held."""
    with store_errors(), engine.begin() as conn:
        return len(records.discard(driver(conn), record_ids, reason=reason, by=by))


def count_source(engine: sa.Engine, source_key: str, since: datetime, until: datetime) -> int:
    """How many archived records of a source came in [since, until)."""
    with store_errors(), engine.begin() as conn:
        return reading.count_records(
            conn, source_key, after=uuid7_floor(since), before=uuid7_floor(until)
        )


def replay_source(  # noqa: PLR0913 -- the store's three parts and what to replay
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    source_key: str,
    since: datetime,
    until: datetime,
    *,
    mapping: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Map every archived record of a source that came in [since, until) anew. Records by outcome.

    Under the live mapping, or under the version `mapping`, shipped or once published; records of other
    entities then stay as they are. Goes by record id, so a replay that is stopped can simply be run again.

    Raises:
        ConfigError: there is no such version, or it cannot be used.
    """
    loader = Loader(engine, keyring, settings, name=f"replay-{source_key}")
    if mapping is not None:
        loader.pin(mapping, settings.all_sources()[source_key].merchant)
    counts: Counter[str] = Counter()
    after, end = uuid7_floor(since), uuid7_floor(until)
    entity = parse_name(mapping).entity if mapping else None
    try:
        while True:
            with store_errors(), engine.begin() as conn:
                page = reading.record_page(
                    conn, source_key, after=after, before=end, limit=_CHUNK, entity=entity
                )
            if not page:
                return dict(counts)
            counts.update(loader.reload(page).counts)
            after = page[-1]
            progress(counts.total())
    finally:
        loader.close()
