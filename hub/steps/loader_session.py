"""What a loader keeps beside its batches: its lock, its claim, its low-water marks, its ear for NOTIFY."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa

from hub.database.engine import driver, libpq_url, store_errors
from hub.inbox import queue
from hub.inbox.queue import QueueItem
from hub.model.delivery import Lane
from hub.ops import loaders

log = logging.getLogger("hub.load")
# Sequence numbers are given before commit, so a row can appear below the mark: look from the start now and then.
SLACK = 2000
RESCAN_S = 1.0
RECOVER_S = 2.0


class LoaderSession:
    """One side connection: autocommit, `synchronous_commit` off, holding the loader's lock while it lives."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._side: psycopg.Connection[Any] | None = None
        self.number = 0
        self.opened = 0
        self._marks: dict[Lane, int] = {}
        self._scanned_at: dict[Lane, datetime] = {}
        self._recovered_at: datetime | None = None
        self._no_suspects_at: dict[Lane, datetime] = {}

    @property
    def side(self) -> psycopg.Connection[Any]:
        """The side connection, opened anew if it was lost."""
        if self._side is None or self._side.closed or self._side.broken:
            with store_errors():
                self._side = psycopg.connect(
                    libpq_url(self._engine.url.render_as_string(hide_password=False)),
                    autocommit=True,
                    options="-c synchronous_commit=off",
                )
                self.number = loaders.register(self._side, self._name)
                self.opened += 1
                self._side.execute(f"LISTEN {loaders.WAKE_CHANNEL}".encode())
        return self._side

    def claim(
        self, raw: psycopg.Connection[Any], lane: Lane, limit: int, now: datetime
    ) -> list[QueueItem]:
        """Claim above the low-water mark, from the start when nothing is there or a second has passed."""
        mark = self._marks.get(lane, 0)
        scanned = self._scanned_at.get(lane)
        if scanned is None or (now - scanned).total_seconds() >= RESCAN_S:
            mark = 0
            self._scanned_at[lane] = now
        items = queue.claim(raw, lane, above=mark, limit=limit)
        if items:
            self._marks[lane] = max(0, items[0].seq - SLACK)
        return items

    def write_claim(self, lane: Lane, seqs: Sequence[int]) -> None:
        """Commit what is about to be worked on, before the work."""
        with store_errors():
            loaders.write_claim(self.side, self.number, int(lane), seqs)

    def suspect(self, lane: Lane, seqs: Sequence[int]) -> None:
        """Mark rows of a failed batch, to be retried in halves."""
        with store_errors(), self._engine.begin() as conn:
            queue.suspect(driver(conn), int(lane), seqs)
        self._no_suspects_at.clear()

    def recover(self, now: datetime) -> None:
        """Find what dead loaders left in hand and mark it; looks every two seconds."""
        _ = self.side
        if self._recovered_at and (now - self._recovered_at).total_seconds() < RECOVER_S:
            return
        self._recovered_at = now
        with store_errors(), self._engine.begin() as conn:
            raw = driver(conn)
            for loader, lane, seqs in loaders.take_dead_claims(raw, self.number):
                left = queue.suspect(raw, lane, seqs)
                if left:
                    log.warning(
                        "loader %d died with %d rows in hand; retried in halves", loader, left
                    )
                    self._no_suspects_at.clear()
        with store_errors():
            loaders.beat(self.side, self.number)

    def claim_suspects(
        self, raw: psycopg.Connection[Any], lane: Lane, now: datetime
    ) -> list[QueueItem]:
        """Claim suspect rows; when there were none, the next look is a second later."""
        looked = self._no_suspects_at.get(lane)
        if looked is not None and (now - looked).total_seconds() < RESCAN_S:
            return []
        items = queue.claim_suspects(raw, lane)
        if not items:
            self._no_suspects_at[lane] = now
        return items

    def wait(self, timeout_s: float) -> None:
        """Sleep until something is stored or `timeout_s` is over."""
        with store_errors():
            for _ in self.side.notifies(timeout=timeout_s, stop_after=1):
                self._scanned_at.pop(Lane.LIVE, None)

    def close(self) -> None:
        """Give the claim and the lock back."""
        if self._side is not None and not self._side.closed:
            try:
                loaders.drop_claim(self._side, self.number)
            except psycopg.Error:
                log.info("the claim could not be dropped; the next loader will find it")
            self._side.close()
