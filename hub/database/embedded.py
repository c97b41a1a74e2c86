"""A PostgreSQL of the hub's own under `HUB_HOME`, shared by all processes of that hub.

Whoever comes first starts it, whoever leaves last stops it. Each process holds a shared lock on a
file; the lock of a process that crashed vanishes with it. Starting and stopping happen under a
second, exclusive lock, so they never overlap.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.database.cluster import ADMIN, APP, DATABASE, Cluster, Health
from hub.database.locks import FileLock
from hub.database.places import prepare_places

START_WITHIN_S = 120.0


class EmbeddedServer:
    """One process's hold on the server of one home: made by `start`, ended by `release`."""

    def __init__(self, cluster: Cluster, *, wait_s: float) -> None:
        self._cluster = cluster
        self._wait_s = wait_s
        self._change = FileLock(cluster.places.locks / "change")
        self._hold = FileLock(cluster.places.locks / "holders")
        self._threads = threading.Lock()
        self._held = False

    @classmethod
    def start(
        cls, home: Path, *, fsync: bool = True, wait_s: float = START_WITHIN_S
    ) -> EmbeddedServer:
        """A hold on the running server of `home`, which is made and started if it is not.

        Args:
            home: The hub's home; made if missing. Its parents are left as they are.
            fsync: Off only for tests: a crash of the machine then loses data.
            wait_s: How long a start may take; crash recovery is part of it.

        Raises:
            ConfigError: A folder cannot be trusted, or PostgreSQL cannot run here.
            StoreAwayError: It did not start in time.
        """
        server = cls(Cluster(prepare_places(home), fsync=fsync), wait_s=wait_s)
        server._take()
        return server

    @property
    def url(self) -> str:
        """The hub's database as the hub's own role; the same after every restart."""
        return self._cluster.url(APP, DATABASE)

    @property
    def admin_url(self) -> str:
        """The maintenance database as the superuser: for tests and repair only."""
        return self._cluster.url(ADMIN, "postgres")

    @property
    def pid(self) -> int | None:
        """The server's process id, `None` if it is dead now."""
        return self._cluster.pid()

    def ensure(self) -> bool:
        """Start the server again if it died; `True` if it had to be. Safe from any thread.

        Raises:
            StoreAwayError: It does not start.
        """
        if self._cluster.health() is Health.READY:
            return False
        with self._threads:
            if not self._held or self._cluster.health() is Health.READY:
                return False
            self._change.exclusive(wait_s=self._wait_s)
            try:
                self._cluster.start(wait_s=self._wait_s)
            finally:
                self._change.close()
        return True

    def release(self) -> None:
        """Give up the hold; stop the server if nobody else has one. A second call does nothing.

        Raises:
            StoreAwayError: Another process is still busy starting it; the hold is given up anyway.
        """
        with self._threads:
            if not self._held:
                return
            self._held = False
            try:
                self._change.exclusive(wait_s=self._wait_s)
                if self._hold.try_exclusive():
                    self._cluster.stop()
            finally:
                self._hold.close()
                self._change.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _take(self) -> None:
        self._change.exclusive(wait_s=self._wait_s)
        try:
            self._hold.shared(wait_s=self._wait_s)
            self._cluster.make()
            self._cluster.start(wait_s=self._wait_s)
            self._held = True
        except BaseException:
            self._leave_failed_start()
            raise
        finally:
            self._change.close()

    def _leave_failed_start(self) -> None:
        """Leave no server behind that nobody holds."""
        if self._hold.try_exclusive():
            self._cluster.stop()
        self._hold.close()
