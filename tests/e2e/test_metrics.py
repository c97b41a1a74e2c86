"""Receiver, loader and notifier as real processes: what they show, what they log, and one id through all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from hub.privacy.keyring import new_keys
from tests.e2e.hub_processes import SECRET, SOURCE, HubProcesses, free_port, wait_until

pytestmark = pytest.mark.postgres
PHONE = "19900001234"
CLUE = {"clueId": "7400000000000000001", "name": "张三", "mobile": PHONE}


@dataclass
class WatchedHub(HubProcesses):
    """A hub whose loader and notifier have metrics ports."""

    loader_port: int = field(default_factory=free_port)
    notify_port: int = field(default_factory=free_port)

    def start(self, role: str) -> None:
        """Start `receiver`, `loader` or `notify`."""
        command = {
            "receiver": ["receive", "--port", str(self.port)],
            "loader": ["work", "--quiet", "--metrics-port", str(self.loader_port)],
            "notify": ["notify", "--metrics-port", str(self.notify_port)],
        }[role]
        with (self.home / f"{role}.log").open("ab") as log:
            self.running[role] = subprocess.Popen(
                [sys.executable, "-m", "hub.cli.main", *command],
                env=dict(self.environment), stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
            )  # fmt: skip

    def run(self, *words: str) -> Any:
        """What a command prints as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *words, "--json"],
            env=dict(self.environment), capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def push(self, **changes: str) -> httpx.Response:
        """Push the clue, with changes."""
        return httpx.post(
            f"{self.url}/hooks/{SOURCE}/{changes.pop('secret', SECRET)}",
            json=CLUE | changes,
            headers={"X-Request-Id": PHONE},
            timeout=10,
        )

    def metrics(self, port: int) -> str:
        """What a process shows, "" while it does not answer."""
        try:
            return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        except httpx.HTTPError:
            return ""

    def lines(self, role: str) -> list[dict[str, Any]]:
        """Every line that a process has logged."""
        text = (self.home / f"{role}.log").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def hub(tmp_path: Path, database_url: str) -> Iterator[WatchedHub]:
    made = WatchedHub(tmp_path / "home", database_url, json.dumps(new_keys()))
    try:
        for role in ("receiver", "loader", "notify"):
            made.start(role)
        wait_until("the receiver", made.is_ready)
        yield made
    finally:
        made.stop()


def test_one_lead_is_seen_in_every_figure_and_its_answer_leads_to_it(hub: WatchedHub) -> None:
    answer = hub.push()
    assert answer.status_code == 200
    given = answer.headers["x-request-id"]
    assert UUID(given).version == 7

    loaded = f'hub_records_total{{outcome="loaded",source="{SOURCE}"}} 1.0'
    wait_until("the record", lambda: loaded in hub.metrics(hub.loader_port))
    assert 'hub_requests_total{route="/hooks/{source}"' in hub.metrics(hub.port)
    wait_until("the notifier", lambda: "hub_store_up 1.0" in hub.metrics(hub.notify_port))
    wait_until(
        "the loader's beat", lambda: "hub_loaders_alive 1.0" in hub.metrics(hub.notify_port)
    )
    for port in (hub.port, hub.loader_port, hub.notify_port):
        text = hub.metrics(port)
        assert "process_resident_memory_bytes" in text
        assert PHONE not in text

    traced = hub.run("lead", "trace", given)
    assert (traced["state"], traced["number_of_records"]) == ("taken by a loader", 1)
    [record] = traced["records"]
    lead = hub.run("lead", "trace", record["lead"])
    assert lead["records"][0]["delivery"] == given


def test_a_duplicate_leads_to_what_the_first_became(hub: WatchedHub) -> None:
    first, second = hub.push().headers["x-request-id"], hub.push().headers["x-request-id"]
    wait_until(
        "the record", lambda: "hub_batch_items_total" in hub.metrics(hub.loader_port)
        and hub.run("lead", "trace", first)["number_of_records"] == 1,
    )  # fmt: skip

    traced = hub.run("lead", "trace", second)
    assert first != second
    assert traced["duplicate_of"] == first
    assert traced["records"] == hub.run("lead", "trace", first)["records"]


def test_a_refusal_is_a_line_with_the_id_of_its_answer(hub: WatchedHub) -> None:
    given = hub.push(secret="wrong").headers["x-request-id"]
    wait_until(
        "the line", lambda: any(line.get("request_id") == given for line in hub.lines("receiver"))
    )

    [line] = [line for line in hub.lines("receiver") if line.get("request_id") == given]
    assert (line["event"], line["source"], line["reason"]) == ("http", SOURCE, "signature")
    assert (line["process"], line["level"], line["logger"]) == ("receive", "warning", "hub.access")
    lost = subprocess.run(
        [sys.executable, "-m", "hub.cli.main", "lead", "trace", str(uuid4())],
        env=dict(hub.environment), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert lost.returncode == 2
    assert "no lead and no delivery" in lost.stderr


def test_every_line_of_every_process_is_json_without_anybody_in_it(hub: WatchedHub) -> None:
    hub.push()
    httpx.put(f"{hub.url}/hooks/{SOURCE}/{PHONE}", content=PHONE)
    httpx.get(f"{hub.url}/forms/{PHONE}")
    hub.stop()

    for role in ("receiver", "loader", "notify"):
        assert all(line["process"] and line["time"] for line in hub.lines(role))
        assert PHONE not in (hub.home / f"{role}.log").read_text("utf-8")
    assert hub.lines("receiver")
