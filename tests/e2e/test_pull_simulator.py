"""A person authorises a source in the browser; leads come by push and by pull; each is one lead."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml

from hub.connectors.douyin.oauth import REFRESH_PATH
from hub.connectors.douyin.simulator import Behaviour, Habits, PushSender, Simulator
from hub.privacy.keyring import KeyRing
from hub.settings import load_settings
from hub.steps.load import Loader
from tests.e2e.hub_processes import free_port, wait_until

pytestmark = pytest.mark.postgres
KEY, SECRET_ENV, PUSH_ENV, PUSH_SECRET = "ads", "HUB_TEST_APP", "HUB_TEST_PUSH", "path-secret-12"
STAR = "star"


class Hub:
    """The commands of one hub, each as a person or a scheduler would run it."""

    def __init__(
        self, home: Path, database_url: str, keyring: KeyRing, simulator: Simulator
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = home / "hub.yaml"
        document = {
            "public_url": self.url,
            "sources": {
                KEY: {
                    "platform": "douyin",
                    "push": "clue_push",
                    "pulls": ["clue", "star_clue"],
                    "signature": {"scheme": "static_path", "secret_env": PUSH_ENV},
                    "pull": {"page_size": 20},
                    "options": {
                        **simulator.options(SECRET_ENV),
                        "account_qps": 100,
                        "developer_qps": 100,
                    },
                },
                STAR: {
                    "platform": "douyin",
                    "push": "star_push",
                    "signature": {"scheme": "static_path", "secret_env": PUSH_ENV},
                },
            },
        }
        self.config.write_text(yaml.safe_dump(document), "utf-8")
        keys = {
            "active": keyring.active,
            "sealing": {str(i): _text(key) for i, key in keyring.sealing.items()},
            "index": _text(keyring.index_key),
            "id": _text(keyring.id_key),
        }
        self.environment = {
            **os.environ,
            "HUB_HOME": str(home / "hub-home"),
            "HUB_CONFIG": str(self.config),
            "HUB_DATABASE_URL": database_url,
            "HUB_KEYS": json.dumps(keys),
            SECRET_ENV: simulator.world.app_secret,
            PUSH_ENV: PUSH_SECRET,
        }
        self._receiver: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *arguments],
            env=self.environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == expect, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        return done.stdout.decode() if expect == 0 else done.stdout.decode() + done.stderr.decode()

    def receive(self) -> None:
        self._receiver = subprocess.Popen(
            [sys.executable, "-m", "hub.cli.main", "receive", "--port", str(self.port)],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until("the receiver", self._is_ready)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        if self._receiver is not None:
            self._receiver.terminate()
            self._receiver.wait(20)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=5) as running:
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        running.world.add_clues(60, created_at=an_hour_ago, every_s=1)
        running.world.add_star_clues(20, created_at=an_hour_ago)
        yield running


@pytest.fixture
def hub(
    tmp_path: Path, database_url: str, keyring: KeyRing, simulator: Simulator
) -> Iterator[Hub]:
    made = Hub(tmp_path, database_url, keyring, simulator)
    yield made
    made.stop()


def leads(engine: sa.Engine) -> int:
    with engine.begin() as conn:
        return int(conn.scalar(sa.text("SELECT count(*) FROM crm.lead")) or 0)


def load(hub: Hub, engine: sa.Engine, keyring: KeyRing) -> dict[str, int]:
    loader = Loader(engine, keyring, load_settings(hub.config))
    try:
        return dict(loader.drain().counts)
    finally:
        loader.close()


def authorize(hub: Hub) -> httpx.Response:
    printed = hub.run("source", "authorize", KEY).splitlines()
    (address,) = (line for line in printed if line.startswith("http://"))
    return httpx.get(address, follow_redirects=True)


def test_a_lead_that_is_pushed_and_pulled_is_one_lead(
    hub: Hub, engine: sa.Engine, keyring: KeyRing, simulator: Simulator
) -> None:
    hub.receive()
    page = authorize(hub)
    assert (page.status_code, "授权成功" in page.text) == (200, True)
    assert json.loads(hub.run("source", "check", KEY, "--json"))["ok"]

    habits = Habits(
        duplicate_share=0.2, lost_ack_share=0.2, reorder_within=10, retry_after_s=(0.01,) * 3
    )
    sender = PushSender(simulator.world, f"{hub.url}/hooks/{KEY}/{PUSH_SECRET}", habits=habits)
    report = asyncio.run(sender.send(simulator.clues[:30]))
    assert len(sender.acknowledged) == 30
    assert report.duplicates > 0
    assert report.retries > 0

    simulator.world.behaviour = Behaviour(fault_share=0.05)
    result: Any = json.loads(hub.run("pull", KEY, "--json"))
    counts = load(hub, engine, keyring)

    assert [found["platform says"] for found in result["streams"]] == [60, 20]
    assert leads(engine) == 80
    assert counts["loaded"] == 80
    assert "held" not in counts

    hub.run("pull", KEY, "--json")
    load(hub, engine, keyring)
    assert leads(engine) == 80

    listed = {row["source"]: row for row in json.loads(hub.run("source", "list", "--json"))}
    assert listed[KEY]["grant"] == "good"
    shown = json.loads(hub.run("source", "show", KEY, "--json"))
    assert shown["last_pull_at"]
    assert shown["callback"] == f"{hub.url}/oauth/{KEY}/callback"
    assert len(json.loads(hub.run("source", "accounts", KEY, "--json"))) == 2


def test_two_pullers_at_once_share_one_grant(
    hub: Hub, engine: sa.Engine, keyring: KeyRing, simulator: Simulator
) -> None:
    code = simulator.world.new_code()
    assert "authorised" in hub.run("source", "authorize", KEY, "--code", code)
    simulator.world.expire_access()
    command = [sys.executable, "-m", "hub.cli.main", "pull", KEY, "--json"]

    pullers = [
        subprocess.Popen(command, env=hub.environment, stdout=subprocess.PIPE) for _ in range(2)
    ]
    printed = [puller.communicate(timeout=120)[0] for puller in pullers]
    assert [puller.returncode for puller in pullers] == [0, 0]
    assert all(json.loads(text)["streams"][0]["error"] is None for text in printed)

    assert [call.code for call in simulator.calls if call.path == REFRESH_PATH] == [0]
    load(hub, engine, keyring)
    assert leads(engine) == 80


def test_a_stranger_cannot_tie_the_source_to_another_account(
    hub: Hub, simulator: Simulator
) -> None:
    hub.receive()
    code = simulator.world.new_code()

    answer = httpx.get(
        f"{hub.url}/oauth/{KEY}/callback", params={"auth_code": code, "state": "made-up"}
    )

    assert answer.status_code == 400
    assert answer.json()["error"] == "state_unknown"
    assert code not in answer.text
    assert httpx.get(f"{hub.url}/oauth/nobody/callback").status_code == 404
    assert httpx.get(f"{hub.url}/oauth/{KEY}/callback").status_code == 400


def test_commands_say_in_one_line_what_is_missing(hub: Hub) -> None:
    assert "hub source authorize ads" in hub.run("pull", KEY, expect=2)
    assert "no source" in hub.run("pull", "nobody", expect=2)
    assert "--since" in hub.run("pull", KEY, "--since", "yesterday", expect=2)
    hub.run("source", "check", KEY, "--json", expect=1)


def test_the_simulator_pushes_by_command(hub: Hub, engine: sa.Engine, keyring: KeyRing) -> None:
    hub.receive()
    started = time.monotonic()
    printed = hub.run(
        "simulate", "douyin", "--rate", "100", "--count", "50", "--seed", "3", "--form",
        "--duplicates", "0.1", "--push-to", f"{hub.url}/hooks/{KEY}/{PUSH_SECRET}",
    )  # fmt: skip

    report = json.loads(printed)
    assert (report["leads"], report["acknowledged"], report["given_up"]) == (50, 50, 0)
    assert time.monotonic() - started < 60
    assert load(hub, engine, keyring)["loaded"] == 50


def test_the_night_of_the_founding_story_can_be_played_by_command(
    hub: Hub, engine: sa.Engine, keyring: KeyRing
) -> None:
    hub.receive()
    printed = hub.run(
        "simulate", "douyin", "--rate", "100", "--count", "40", "--star",
        "--drift", "douyin-id-required", "--drift-after", "30",
        "--push-to", f"{hub.url}/hooks/{STAR}/{PUSH_SECRET}",
    )  # fmt: skip

    report = json.loads(printed)
    assert (report["leads"], report["star_leads"], report["acknowledged"]) == (0, 40, 40)
    assert load(hub, engine, keyring)["loaded"] == 40
    with engine.connect() as conn:
        sealed = conn.execute(sa.text("SELECT id, sealed FROM crm.lead")).all()
    documents = [json.loads(keyring.unseal(row.sealed, row.id.bytes)) for row in sealed]
    changed = [doc for doc in documents if "douyin_id" in doc["extra"]["unmapped"]]
    assert len(changed) == 10
    assert all(doc["platform_state"]["uid"].isdigit() for doc in documents)


def test_drifts_are_listed_and_an_unknown_one_is_refused(hub: Hub) -> None:
    assert "douyin-id-required" in hub.run("simulate", "douyin", "--drift", "list")
    refused = hub.run("simulate", "douyin", "--drift", "douyin_id", expect=2)

    assert "no drift 'douyin_id'" in refused
    assert "phone-renamed" in refused
