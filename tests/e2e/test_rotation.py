"""Keys are rotated while real loaders run and are killed; a hub without the right keys starts nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing, new_keys
from hub.settings import SourceSettings
from hub.steps.verify import verify

pytestmark = pytest.mark.postgres
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
SOURCE = SourceSettings(platform="douyin", pulls=("clue",))
CONFIG = "sources: {douyin: {platform: douyin, pulls: [clue]}}\n"
PERSONS, PAGES, LEADS_A_PAGE = 40, 30, 40


class RotatingHub:
    """A hub as processes on one database, with its keys in a file."""

    def __init__(self, engine: sa.Engine, url: str, folder: Path) -> None:
        self.engine = engine
        self.key_file = folder / "ring.json"
        self.write_ring(new_keys())
        (folder / "hub.yaml").write_text(CONFIG, "utf-8")
        self.environment = {
            **os.environ,
            "HUB_HOME": str(folder / "home"),
            "HUB_CONFIG": str(folder / "hub.yaml"),
            "HUB_DATABASE_URL": url,
            "HUB_KEYS_FILE": str(self.key_file),
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def write_ring(self, document: dict[str, Any]) -> None:
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(json.dumps(document), "utf-8")

    @property
    def ring(self) -> KeyRing:
        return KeyRing.parse(json.loads(self.key_file.read_text("utf-8")))

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli.main", *command],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.running.append(process)
        return process

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *command],
            env=self.environment, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    def come(self, page: int) -> None:
        """A page of leads of the same forty persons; every lead comes under a number of its own."""
        numbers = range(page * LEADS_A_PAGE, (page + 1) * LEADS_A_PAGE)
        body = {"code": 0, "data": {"list": [a_clue(n) for n in numbers]}}
        arrival = Arrival(Via.PULL, AT + timedelta(seconds=page), f"page-{page}")
        envelope = Envelope(shape="clue", body=json.dumps(body).encode())
        with self.engine.begin() as conn:
            delivery = seal_delivery(self.ring, "douyin", SOURCE, envelope, arrival)
            store_deliveries(driver(conn), [delivery])

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=30)


def a_clue(number: int) -> dict[str, Any]:
    return {
        "clue_id": str(7_400_000_000_000_000_000 + number),
        "advertiser_id": "1700000000000001",
        "create_time_detail": "2026-02-17 08:00:00",
        "clue_source": 1,
        "clue_type": 0,
        "name": "张三",
        "telephone": f"19900{number % PERSONS:06d}",
    }


@pytest.fixture
def hub(engine: sa.Engine, database_url: str, tmp_path: Path) -> Iterator[RotatingHub]:
    made = RotatingHub(engine, database_url, tmp_path)
    yield made
    made.stop()


def test_two_loaders_load_through_both_rotations_and_their_kills(hub: RotatingHub) -> None:
    """Leads come all the while; one loader and the rotation itself are killed in between."""
    for page in range(PAGES // 2):
        hub.come(page)
    loaders = [hub.start("work", "--quiet") for _ in range(2)]
    wait = threading.Event()
    rotation = hub.start("keys", "rotate", "--index", "--json")
    for page in range(PAGES // 2, PAGES - 5):
        hub.come(page)
        wait.wait(0.25)
        if page == PAGES // 2 + 4:
            loaders[0].send_signal(signal.SIGKILL)
            rotation.send_signal(signal.SIGKILL)
            rotation.wait(10)
            loaders[0] = hub.start("work", "--quiet")
    ended = hub.run("keys", "rotate", "--index", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["active"]) == (0, 2), ended.stderr
    assert hub.run("keys", "rotate").returncode == 0
    for page in range(PAGES - 5, PAGES):
        hub.come(page)
    assert hub.run("keys", "reseal").returncode == 0
    hub.stop()
    assert hub.run("work", "--quiet", "--until-empty").returncode == 0
    assert hub.run("keys", "reseal").returncode == 0

    found = verify(hub.engine, hub.ring, deep=True)
    assert found.holds, f"stale {found.stale}, misplaced {found.misplaced}"
    assert (found.leads, found.contacts) == (PAGES * LEADS_A_PAGE, PERSONS)
    for command in (["retire", "1"], ["retire", "1", "--index"]):
        retired = hub.run("keys", *command)
        assert retired.returncode == 0, retired.stderr
    assert (sorted(hub.ring.sealing), sorted(hub.ring.index)) == ([2], [2])
    assert verify(hub.engine, hub.ring, deep=True).content_hash == found.content_hash


@pytest.mark.parametrize(
    "command",
    [["work", "--until-empty"], ["verify"], ["receive", "--port", "0"], ["lead", "list"]],
)
def test_a_database_restored_without_its_keys_is_refused_in_one_line(
    hub: RotatingHub, command: list[str]
) -> None:
    hub.come(0)
    assert hub.run("work", "--quiet", "--until-empty").returncode == 0
    hub.come(1)
    before = _rows(hub)
    hub.write_ring(new_keys())
    refused = hub.run(*command)

    assert refused.returncode == 2
    said = refused.stderr.decode().strip().splitlines()
    assert len(said) == 1
    assert "is not the one that this data is under: restore the ring" in said[0]
    assert _rows(hub) == before


def test_a_ring_that_was_lost_and_made_anew_is_found_by_the_doctor(hub: RotatingHub) -> None:
    hub.come(0)
    assert hub.run("work", "--quiet", "--until-empty").returncode == 0
    hub.write_ring(new_keys())
    told = hub.run("doctor")

    assert told.returncode == 1
    assert b"restore the ring" in told.stdout.replace(b"\n", b" ")


def _rows(hub: RotatingHub) -> list[int]:
    tables = ("inbox.queue", "inbox.record", "crm.lead", "crm.contact", "ops.key_check")
    with hub.engine.begin() as conn:
        return [conn.execute(sa.text(f"SELECT count(*) FROM {t}")).scalar() or 0 for t in tables]  # noqa: S608 -- names of this test
