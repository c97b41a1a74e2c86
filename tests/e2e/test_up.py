"""`hub up`: whatever is killed comes back, nothing is lost, and a stop is in good order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from hub.model.ids import lead_id
from tests.e2e.hub_processes import SECRET, SOURCE, Sender, a_clue, free_port, wait_until
from tests.e2e.up_hub import UpHub, alive

SEED = 20260217
pytestmark = [pytest.mark.postgres]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[UpHub]:
    made = UpHub(tmp_path / "hub-home")
    yield made
    made.close()


@pytest.fixture
def sender(hub: UpHub) -> Iterator[Sender]:
    """Fifty leads a second, as a busy hour has, so that kills happen under load."""
    made = Sender(hub.url, SEED, rate=12.0)
    yield made
    made.stop()


def send_more(sender: Sender, leads: int) -> None:
    """Go on when so many more leads were acknowledged."""
    wanted = len(sender.acknowledged) + leads
    wait_until(f"{leads} more leads", lambda: len(sender.acknowledged) >= wanted)


def assert_nothing_lost_nothing_twice(hub: UpHub, sender: Sender) -> None:
    found = hub.rest(sender)
    expected = {lead_id("default", SOURCE, "lead", clue, 0) for clue in sender.acknowledged}
    sent = {lead_id("default", SOURCE, "lead", clue, 0) for clue in sender.sent}
    with hub.engine.connect() as conn:
        loaded = set(conn.execute(sa.text("SELECT id FROM crm.lead")).scalars())

    assert len(sender.acknowledged) > 50
    assert expected - loaded == set(), "acknowledged leads that are not in the CRM"
    assert loaded - sent == set(), "leads that nobody sent"
    assert found.delivery_law.differences() == {}
    assert found.record_law.differences() == {}
    assert (found.stale, found.misplaced, found.unreadable) == (0, 0, [])


def kill_and_wait(hub: UpHub, name: str) -> None:
    """Kill one process, and wait until the hub says that it is back."""
    before = len(hub.said("back", name))
    hub.kill(name)
    wait_until(f"{name} to be back", lambda: len(hub.said("back", name)) > before)


def test_what_is_killed_under_load_is_back_and_nothing_is_lost(hub, sender):
    """The short form of the story below: the receiver, the loader and the database once each."""
    hub.start("--no-dagster", "--no-notify")
    sender.start()
    for name in ("receiver", "loader", "postgres"):
        send_more(sender, 40)
        kill_and_wait(hub, name)
    send_more(sender, 40)

    assert [one["process"] for one in hub.said("died")] == ["receiver", "loader", "postgres"]
    assert_nothing_lost_nothing_twice(hub, sender)


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(hub, sender):
    """SIGTERM in the middle of requests: each is finished or not acknowledged, what is queued is loaded."""
    hub.start("--no-dagster", "--no-notify", "--loaders", "2", "--drain")
    sender.start()
    send_more(sender, 100)
    pids = list(hub.pids().values())

    assert hub.stop() == 0
    assert alive(pids) == [], "processes that were left behind, the database among them"
    assert [one["event"] for one in hub.events[-2:]] == ["stopping", "stopped"]
    assert hub.said("died") == []
    assert hub.ask("SELECT count(*) FROM inbox.queue") == 0

    acknowledged = set(sender.acknowledged)
    hub.start("--no-dagster", "--no-notify")
    assert_nothing_lost_nothing_twice(hub, sender)
    assert acknowledged <= sender.acknowledged


def test_a_killed_hub_leaves_nothing_behind_and_can_be_started_again(hub, sender):
    hub.start("--no-dagster", "--no-notify")
    sender.start()
    send_more(sender, 40)
    pids = list(hub.pids().values())
    assert hub.process is not None
    hub.process.kill()
    hub.process.wait(10)
    wait_until("all its processes to end", lambda: not alive(pids))
    hub.start("--no-dagster", "--no-notify")
    send_more(sender, 40)

    assert_nothing_lost_nothing_twice(hub, sender)


def test_it_comes_up_and_takes_leads_before_there_is_a_database(hub):
    """They wait in the spool, over a stop and a start, until there is one."""
    hub.given["HUB_DATABASE_URL"] = f"postgresql://hub@127.0.0.1:{free_port()}/hub"
    hub.start("--no-dagster", "--no-notify")
    answer = httpx.post(
        f"{hub.url}/hooks/{SOURCE}/{SECRET}",
        content=a_clue("7400000000000000001", random.Random(SEED)),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 200
    assert hub.stop() == 0
    hub.given.clear()
    hub.start("--no-dagster", "--no-notify")
    wait_until("the lead", lambda: hub.ask("SELECT count(*) FROM crm.lead") == 1)


def test_a_second_hub_on_the_same_home_is_refused_in_words(hub):
    hub.start("--no-dagster", "--no-notify")
    assert hub.process is not None
    second = subprocess.run(
        hub.command("--no-dagster"),
        env=hub.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode == 2
    assert f"hub up runs already on {hub.home} (pid {hub.process.pid})" in second.stderr


def test_a_wrong_setting_is_told_before_anything_starts(hub):
    (hub.home / "hub.yaml").write_text("sources: {a: {platform: douyinn}}\n", "utf-8")
    told = subprocess.run(
        hub.command(), env=hub.environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert told.returncode == 2
    assert "hub.yaml:1" in told.stderr
    assert not (hub.home / "log").exists()


# ---- the long form: Dagster, too, and how long each is away


class Clock:
    """Seconds from each kill until the process does its work again."""

    def __init__(self, hub: UpHub, ui: str) -> None:
        self.hub = hub
        self.ui = ui
        self.seconds: dict[str, list[float]] = {}

    def kill(self, name: str) -> None:
        """Kill it, wait until it works, write down how long that took."""
        works = self._works(name)
        killed_at = self.hub.kill(name)
        wait_until(f"{name} to work again", works, seconds=60)
        self.seconds.setdefault(name, []).append(time.monotonic() - killed_at)
        wait_until(f"{name} to be told", lambda: self.hub.pids()[name] and self._is_told(name))

    def table(self) -> str:
        """One line for each process."""
        lines = [f"{'killed':<18} {'times':>5} {'median s':>9} {'longest s':>10}"]
        for name, found in self.seconds.items():
            median = sorted(found)[len(found) // 2]
            lines.append(f"{name:<18} {len(found):>5} {median:>9.1f} {max(found):>10.1f}")
        return "\n".join(lines)

    def _is_told(self, name: str) -> bool:
        return len(self.hub.said("back", name)) == len(self.hub.said("died", name))

    def _works(self, name: str) -> Callable[[], bool]:
        """Whether `name` works again, judged by its work and not by its process."""
        if name == "receiver":
            return self._tolerant(lambda: httpx.get(f"{self.hub.url}/readyz").is_success)
        if name == "postgres":
            old = self.hub.pids()[name]
            return self._tolerant(lambda: not alive([old]) and self.hub.ask("SELECT 1"))
        if name == "dagster-webserver":
            return self._tolerant(lambda: httpx.get(f"{self.ui}/server_info").is_success)
        before = self._mark(name)
        return self._tolerant(lambda: self._mark(name) > before)

    def _mark(self, name: str) -> float:
        """Something that grows only when the process works."""
        if name.startswith("loader"):
            return float(self.hub.ask("SELECT coalesce(max(id), 0) FROM ops.loader"))
        if name == "notifier":
            seen = "SELECT extract(epoch FROM max(seen_at)) FROM ops.heartbeat WHERE process = 'notifier'"
            return float(self.hub.ask(seen) or 0)
        if name == "dagster-code":
            [entry] = self._graphql(_LOCATION)["workspaceOrError"]["locationEntries"]
            loaded = entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
            return float(entry["updatedTimestamp"]) if loaded else 0.0
        health = self._graphql(_HEARTBEAT)["instance"]["daemonHealth"]["daemonStatus"]
        return float(health["lastHeartbeatTime"] or 0)

    def _graphql(self, query: str) -> Any:
        return httpx.post(f"{self.ui}/graphql", json={"query": query}, timeout=10).json()["data"]

    @staticmethod
    def _tolerant(check: Callable[[], object]) -> Callable[[], bool]:
        def works() -> bool:
            try:
                return bool(check())
            except (httpx.HTTPError, sa.exc.SQLAlchemyError, KeyError, TypeError):
                return False

        return works


_LOCATION = (
    "{workspaceOrError{... on Workspace{locationEntries{updatedTimestamp"
    " locationOrLoadError{__typename}}}}}"
)
_HEARTBEAT = '{instance{daemonHealth{daemonStatus(daemonType: "SENSOR"){lastHeartbeatTime}}}}'
CHILDREN = (
    "receiver",
    "loader",
    "notifier",
    "postgres",
    "dagster-code",
    "dagster-webserver",
    "dagster-daemon",
)


@pytest.mark.chaos
@pytest.mark.dagster
def test_every_child_killed_in_turn_is_back_and_nothing_is_lost(hub, sender):
    """Prints seconds until each works again; the aim is ten."""
    ui = free_port()
    hub.start("--dagster-port", str(ui), within_s=180)
    clock = Clock(hub, f"http://127.0.0.1:{ui}")
    sender.start()
    for _ in range(3):
        for name in CHILDREN:
            send_more(sender, 40)
            clock.kill(name)
    send_more(sender, 40)
    sys.stderr.write(
        f"\n{clock.table()}\n{len(sender.acknowledged)} leads acknowledged,"
        f" {sender.refused} tries refused, load average {os.getloadavg()[0]:.1f}\n"
    )

    assert_nothing_lost_nothing_twice(hub, sender)
    pids = list(hub.pids().values())
    hub.let_go()
    assert hub.stop() == 0
    assert alive(pids) == []


@pytest.mark.chaos
def test_a_second_signal_waits_for_nobody(hub):
    hub.start("--no-dagster", "--no-notify")
    assert hub.process is not None
    os.kill(hub.pids()["loader"], signal.SIGSTOP)  # it will not listen to SIGTERM
    hub.process.terminate()
    wait_until("the stop", lambda: hub.said("stopping"))
    hub.process.terminate()

    assert hub.process.wait(12) == 0
