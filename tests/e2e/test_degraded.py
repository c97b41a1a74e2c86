"""Bad weather is degraded service, not a crash loop: a full disk, a read-only database. Nothing is lost."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.database.engine import make_engine
from tests.e2e.hub_processes import SECRET, SOURCE, a_clue, wait_until
from tests.e2e.test_chaos import Story, assert_nothing_lost_nothing_twice

pytestmark = [pytest.mark.postgres]
DISK_BYTES = 1_048_576
Switch = Callable[[bool], None]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(tmp_path)
    yield told
    told.close()


@pytest.fixture
def disk(story: Story, tmp_path: Path) -> Iterator[Switch]:
    """Makes the receiver's disk full (True) or gives it room (False).

    As root a small file system of its own; else no file of the receiver may grow.
    """
    spool = story.hub.home / "spool"
    spool.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(spool)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    filler = spool / "filler"

    def switch(is_full: bool) -> None:
        if not is_mounted:
            limit = 0 if is_full else resource.RLIM_INFINITY
            pid = story.hub.running["receiver"].pid
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        elif is_full:
            free = os.statvfs(spool)
            filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 65_536))
        else:
            filler.unlink()

    yield switch
    story.hub.stop()
    if is_mounted:
        subprocess.run(["umount", str(spool)], check=True)


def answer(story: Story) -> httpx.Response:
    """What the receiver says to one push; it may take it."""
    story.sender.sent.add("7400000000999999999")
    return httpx.post(
        f"{story.hub.url}/hooks/{SOURCE}/{SECRET}",
        content=a_clue("7400000000999999999", random.Random(1)),
        timeout=5,
    )


def assert_all_live(story: Story) -> None:
    ended = [role for role, process in story.hub.running.items() if process.poll() is not None]
    assert ended == []


def test_a_full_disk_without_a_database_refuses_and_goes_on(story: Story, disk: Switch) -> None:
    """503 is the platform's word to come again; whoever was acknowledged is on the disk."""
    story.start()
    story.wait_for_more(20)
    disk(True)
    pid = story.server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until("a refusal", lambda: answer(story).status_code == 503)
    refused = story.sender.refused
    wait_until("many refusals", lambda: story.sender.refused > refused + 100)

    assert_all_live(story)
    assert answer(story).json()["error"] == "spool_broken"
    assert len(list((story.hub.home / "spool").glob("*/*.spool"))) < 10
    disk(False)
    story.wait_for_more(50)
    assert len(list((story.hub.home / "spool").glob("*/*.spool"))) > 0
    story.server.ensure()
    assert_nothing_lost_nothing_twice(story)
    assert_all_live(story)


def test_a_read_only_database_is_waited_for(story: Story) -> None:
    """As after a switch-over to a standby, or when the server's own disk is full."""
    story.start()
    start_notifier(story)
    story.wait_for_more(100)
    set_read_only(story, on=True)
    wait_until("the spool to be used", lambda: any((story.hub.home / "spool").glob("*/*.spool")))
    story.wait_for_more(200)
    before = len(story.loaded())
    story.wait_for_more(200)

    assert len(story.loaded()) == before
    assert_all_live(story)
    set_read_only(story, on=False)
    assert_nothing_lost_nothing_twice(story)
    assert_all_live(story)


def test_dead_loaders_are_told_and_their_return_ends_the_alert(story: Story) -> None:
    """The watchdog of a real notifier; the time of silence is passed by hand."""
    story.sender.rate = 10.0
    story.start()
    start_notifier(story)
    story.wait_for_more(20)
    for role in ("loader-1", "loader-2"):
        story.hub.kill(role)
    story.wait_for_more(20)
    write(story, "UPDATE ops.loader SET seen_at = seen_at - interval '31 seconds'")
    wait_until("the alert", lambda: open_keys(story) == {"loader"})

    story.hub.start("loader-1")
    wait_until("its end", lambda: "loader" not in open_keys(story))
    assert_nothing_lost_nothing_twice(story)


def open_keys(story: Story) -> set[str]:
    with story.engine.begin() as conn:
        return {
            str(row["dedupe_key"])
            for row in open_alerts(conn)
            if not str(row["dedupe_key"]).startswith(("disk:", "queue-age", "latency:"))
        }


def write(story: Story, statement: str) -> None:
    with story.engine.begin() as conn:
        conn.execute(sa.text(statement))


def set_read_only(story: Story, *, on: bool) -> None:
    admin = make_engine(story.server.admin_url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql("SET default_transaction_read_only = off")
        word = "on" if on else "off"
        conn.exec_driver_sql(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
        conn.execute(sa.text("SELECT pg_reload_conf()"))
    admin.dispose()


def start_notifier(story: Story) -> None:
    log = (story.hub.home / "notifier.log").open("ab")
    story.hub.running["notifier"] = subprocess.Popen(
        [sys.executable, "-m", "hub.cli.main", "notify"],
        env=dict(story.hub.environment), stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    log.close()
