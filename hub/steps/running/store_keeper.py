"""The embedded database as one more process to keep alive."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from hub.database.embedded import EmbeddedServer
from hub.errors import HubError
from hub.steps.running.restarts import Life, after_death, after_start, settled
from hub.steps.running.supervise import ProcessEvent

NAME = "postgres"
EVERY_S = 0.25

log = logging.getLogger("hub.supervise")


class StoreKeeper(threading.Thread):
    """Starts the embedded server again when it died; a thread, for crash recovery takes its time.

    The server is no child of ours: it may outlive us while another process of this hub holds it.
    """

    def __init__(self, server: EmbeddedServer, tell: Callable[[ProcessEvent], None]) -> None:
        super().__init__(name="keeper of the database", daemon=True)
        self._server = server
        self._tell = tell
        self._pid = server.pid or 0
        self._died_at: float | None = None
        self._stop_asked = threading.Event()
        self.life = Life(time.monotonic())

    def run(self) -> None:
        """Until `stop`."""
        while not self._stop_asked.wait(EVERY_S):
            try:
                self._look()
            except HubError as error:
                log.warning("%s", error)
            self.life = settled(self.life, time.monotonic())

    def stop(self) -> None:
        """End; waits for a look that is under way, so that nobody starts what is being stopped."""
        self._stop_asked.set()
        if self.is_alive():
            self.join()

    @property
    def pid(self) -> int:
        """Of the server that was seen last."""
        return self._pid

    def _look(self) -> None:
        if self._died_at is None:
            if self._server.pid == self._pid:
                return
            self._note_death()
        self._server.ensure()  # another process of this hub may have been faster
        now = time.monotonic()
        away_s = now - (self._died_at or now)
        self.life = after_start(self.life, now)
        self._pid, self._died_at = self._server.pid or 0, None
        self._tell(ProcessEvent(NAME, "back", self._pid, seconds=away_s))

    def _note_death(self) -> None:
        self._died_at = time.monotonic()
        was_crashing = self.life.crashing
        self.life, _ = after_death(self.life, self._died_at)
        self._tell(ProcessEvent(NAME, "died", self._pid))
        if self.life.crashing and not was_crashing:
            self._tell(ProcessEvent(NAME, "crashing", self._pid))
