"""One PostgreSQL cluster and its server process: make, start, look, stop.

Knows nothing of who else uses it: `hub.database.embedded` sees to that.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

import psycopg

from hub.database.places import SOCKET_NAME, Places
from hub.errors import ConfigError, StoreAwayError

ADMIN, APP, DATABASE = "hub_admin", "hub_app", "hub"
MAJOR = "18"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.25
_FAST_STOP_S, _HARD_STOP_S = 60.0, 15.0
_LOG_LIMIT_BYTES = 16 * 1_048_576

# Written into postgresql.conf when the cluster is made: a person may tune them there.
_TUNING = {
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "jit": "off",
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Given at every start, so that nobody tunes them away: one door, and no value of a row in the log.
_FIXED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "synchronous_commit": "on",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class Health(StrEnum):
    """What a connection to the server tells."""

    READY = "ready"
    BUSY = "busy"  # it answers, but is starting, recovering or stopping
    ABSENT = "absent"


class Cluster:
    """The cluster in `places`. Only `url`, `pid` and `health` may be used by several at once."""

    def __init__(self, places: Places, *, fsync: bool) -> None:
        self.places = places
        self._fsync = fsync

    def url(self, user: str, database: str) -> str:
        """A SQLAlchemy URL over the socket."""
        folder = quote(str(self.places.sockets), safe="")
        return f"postgresql+psycopg://{user}@/{database}?host={folder}&port=5432"

    def pid(self) -> int | None:
        """The server's process id, `None` if none of this cluster lives."""
        try:
            pid = int((self.places.data / "postmaster.pid").read_bytes().partition(b"\n")[0])
        except (OSError, ValueError):
            return None
        return pid if _works_in(pid, self.places.data) else None

    def health(self) -> Health:
        """What a real connection tells; takes two seconds at most."""
        if not (self.places.sockets / SOCKET_NAME).exists():
            return Health.ABSENT
        try:
            with self._connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            # An error of connecting carries no SQLSTATE; the words are the server's, in English.
            if "too many clients" in str(error):
                return Health.READY
            return Health.BUSY if "the database system is" in str(error) else Health.ABSENT
        return Health.READY

    def make(self) -> None:
        """Make the cluster if it is not there, throwing away what a killed process left of one.

        Raises:
            ConfigError: It is there and was made by another major version.
            StoreAwayError: `initdb` failed, or could not finish.
        """
        data = self.places.data
        if data.exists():
            version = (data / "PG_VERSION").read_text("ascii").strip()
            if version != MAJOR:
                raise ConfigError(
                    f"{data}: made by PostgreSQL {version}; this hub brings {MAJOR}: "
                    "dump it with the hub that made it, then restore it"
                )
            return
        unfinished = data.with_name("data.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        self.places.runner.run(
            "initdb",
            f"--pgdata={unfinished}",
            f"--username={ADMIN}",
            "--auth-local=trust",  # whoever reaches the socket in its 0700 folder is us
            "--auth-host=reject",
            "--encoding=UTF8",
            # The same order of texts on every machine, whatever locales it has.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *(f"--set={name}={value}" for name, value in _TUNING.items()),
            *([] if self._fsync else ["--no-sync"]),
        )
        unfinished.rename(data)

    def start(self, *, wait_s: float) -> None:
        """Start the server unless it runs, and wait until it takes connections.

        Raises:
            StoreAwayError: It does not within `wait_s`; the text names its log.
        """
        deadline = time.monotonic() + wait_s
        pause_s = _FIRST_PAUSE_S
        spawned: int | None = None
        while (health := self.health()) is not Health.READY:
            if time.monotonic() > deadline:
                raise StoreAwayError(
                    f"PostgreSQL did not start in {wait_s:.0f} s; see {self.places.log}"
                )
            if health is Health.ABSENT and self.pid() is None and not _lives(spawned):
                # Maybe not for the first time: the last processes of a killed server keep the
                # next one out until they are gone.
                spawned = self._spawn()
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        self._provision()

    def stop(self) -> None:
        """Stop the server without waiting for its clients; returns when it is gone."""
        for number, patience_s in (
            (signal.SIGINT, _FAST_STOP_S),
            (signal.SIGQUIT, _HARD_STOP_S),
            (signal.SIGKILL, _HARD_STOP_S),
        ):
            pid = self.pid()
            if pid is None:
                return
            _send(pid, number)
            deadline = time.monotonic() + patience_s
            while _works_in(pid, self.places.data) and time.monotonic() < deadline:
                time.sleep(_FIRST_PAUSE_S)

    def _spawn(self) -> int:
        self._clear_dead_locks()
        log = self.places.log
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        safe = "on" if self._fsync else "off"
        settings = {
            **_FIXED,
            "unix_socket_directories": str(self.places.sockets),
            "fsync": safe,
            "full_page_writes": safe,
        }
        options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        return self.places.runner.detach(log, "postgres", "-D", str(self.places.data), *options)

    def _clear_dead_locks(self) -> None:
        """Remove a dead server's lock files, whose number may belong to another program by now.

        PostgreSQL would see that the number is in use and refuse for ever (containers give the same
        numbers again and again, and may leave zombies). That nobody else is starting a server is
        known here; one whose last processes still live is kept out by their shared memory.
        """
        if self.pid() is None:
            (self.places.data / "postmaster.pid").unlink(missing_ok=True)
            for name in (SOCKET_NAME, SOCKET_NAME + ".lock"):
                (self.places.sockets / name).unlink(missing_ok=True)

    def _provision(self) -> None:
        """The hub's role and database, if a first start has not made them yet."""
        with self._connect() as connection:
            role = "SELECT FROM pg_roles WHERE rolname = %s"
            if connection.execute(role, (APP,)).fetchone() is None:
                connection.execute(f"CREATE ROLE {APP} LOGIN")
            database = "SELECT FROM pg_database WHERE datname = %s"
            if connection.execute(database, (DATABASE,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {APP}")

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.places.sockets),
            port=5432,
            user=ADMIN,
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
            application_name="lead-hub supervisor",
        )


def _works_in(pid: int, data: Path) -> bool:
    """Does `pid` live and stand in `data`, as PostgreSQL does? A zombie stands nowhere."""
    if not Path("/proc/self/cwd").exists():  # macOS: a number in use must do
        return _lives(pid)
    try:
        return (Path("/proc") / str(pid) / "cwd").readlink() == data
    except OSError:
        return False


def _lives(pid: int | None) -> bool:
    """Is `pid` a process that is not a zombie?"""
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
        state = (Path("/proc") / str(pid) / "stat").read_text("utf-8", "replace")
    except ProcessLookupError:
        return False
    except OSError:  # no /proc: it took the signal, so it lives
        return True
    return state.rpartition(")")[2].split()[0] not in ("Z", "X")


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
