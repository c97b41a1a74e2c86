"""Processes that die again and again become alerts; an alert ends when its process lives."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.database.engine import store_errors
from hub.errors import HubError
from hub.steps.running.restarts import Life, is_steady

EVERY_S = 5.0

log = logging.getLogger("hub.supervise")


class ProcessAlerts(threading.Thread):
    """A thread, so that a database that hangs never keeps a dead process from being started.

    Args:
        engine: The hub's store.
        lives: How each process has fared, by name.
        logs: Where their output is, for the words of the alert; `None`: in the system's journal.
    """

    def __init__(
        self, engine: sa.Engine, lives: Callable[[], Mapping[str, Life]], logs: Path | None
    ) -> None:
        super().__init__(name="alerts of processes", daemon=True)
        self._engine = engine
        self._lives = lives
        self._logs = logs
        self._told: dict[str, int] = {}
        self._closed: set[str] = set()
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Until `stop`; what cannot be written now is written when the store answers."""
        while not self._stop_asked.wait(EVERY_S):
            try:
                self.write()
            except HubError as error:
                log.debug("alerts of processes wait: %s", error)

    def stop(self) -> None:
        """End soon; does not wait."""
        self._stop_asked.set()

    def write(self) -> None:
        """Write what is not written yet.

        Raises:
            StoreAwayError: the database does not answer; the next call tries again.
        """
        now = time.monotonic()
        for name, life in self._lives().items():
            if life.crashing and life.total > self._told.get(name, 0):
                self._raise(name, life)
            elif name not in self._closed and is_steady(life, now):
                self._close(name)

    def _raise(self, name: str, life: Life) -> None:
        more = life.total - self._told.get(name, 0)
        with store_errors(), self._engine.begin() as conn:
            raise_alert(
                conn,
                dedupe_key=f"process:{name}",
                severity="warning" if name.startswith("dagster") else "critical",
                facts={"process": name, **self._place_of_log(name)},
                count=more,
            )
        self._told[name] = life.total
        self._closed.discard(name)

    def _close(self, name: str) -> None:
        """Also what a supervisor before this one opened."""
        with store_errors(), self._engine.begin() as conn:
            close_alert(conn, f"process:{name}")
        self._closed.add(name)

    def _place_of_log(self, name: str) -> dict[str, str]:
        return {"log": str(self._logs / f"{name}.log")} if self._logs else {"case": "journal"}
