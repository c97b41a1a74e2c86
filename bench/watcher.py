"""Seeing leads become queryable: a connection of its own that reads `crm.lead` again and again."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from bench.figures import Schedule
from bench.payloads import crm_id
from hub.model.delivery import Lane
from hub.model.ids import uuid7_floor

POLL_S = 0.005
_LEADS = "SELECT lead_id FROM crm.lead_revision WHERE record_id >= %s"
# The rows claimed last tell whether any are left; counting would read every dead one.
_LAST_OF_BULK = "SELECT max(seq) FROM inbox.queue WHERE lane = %s"


class Watcher:
    """Looks for pushed leads; `seen[n]` is the monotonic instant at which lead `n` was there."""

    def __init__(self, conn: psycopg.Connection[Any], count: int) -> None:
        self._conn = conn
        self._schedule = Schedule(0.0, 1.0, count)
        self._number_of = {crm_id(number): number for number in range(count)}
        self._oldest = 0
        self.seen: list[float | None] = [None] * count
        # The planner would scan a table that it knows to be empty, while it grows.
        for setting in ("enable_seqscan = off", "enable_bitmapscan = off"):
            conn.execute(f"SET {setting}".encode())
        conn.execute("SET plan_cache_mode = force_generic_plan")

    def follow(self, schedule: Schedule) -> None:
        """Leads are due as `schedule` says."""
        self._schedule = schedule

    @property
    def has_all(self) -> bool:
        """Whether every lead was seen."""
        return self._oldest >= len(self.seen)

    def look(self) -> None:
        """Look once.

        Record ids begin with the time of arrival, and nothing arrives before it is due: what is older than the
        oldest lead still missing need not be read again.
        """
        if self.has_all:
            return
        age_s = time.monotonic() - self._schedule.at(self._oldest)
        mark = uuid7_floor(datetime.fromtimestamp(time.time() - age_s - POLL_S, UTC))
        rows = self._conn.execute(_LEADS, (mark,), prepare=True, binary=True).fetchall()
        now = time.monotonic()
        for (lead,) in rows:
            self._note(lead, now)
        while self._oldest < len(self.seen) and self.seen[self._oldest] is not None:
            self._oldest += 1

    def has_bulk(self) -> bool:
        """Whether an import still has rows in the queue."""
        rows = self._conn.execute(_LAST_OF_BULK, (int(Lane.BULK),), prepare=True).fetchall()
        return rows[0][0] is not None

    def _note(self, lead: UUID, now: float) -> None:
        number = self._number_of.get(lead)
        if number is not None and self.seen[number] is None:
            self.seen[number] = now
