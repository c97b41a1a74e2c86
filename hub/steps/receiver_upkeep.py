"""What a receiver does for its store beside taking leads: migrate, register, revive, forget, say that it lives."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.database.engine import driver, store_errors
from hub.database.migrate import upgrade
from hub.errors import ConfigError, HubError, StoreError
from hub.inbox.deliveries import forget_expired_keys
from hub.inbox.spool import Spool, refused_files
from hub.ops.heartbeats import beat, end_beat
from hub.registry.merchants import sync_registry
from hub.settings import HubSettings
from hub.steps.erasure import log as erasure_log
from hub.steps.keys.check import check_keys
from hub.steps.open_store import Store

_EVERY_S = 1.0
_FORGET_EVERY_S = 60.0
_BEAT_EVERY_S = 10.0
_LAST_BEAT_WITHIN_S = 2.0
_PROCESS = "receiver"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pulse:
    """Under which name a receiver says that it lives, and what about its spool."""

    receiver: str
    spool: Spool
    spool_max_bytes: int

    def facts(self) -> Mapping[str, float]:
        """Figures for the watchdog; bytes and counts."""
        root = self.spool.path.parent
        facts = {
            "spool_deliveries": self.spool.deliveries,
            "spool_bytes": self.spool.size,
            "spool_max_bytes": self.spool_max_bytes,
            "spool_refused": refused_files(root),
        }
        with suppress(OSError):
            disk = shutil.disk_usage(root)
            facts |= {"disk_bytes": disk.total, "disk_free_bytes": disk.free}
        return facts


class Upkeep(threading.Thread):
    """A thread, so that a database that hangs never holds up a request or the end of the process.

    Until it has succeeded once it tries to migrate the store and to register the sources of the
    settings; after that it starts an embedded server again that died, and forgets delivery keys
    that expired, and says every ten seconds that this receiver lives. `is_away` tells whether the
    receiver misses the store.
    """

    def __init__(
        self, store: Store, settings: HubSettings, is_away: Callable[[], bool], pulse: Pulse
    ) -> None:
        super().__init__(name="receiver upkeep", daemon=True)
        self._store = store
        self._settings = settings
        self._is_away = is_away
        self._pulse = pulse
        self._beat_at = 0.0
        self._stop_asked = threading.Event()
        self._told = False
        self._forget_at = 0.0
        self._prepared = threading.Event()
        self._is_serving = False
        self._refusal: ConfigError | None = None

    def run(self) -> None:
        """Until `stop`."""
        while not self._stop_asked.is_set():
            try:
                self._once()
            except ConfigError as error:
                # At the start this ends the receiver; later it takes leads all the same.
                self._refusal = error
                if self._is_serving:
                    self._tell(error)
                self._prepared.set()
            except HubError as error:
                self._tell(error)
            self._stop_asked.wait(_EVERY_S)
        self._end_beat()

    def wait_prepared(self, within_s: float) -> bool:
        """Whether the store was prepared `within_s`.

        Raises:
            ConfigError: the settings contradict what the store knows, or it is of a newer hub.
        """
        prepared = self._prepared.wait(within_s)
        if self._refusal is not None:
            raise self._refusal
        self._is_serving = True
        return prepared

    def stop(self) -> None:
        """End in good order, so that nobody misses this receiver; waits two seconds at most."""
        self._stop_asked.set()
        if self.is_alive():
            self.join(_LAST_BEAT_WITHIN_S)

    def _once(self) -> None:
        if not self._prepared.is_set():
            check_keys(self._store.engine)
            if upgrade(self._store.engine):
                check_keys(self._store.engine)
            self._forget_again()
            with store_errors(), self._store.engine.begin() as conn:
                sync_registry(conn, self._settings)
            self._prepared.set()
            self._told = False
        elif self._is_away():
            if self._store.revive():
                log.warning("the embedded database was started again")
        elif time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + _FORGET_EVERY_S
            with store_errors(), self._store.engine.begin() as conn:
                forget_expired_keys(driver(conn), datetime.now(UTC))

        if self._prepared.is_set() and time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + _BEAT_EVERY_S
            self._beat()

    def _beat(self) -> None:
        """Also while requests miss the store: then the watchdog learns of the spool, if we can reach it at all."""
        with suppress(StoreError), store_errors(), self._store.engine.begin() as conn:
            beat(conn, _PROCESS, self._pulse.receiver, self._pulse.facts())

    def _end_beat(self) -> None:
        if self._beat_at:
            with suppress(StoreError), store_errors(), self._store.engine.begin() as conn:
                end_beat(conn, _PROCESS, self._pulse.receiver)

    def _forget_again(self) -> None:
        """Erase whom the erasure log names and a restored backup still has."""
        if erasure_log.missing(self._store.engine, erasure_log.read()):
            # Half of the hub is needed for it, and a receiver has no use for that half otherwise.
            from hub.steps.erasure.erase import apply_missing
            from hub.steps.keys.ring import open_keyring

            apply_missing(self._store.engine, open_keyring(), self._settings)

    def _tell(self, error: HubError) -> None:
        if not self._told:
            log.warning("not yet: %s", error)
        self._told = True
