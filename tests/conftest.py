"""Fixtures for every test: its own database, fixed keys, a clock it moves itself, no network."""

from __future__ import annotations

import base64
import ipaddress
import itertools
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from hub.database.embedded import EmbeddedServer
from hub.database.engine import make_engine, normalise_url
from hub.database.migrate import upgrade
from hub.privacy.keyring import KeyRing

_KEPT = ("HUB_TEST_DATABASE_URL",)
_numbers = itertools.count(1)
_ROOM_IN_MEMORY = 4 * 1024**3
_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


class NetworkIsShutError(Exception):
    """A test reached for another machine."""


@dataclass
class FakeClock:
    """A clock that stands still: call it for the instant, `advance` it by seconds."""

    now: datetime = field(default_factory=lambda: datetime(2026, 2, 17, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@dataclass(frozen=True)
class TestServer:
    """A PostgreSQL on which tests make databases: `admin` may create them."""

    __test__ = False

    admin: sa.Engine
    url: str

    def url_of(self, database: str) -> str:
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    def create(self, template: str | None = None) -> str:
        """A new database, empty or a copy of `template`, owned by the role of `url`; its name."""
        name = f"hub_test_{os.getpid()}_{next(_numbers)}"
        copied = f" TEMPLATE {template}" if template else ""
        owner = make_url(self.url).username
        with self.admin.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE {name} OWNER "{owner}"{copied}')
        return name

    def drop(self, name: str) -> None:
        with self.admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _is_here(family: int, address: Any) -> bool:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = address[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if not _is_here(self.family, address):
        raise NetworkIsShutError(f"tests reach no other machine: {address!r}")
    return _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    if not _is_here(self.family, address):
        raise NetworkIsShutError(f"tests reach no other machine: {address!r}")
    return _connect_ex(self, address)


@pytest.fixture(scope="session", autouse=True)
def shut_network() -> Iterator[None]:
    """Sockets reach this machine only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded_connect)
        patch.setattr(socket.socket, "connect_ex", _guarded_connect_ex)
        yield


@pytest.fixture(autouse=True)
def hub_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `HUB_HOME` (not yet made) and none of the caller's `HUB_*` settings."""
    for name in [name for name in os.environ if name.startswith("HUB_") and name not in _KEPT]:
        monkeypatch.delenv(name)
    home = tmp_path / "hub-home"
    monkeypatch.setenv("HUB_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def test_server() -> Iterator[TestServer]:
    """The server of this run: one of our own, or `HUB_TEST_DATABASE_URL` (needs CREATEDB)."""
    given = os.environ.get("HUB_TEST_DATABASE_URL")
    if given:
        url = normalise_url(given)
        yield from _server(url, url)
        return
    with (
        tempfile.TemporaryDirectory(prefix="hub-test-", dir=_in_memory()) as folder,
        EmbeddedServer.start(Path(folder) / "home", fsync=False) as server,
    ):
        yield from _server(server.admin_url, server.url)


def _in_memory() -> str | None:
    """A folder in memory with room for the server: a copied database is six hundred files."""
    shared = Path("/dev/shm")  # noqa: S108 -- the folder made in it is private
    if shared.is_dir() and shutil.disk_usage(shared).free > _ROOM_IN_MEMORY:
        return str(shared)
    return None


def _server(admin_url: str, url: str) -> Iterator[TestServer]:
    admin = make_engine(admin_url).execution_options(isolation_level="AUTOCOMMIT")
    try:
        yield TestServer(admin, url)
    finally:
        admin.dispose()


@pytest.fixture(scope="session")
def template_database(test_server: TestServer) -> Iterator[str]:
    """A migrated, empty database that tests copy."""
    name = test_server.create()
    engine = make_engine(test_server.url_of(name))
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    yield name
    test_server.drop(name)


@pytest.fixture
def empty_database_url(test_server: TestServer) -> Iterator[str]:
    """The URL of a database without any table."""
    name = test_server.create()
    yield test_server.url_of(name)
    test_server.drop(name)


@pytest.fixture
def database_url(test_server: TestServer, template_database: str) -> Iterator[str]:
    """The URL of a fresh, migrated database; for processes and for psycopg (`libpq_url`)."""
    name = test_server.create(template_database)
    yield test_server.url_of(name)
    test_server.drop(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a fresh, migrated database."""
    made = make_engine(database_url, pool_size=8)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def keyring() -> KeyRing:
    """Fixed, invented keys."""

    def key(byte: int) -> str:
        return base64.b64encode(bytes([byte]) * 32).decode()

    return KeyRing.parse({"active": 1, "sealing": {"1": key(1)}, "index": key(2), "id": key(3)})


@pytest.fixture
def clock() -> FakeClock:
    """Noon UTC of 17 February 2026, until the test advances it."""
    return FakeClock()
