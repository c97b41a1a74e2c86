"""Promise 1: kill any process at any moment; no acknowledged lead is lost, none takes effect twice."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.database.embedded import EmbeddedServer
from hub.database.migrate import upgrade
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing, new_keys
from hub.steps.spool_drain import count_spooled
from hub.steps.verify import Verification, verify
from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.hub_processes import SOURCE, HubProcesses, Sender, wait_until

SEED = 20260217
pytestmark = [pytest.mark.postgres]


class Story:
    """A hub under load, and what is left when everything has come to rest."""

    def __init__(self, folder: Path, *, through_proxy: float = 0.0) -> None:
        self.server = EmbeddedServer.start(folder / "pg-home")
        # no pool: the test kills the server under its own connections, too
        self.engine = sa.create_engine(self.server.url, poolclass=sa.NullPool)
        upgrade(self.engine)
        self.keys = new_keys()
        url = self.server.url
        self.proxy: CuttingProxy | None = None
        if through_proxy:
            socket_file = f"{sa.make_url(url).query['host']}/.s.PGSQL.5432"
            self.proxy = CuttingProxy(socket_file, seed=SEED, cut_share=through_proxy)
            url = f"postgresql+psycopg://hub_app@127.0.0.1:{self.proxy.port}/hub?gssencmode=disable&sslmode=disable"
        self.hub = HubProcesses(folder / "hub-home", url, json.dumps(self.keys))
        self.sender = Sender(self.hub.url, SEED)
        self.killed: list[str] = []

    def start(self) -> None:
        """Receiver and two loaders up, the sender sending."""
        for role in ("receiver", "loader-1", "loader-2"):
            self.hub.start(role)
        wait_until("the receiver", self.hub.is_ready)
        self.sender.start()

    def wait_for_more(self, leads: int) -> None:
        """Go on when so many more leads were acknowledged."""
        wanted = len(self.sender.acknowledged) + leads
        wait_until(f"{leads} more leads", lambda: len(self.sender.acknowledged) >= wanted)

    def rest(self) -> Verification:
        """Stop sending, let everything drain, verify all of it."""
        self.sender.stop()
        if self.proxy:
            self.proxy._cut_share = 0.0
        wait_until("the spool to drain", lambda: not self._spooled(), seconds=120)
        wait_until("the queue to empty", self._is_empty, seconds=180)
        return verify(
            self.engine, KeyRing.parse(self.keys), spool=self.hub.home / "spool", deep=True
        )

    def loaded(self) -> set[UUID]:
        """Every lead in the CRM."""
        with self.engine.connect() as conn:
            return set(conn.execute(sa.text("SELECT id FROM crm.lead")).scalars())

    def close(self) -> None:
        """End the processes and the server."""
        self.hub.stop()
        if self.proxy:
            self.proxy.stop()
        self.engine.dispose()
        self.server.release()

    def _spooled(self) -> dict[str, int]:
        with self.engine.connect() as conn:
            return count_spooled(conn, self.hub.home / "spool")

    def _is_empty(self) -> bool:
        with self.engine.connect() as conn:
            return not conn.execute(sa.text("SELECT EXISTS (SELECT 1 FROM inbox.queue)")).scalar()


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(tmp_path)
    yield told
    told.close()


def assert_nothing_lost_nothing_twice(story: Story) -> None:
    found = story.rest()
    expected = {lead_id("default", SOURCE, "lead", clue, 0) for clue in story.sender.acknowledged}
    sent = {lead_id("default", SOURCE, "lead", clue, 0) for clue in story.sender.sent}
    loaded = story.loaded()

    assert len(story.sender.acknowledged) > 50
    assert expected - loaded == set(), "acknowledged leads that are not in the CRM"
    assert loaded - sent == set(), "leads that nobody sent"
    assert found.delivery_law.differences() == {}
    assert found.record_law.differences() == {}
    assert found.record_law.totals()["held"] == 0
    assert (found.stale, found.misplaced, found.unreadable) == (0, 0, [])


def kill_at_random(story: Story, kills: int, *, most_between: int) -> None:
    """Kill and restart one process after another, each after some more leads were acknowledged."""
    chance = random.Random(SEED)
    for number in range(kills):
        story.wait_for_more(chance.randrange(1, most_between))
        victim = chance.choice(["receiver", "loader-1", "loader-2", "postgres"])
        if victim == "postgres":
            pid = story.server.pid
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
            story.server.ensure()
        else:
            story.hub.kill(victim)
            story.hub.start(victim)
        story.killed.append(f"{number}:{victim}")


def test_a_few_kills_lose_nothing(story: Story) -> None:
    """The short form of the story below."""
    story.start()
    kill_at_random(story, 6, most_between=150)

    assert_nothing_lost_nothing_twice(story)


@pytest.mark.chaos
def test_fifty_kills_lose_nothing(story: Story) -> None:
    story.start()
    kill_at_random(story, 50, most_between=600)

    assert_nothing_lost_nothing_twice(story)


def test_leads_are_taken_while_postgresql_is_stopped(story: Story) -> None:
    """They go to the spool and are acknowledged; afterwards every one is loaded."""
    story.start()
    story.wait_for_more(30)
    stop_postgresql(story)
    story.wait_for_more(100)
    story.server.ensure()

    assert_nothing_lost_nothing_twice(story)


@pytest.mark.chaos
def test_leads_are_taken_for_a_minute_without_postgresql(story: Story) -> None:
    story.start()
    story.wait_for_more(30)
    stop_postgresql(story)
    threading.Event().wait(60)
    story.wait_for_more(1)
    story.server.ensure()

    assert_nothing_lost_nothing_twice(story)


@pytest.mark.parametrize("cuts", [10, pytest.param(200, marks=pytest.mark.chaos)])
def test_connections_cut_during_commit_double_nothing(tmp_path: Path, cuts: int) -> None:
    """The commit happened, its answer did not come: the same delivery must not count twice."""
    story = Story(tmp_path, through_proxy=0.05)
    try:
        story.start()
        proxy = story.proxy
        assert proxy is not None
        wait_until(
            f"{cuts} cuts", lambda: min(proxy.cuts, 4 * proxy.receiver_cuts) >= cuts, seconds=300
        )

        assert_nothing_lost_nothing_twice(story)
        ended = [role for role, one in story.hub.running.items() if one.poll() is not None]
        assert ended == [], "a cut connection is no reason to end"
    finally:
        story.close()


def stop_postgresql(story: Story) -> None:
    """End the server at once, as a power cut would."""
    pid = story.server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until("postgres to be gone", lambda: story.server.pid is None)
