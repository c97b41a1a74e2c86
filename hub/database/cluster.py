"""One PostgreSQL cluster on disk and its server process: make, start, look, stop. Knows nothing of who else uses it."""

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
_POLL_S = 0.02
_FAST_STOP_S, _IMMEDIATE_STOP_S = 60.0, 15.0
_LOG_LIMIT = 16 * 1_048_576

# Written into postgresql.conf when the cluster is made: a person may tune them there.
_TUNING = {
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "jit": "off",
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Given at every start: nobody may tune these away. The log must never hold a value of a row.
_FIXED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "synchronous_commit": "on",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",
}


class Health(StrEnum):
    """What a connection to the server tells."""

    READY = "ready"
    BUSY = "busy"  # it answers, but is starting, recovering or stopping
    ABSENT = "absent"


class Cluster:
    """The cluster in `places`; every method but `health` and `pid` is to be called by one process at a time."""

    def __init__(self, places: Places, *, fsync: bool) -> None:
        self.places = places
        self._fsync = fsync

    def url(self, user: str, database: str) -> str:
        """A SQLAlchemy URL over the socket."""
        folder = quote(str(self.places.sockets), safe="")
        return f"postgresql+psycopg://{user}@/{database}?host={folder}"

    def pid(self) -> int | None:
        """The server's process id, `None` if none of this cluster lives."""
        try:
            pid = int((self.places.data / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def health(self) -> Health:
        """What a real connection tells; takes at most two seconds."""
        if not (self.places.sockets / SOCKET_NAME).exists():
            return Health.ABSENT
        try:
            with self._connect("postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.errors.TooManyConnections:
            return Health.READY
        except psycopg.OperationalError as error:
            # Connection errors carry no SQLSTATE in every libpq: the words are the server's, in English (LC_ALL=C).
            busy = "the database system is" in str(error) or "too many clients" in str(error)
            return Health.BUSY if busy else Health.ABSENT
        return Health.READY

    def make(self) -> None:
        """Make the cluster if it is not there; a half-made one of a killed process is thrown away.

        Raises:
            ConfigError: it is there and was made by another major version.
        """
        data = self.places.data
        if data.exists():
            version = (data / "PG_VERSION").read_text("ascii").strip()
            if version != MAJOR:
                raise ConfigError(
                    f"{data}: made by PostgreSQL {version}, this hub brings {MAJOR}: dump it with the old one"
                )
            return
        unfinished = data.with_name("data.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        settings = [f"--set={name}={value}" for name, value in _TUNING.items()]
        self.places.runner.run(
            "initdb",
            f"--pgdata={unfinished}",
            f"--username={ADMIN}",
            "--auth-local=trust",  # whoever reaches the socket in its 0700 folder is us
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *settings,
            *([] if self._fsync else ["--no-sync"]),
        )
        unfinished.rename(data)

    def start(self, *, wait_s: float) -> None:
        """Start the server and wait until it takes connections, through crash recovery if need be.

        Raises:
            StoreAwayError: it does not, `wait_s` after the call; names the log.
        """
        deadline = time.monotonic() + wait_s
        spawned: int | None = None
        while (health := self.health()) is not Health.READY:
            if time.monotonic() > deadline:
                raise StoreAwayError(
                    f"PostgreSQL did not start in {wait_s:.0f} s: {self.places.log}"
                )
            if health is Health.ABSENT and not self._lives(spawned):
                # Again, too: what a killed server left behind keeps the next one out for a moment.
                self._pause_between(spawned)
                spawned = self._spawn()
            time.sleep(_POLL_S)
        self._provision()

    def stop(self) -> None:
        """Stop the server, without waiting for its clients; returns when it is gone."""
        for number, patience in (
            (signal.SIGINT, _FAST_STOP_S),
            (signal.SIGQUIT, _IMMEDIATE_STOP_S),
            (signal.SIGKILL, _IMMEDIATE_STOP_S),
        ):
            pid = self.pid()
            if pid is None:
                return
            _send(pid, number)
            deadline = time.monotonic() + patience
            while self._is_ours(pid) and time.monotonic() < deadline:
                time.sleep(_POLL_S)

    def _spawn(self) -> int:
        self._clear_stale_lock()
        self._turn_log()
        quoted = '"' + str(self.places.sockets).replace('"', '""') + '"'
        settings = {
            **_FIXED,
            "unix_socket_directories": quoted,
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
        }
        options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        return self.places.runner.detach(
            self.places.log, "postgres", "-D", str(self.places.data), *options
        )

    def _lives(self, spawned: int | None) -> bool:
        """Is a server of this cluster alive, be it without an answer yet?"""
        return self.pid() is not None or (spawned is not None and self._is_ours(spawned))

    def _pause_between(self, spawned: int | None) -> None:
        if spawned is not None:
            time.sleep(0.3)

    def _clear_stale_lock(self) -> None:
        """Remove a dead server's lock file if its number now belongs to another program.

        PostgreSQL sees only that the number is in use and would refuse for ever; that nobody else is
        starting one is known here, and a living server's memory keeps a second one out in any case.
        """
        lock = self.places.data / "postmaster.pid"
        if lock.exists() and self.pid() is None:
            lock.unlink(missing_ok=True)

    def _turn_log(self) -> None:
        log = self.places.log
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))

    def _is_ours(self, pid: int) -> bool:
        """Is `pid` alive and at work in our data folder? A zombie is not."""
        process = Path("/proc") / str(pid)
        if Path("/proc/self/cwd").exists():
            try:
                return (process / "cwd").readlink() in (
                    self.places.data,
                    Path("/"),
                ) and _is_server(process)
            except OSError:
                return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _provision(self) -> None:
        """The hub's role and database, if a first start has not made them yet."""
        with self._connect("postgres") as connection:
            role = connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", (APP,)
            ).fetchone()
            if role is None:
                connection.execute(f"CREATE ROLE {APP} LOGIN")
            there = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
            ).fetchone()
            if there is None:
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {APP}")

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.places.sockets),
            port=5432,
            user=ADMIN,
            dbname=database,
            connect_timeout=2,
            autocommit=True,
            application_name="lead-hub supervisor",
        )


def _is_server(process: Path) -> bool:
    """Before `postgres` has gone to its data folder it stands in `/`, as the launcher left it."""
    return (process / "comm").read_text("utf-8", "replace").strip() in (
        "postgres",
        "python",
        "python3",
    )


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
