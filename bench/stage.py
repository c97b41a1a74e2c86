"""Where it is measured: a temporary home, a PostgreSQL of its own with fsync on, hub processes."""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from bench.cpu import Usage, usage
from bench.payloads import SIGNATURE_HEADER, SOURCE
from hub.database.embedded import EmbeddedServer
from hub.database.engine import libpq_url, make_engine
from hub.database.migrate import upgrade
from hub.privacy.keyring import KeyRing, new_keys
from hub.settings import HubSettings, SourceSettings, load_settings

SECRET = "secret-of-the-bench"  # noqa: S105 -- invented
_SECRET_ENV = "HUB_BENCH_SECRET"  # noqa: S105 -- a variable's name
_CONFIG = f"""
sources:
  {SOURCE}:
    platform: douyin
    push: clue_push
    pulls: [clue]
    signature: {{scheme: hmac_sha256, secret_env: {_SECRET_ENV}, header: {SIGNATURE_HEADER}}}
"""
_LISTENING = re.compile(r"listening on http://([0-9.]+):(\d+)")
_UP_WITHIN_S = 60.0
_DOWN_WITHIN_S = 30.0
_ROOT = Path(__file__).parent.parent


class ProcessError(Exception):
    """A process of the bench did not come up, or ended; the text has its last lines."""


@dataclass(frozen=True, slots=True)
class Service:
    """A server process and where it listens."""

    pid: int
    host: str
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"


class Stage:
    """A PostgreSQL and as many fresh databases and hub processes as a measurement asks for."""

    def __init__(self) -> None:
        self._cleanup = ExitStack()
        self._numbers = itertools.count(1)
        self.given: dict[str, str] = {}  # what else hub processes find in their environment
        self.keys = new_keys()
        self.keyring = KeyRing.parse(self.keys)

    def __enter__(self) -> Self:
        folder = Path(
            self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-"))
        )
        self.folder = folder
        self.config = folder / "hub.yaml"
        self.config.write_text(_CONFIG, "utf-8")
        self.settings: HubSettings = load_settings(self.config)
        self.server = self._cleanup.enter_context(EmbeddedServer.start(folder / "store"))
        self._empty = self._create("bench_empty")
        engine = make_engine(self.url_of(self._empty))
        upgrade(engine)
        engine.dispose()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    @property
    def source(self) -> SourceSettings:
        """The one source."""
        return self.settings.sources[SOURCE]

    def admin(self) -> psycopg.Connection[Any]:
        """The superuser's connection to the maintenance database, in autocommit."""
        return psycopg.connect(libpq_url(self.server.admin_url), autocommit=True)

    def url_of(self, database: str) -> str:
        """The URL of a database for the hub's own role."""
        url = make_url(self.server.url).set(database=database)
        return url.render_as_string(hide_password=False)

    def template(self, name: str, fill: Callable[[str], None]) -> str:
        """A database that `fill` filled (it is given the URL), with statistics, to be copied."""
        self._create(name, self._empty)
        url = self.url_of(name)
        fill(url)
        with psycopg.connect(libpq_url(url), autocommit=True) as conn:
            conn.execute("VACUUM (ANALYZE)")
        return name

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """The URL of a fresh database, a copy of `template` (default: migrated and empty); gone afterwards."""
        name = self._create(f"bench_{next(self._numbers)}", template or self._empty)
        try:
            with self.admin() as conn:
                conn.execute("CHECKPOINT")  # the next one should not be paid by who comes first
            yield self.url_of(name)
        finally:
            with self.admin() as conn:
                conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create(self, name: str, template: str = "template1") -> str:
        owner = make_url(self.server.url).username or ""
        with self.admin() as conn:
            conn.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)
                )
            )
        return name

    def environment(self, url: str) -> Mapping[str, str]:
        """What a hub process on the database of `url` is given."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return {
            **kept,
            "HUB_HOME": str(self.folder / f"home-{make_url(url).database}"),
            "HUB_CONFIG": str(self.config),
            "HUB_DATABASE_URL": url,
            "HUB_KEYS": json.dumps(self.keys),
            _SECRET_ENV: SECRET,
            **self.given,
        }

    def usage(self, roles: Mapping[str, Sequence[int]]) -> Usage:
        """CPU seconds by role, PostgreSQL's with them."""
        return usage({role: list(pids) for role, pids in roles.items()}, self.server.pid)

    @contextmanager
    def process(self, url: str, *command: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """`python -m …` beside us, in the hub's environment, and its log; ended kindly, then not."""
        log = self.folder / f"process-{next(self._numbers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=dict(self.environment(url)), cwd=_ROOT, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            yield process, log
        except Exception as error:
            error.add_note(_last_lines(log))
            raise
        finally:
            _end(process)

    @contextmanager
    def service(self, url: str, *command: str) -> Iterator[Service]:
        """A server process that says where it listens, ready."""
        with self.process(url, *command) as (process, log):
            match = wait_for(lambda: _LISTENING.search(log.read_text("utf-8")), process)
            yield Service(process.pid, match[1], int(match[2]))

    @contextmanager
    def receiver(self, url: str) -> Iterator[Service]:
        """`hub receive` on a free port."""
        with self.service(url, "hub.cli.main", "receive", "--port", "0") as service:
            yield service

    @contextmanager
    def loaders(self, url: str, count: int) -> Iterator[list[int]]:
        """`count` times `hub work`; their process ids once each has said that it lives."""
        with ExitStack() as stack:
            started = [
                stack.enter_context(self.process(url, "hub.cli.main", "work", "--quiet"))
                for _ in range(count)
            ]
            with psycopg.connect(libpq_url(url), autocommit=True) as conn:
                for process, _ in started:
                    wait_for(
                        lambda: _count(conn, "SELECT count(*) FROM ops.loader") >= count, process
                    )
            yield [process.pid for process, _ in started]

    def verify(self, url: str) -> dict[str, Any]:
        """What `hub verify --deep --json` says."""
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", "verify", "--deep", "--json"],
            env=dict(self.environment(url)), cwd=_ROOT, capture_output=True, check=False,
        )  # fmt: skip
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise ProcessError(done.stderr.decode("utf-8", "replace")[-1000:]) from None
        return found


def count(url: str, statement: str) -> int:
    """The one number that `statement` (a constant of the caller) gives."""
    with psycopg.connect(libpq_url(url), autocommit=True) as conn:
        return _count(conn, statement)


def _count(conn: psycopg.Connection[Any], statement: str) -> int:
    row = conn.execute(statement.encode()).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def wait_for(found: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:  # noqa: ANN401 -- whatever is found
    """What `found` gives once it is true.

    Raises:
        ProcessError: `process` has ended, or it took too long.
    """
    deadline = time.monotonic() + _UP_WITHIN_S
    while not (result := found()):
        if process.poll() is not None:
            raise ProcessError(f"a process ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise ProcessError(f"a process did not come up in {_UP_WITHIN_S:.0f} s")
        time.sleep(0.02)
    return result


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_DOWN_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
