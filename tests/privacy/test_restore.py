"""A backup that is restored after an erasure forgets again, before it serves anybody."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from hub.database.binaries import program_folder
from hub.database.engine import libpq_url, make_engine
from hub.privacy.keyring import KeyRing
from tests.conftest import TestServer
from tests.privacy.erasing import ErasingHub

pytestmark = pytest.mark.postgres
PHONE, OTHER = "19900007351", "19900007353"


class Site:
    """The commands of one hub on one database."""

    def __init__(self, url: str, home: Path, keyring: KeyRing) -> None:
        self.url, self.home = url, home
        home.mkdir(exist_ok=True)
        sources = {key: {"platform": "douyin", "pulls": ["clue"]} for key in ("ads", "other")}
        (home / "hub.yaml").write_text(yaml.safe_dump({"sources": sources}), "utf-8")
        ring = {
            "active": 1,
            "sealing": {"1": _text(keyring.sealing[1])},
            "index": _text(keyring.index_key),
            "id": _text(keyring.id_key),
        }
        self.environment = {
            **os.environ,
            "HUB_HOME": str(home),
            "HUB_CONFIG": str(home / "hub.yaml"),
            "HUB_DATABASE_URL": url,
            "HUB_KEYS": json.dumps(ring),
            "HUB_USER": "tester",
        }

    def run(self, *words: str, expect: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *words],
            env=self.environment, capture_output=True, text=True, timeout=90, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        assert PHONE not in done.stdout + done.stderr
        return done.stdout + done.stderr


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.fixture
def restored(test_server: TestServer) -> Iterator[str]:
    """A fresh database to restore into."""
    name = test_server.create()
    yield name
    test_server.drop(name)


def test_a_restored_backup_forgets_again_before_it_serves(
    engine: sa.Engine,
    database_url: str,
    keyring: KeyRing,
    hub_home: Path,
    test_server: TestServer,
    restored: str,
) -> None:
    site = Site(database_url, hub_home, keyring)
    hub = ErasingHub(engine, keyring)
    hub.take(hub.clue(1, PHONE), hub.clue(2, OTHER), hub.clue(3, PHONE, clue_source=4))
    hub.load()
    hub.take(hub.clue(4, PHONE), hub.clue(5, OTHER))  # still queued when the backup is made
    dump = _dump(database_url)
    asked = site.run("erase", "--phone", PHONE, "--dry-run", "--json")
    assert "--yes" in site.run("erase", "--phone", PHONE, "--reason", "t-7", expect=2)
    told = json.loads(site.run("erase", "--phone", PHONE, "--reason", "t-7", "--yes", "--json"))
    assert told["counts"] == json.loads(asked)["counts"]
    assert told["by"] == "tester"

    url = test_server.url_of(restored)
    subprocess.run(
        [program_folder() / "psql", "--quiet", "-v", "ON_ERROR_STOP=1", "-d", libpq_url(url)],
        input=dump, check=True, timeout=60, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    again = Site(url, hub_home, keyring)
    refused = again.run("lead", "list", expect=2)
    again.run("work", "--until-empty", "--quiet")
    assert "1 erasures that this database lacks" in refused

    back = make_engine(url)
    try:
        found = ErasingHub(back, keyring)
        assert PHONE not in found.opened()
        assert found.count("crm.lead") == 2
        assert found.verify().holds
        assert found.count("crm.erasure") == 1
        later = datetime.now(UTC) + timedelta(days=1)
        found.take(found.clue(9, PHONE, at=later), at=later)
        assert found.load() == {"loaded": 1}
    finally:
        back.dispose()
    assert [one["receipt"] for one in json.loads(again.run("erase", "--receipts", "--json"))] == [
        told["receipt"]
    ]


def _dump(url: str) -> bytes:
    return subprocess.run(
        [program_folder() / "pg_dump", "--no-owner", "-d", libpq_url(url)],
        capture_output=True, check=True, timeout=60,
    ).stdout  # fmt: skip
