"""What a notifier does beside telling: it says that it lives, and the one that works watches the hub."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import StoreAwayError, StoreError
from hub.ops.heartbeats import beat, end_beat
from hub.steps.alerting.notifier import Notifier

PROCESS = "notifier"
EVERY_S = 10.0
log = logging.getLogger("hub.notify")


class Beside(threading.Thread):
    """A thread, so that a channel that hangs neither stops the watch nor makes us look dead."""

    def __init__(
        self,
        engine: sa.Engine,
        notifier: Notifier,
        watch: Callable[[datetime], None],
        *,
        instance: str,
        every_s: float = EVERY_S,
    ) -> None:
        super().__init__(name="notify-beside", daemon=True)
        self._engine = engine
        self._notifier = notifier
        self._watch = watch
        self._instance = instance
        self._every_s = every_s
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Until `close`; while the database is away it does nothing, and says so once."""
        was_away = False
        while not self._stop_asked.is_set():
            try:
                if self._notifier.is_leading:
                    self._watch(self._notifier.now())
                self._beat()
                was_away = False
            except (StoreAwayError, StoreError) as error:
                if not was_away:
                    log.warning("%s", error)
                was_away = True
            self._stop_asked.wait(self._every_s)

    def close(self) -> None:
        """End in good order: nobody has to miss us."""
        self._stop_asked.set()
        self.join(self._every_s)
        try:
            with store_errors(), self._engine.begin() as conn:
                end_beat(conn, PROCESS, self._instance)
        except StoreError as error:
            log.info("%s", error)

    def _beat(self) -> None:
        with store_errors(), self._engine.begin() as conn:
            beat(conn, PROCESS, self._instance, {"is_leading": float(self._notifier.is_leading)})
