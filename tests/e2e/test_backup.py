"""A backup of a hub under load, brought back on a new machine: everything, or a refusal in words."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from hub.database.embedded import EmbeddedServer
from hub.privacy.keyring import new_keys
from tests.e2e.hub_processes import (
    CONFIG,
    SECRET,
    SOURCE,
    HubProcesses,
    Sender,
    a_clue,
    wait_until,
)
from tests.some_alert import raise_some

pytestmark = pytest.mark.postgres
SEED = 20260218
PHONE = "19900107351"
KEPT_FILES = {"store.dump", "manifest.json", "hub.yaml"}


@dataclass
class Machine(HubProcesses):
    """A hub with a database of its own: everything is under its home."""

    @property
    def environment(self) -> Mapping[str, str]:
        given = dict(super().environment)
        del given["HUB_DATABASE_URL"], given["HUB_KEYS"]
        return {**given, "HUB_USER": "tester", "HUB_TEST_PUSH_SECRET": SECRET}

    def run(self, *words: str, expect: int = 0, seconds: float = 120) -> str:
        """What a command says."""
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *words],
            env=dict(self.environment), cwd=self.config.parent, capture_output=True, text=True,
            timeout=seconds, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def told(self, *words: str) -> dict[str, Any]:
        """The same of a command that prints one JSON object."""
        return dict(json.loads(self.run(*words, "--json")))

    def restore(self, backup: Path, *words: str, expect: int = 0) -> str:
        return self.run("restore", str(backup), *words, expect=expect)


def a_machine(home: Path) -> Machine:
    return Machine(home, "", "")


def an_empty_machine(folder: Path) -> Machine:
    """Nothing of a hub yet but its settings, which lie outside the home."""
    made = Machine.__new__(Machine)
    made.home, made.database_url, made.keys = folder / "home", "", ""
    made.port, made.running = 0, {}
    folder.mkdir()
    made.config = folder / "hub.yaml"
    made.config.write_text(CONFIG, "utf-8")
    return made


@dataclass(frozen=True)
class Backed:
    """A hub's past: what was backed up, what its machine had beside it, and what it was at the end."""

    folder: Path
    manifest: Mapping[str, Any]
    first: Machine
    sent_before: int
    loaded_at_end: int

    def bring_keys(self, machine: Machine, *, log: bool = True) -> None:
        """Put what a person keeps apart from the backups onto another machine."""
        machine.home.mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(self.first.home / "keys.json", machine.home / "keys.json")
        if log:
            shutil.copy2(self.first.home / "erasures.jsonl", machine.home / "erasures.jsonl")


def push(machine: Machine, clue: str, phone: str) -> None:
    body = json.loads(a_clue(clue, random.Random(1)))
    answer = httpx.post(f"{machine.url}/hooks/{SOURCE}/{SECRET}", json={**body, "mobile": phone})
    assert answer.status_code == 200


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backed]:
    """A hub under load is backed up; afterwards more leads come, and a person is erased."""
    folder = tmp_path_factory.mktemp("backup")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("HUB_")]:
            patch.delenv(name)
        first = a_machine(folder / "first")
        server = EmbeddedServer.start(first.home, fsync=False)
        engine = sa.create_engine(server.url)
        sender = Sender(first.url, SEED, rate=40)
        try:
            first.run("migrate")
            with engine.begin() as conn:
                wait_for_nobody(conn)
            first.start("receiver")
            first.start("loader-1")
            wait_until("the receiver", first.is_ready)
            push(first, "7400000000000000777", PHONE)
            sender.start(2)
            wait_until("leads to load", lambda: count(engine, "crm.lead") > 100)
            sent_before = len(sender.acknowledged)
            first.run("backup", str(folder / "backups"))
            after = len(sender.acknowledged) + 50
            wait_until("more leads", lambda: len(sender.acknowledged) > after)
            sender.stop()
            wait_until("the queue to empty", lambda: not count(engine, "inbox.queue"))
            first.run("erase", "--phone", PHONE, "--reason", "t-7", "--yes")
            [backup] = (folder / "backups").glob("hub-*")
            manifest = json.loads((backup / "manifest.json").read_text("utf-8"))
            yield Backed(backup, manifest, first, sent_before, count(engine, "crm.lead"))
        finally:
            sender.stop()
            first.stop()
            engine.dispose()
            server.release()


def wait_for_nobody(conn: sa.Connection) -> None:
    """An alert of which somebody waits to be told."""
    raise_some(conn, "spool-refused")
    conn.exec_driver_sql(
        "INSERT INTO alerts.message (alert_id, event, recipient, severity, sent_at)"
        " SELECT id, 'opened', v.recipient, 'critical', v.sent_at FROM alerts.alert,"
        " (VALUES ('waits', NULL), ('was-told', now())) AS v (recipient, sent_at)"
    )


def count(engine: sa.Engine, table: str) -> int:
    with engine.connect() as conn:
        return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608 -- a test's own names


def test_a_backup_is_of_one_moment_while_leads_come(backed: Backed) -> None:
    laws = backed.manifest["laws"]
    for law, whole in (("deliveries", "acknowledged"), ("records", "records")):
        others = sum(n for term, n in laws[law].items() if term != whole)
        assert laws[law][whole] == others > 0
    assert 100 < backed.manifest["leads"] < backed.loaded_at_end
    assert backed.manifest["leads"] == backed.manifest["rows"]["crm.lead"]
    assert {one.name for one in backed.folder.iterdir()} == KEPT_FILES
    assert [oct(one.stat().st_mode & 0o777) for one in backed.folder.iterdir()] == ["0o600"] * 3
    assert backed.folder.stat().st_mode & 0o777 == 0o700


def test_no_key_and_no_person_is_in_a_backup(backed: Backed) -> None:
    ring = json.loads((backed.first.home / "keys.json").read_text("utf-8"))
    secrets = [*ring["sealing"].values(), *ring["index"].values(), ring["id"], PHONE]

    for file in backed.folder.iterdir():
        data = file.read_bytes()
        assert [n for n, secret in enumerate(secrets) if secret.encode() in data] == []


def test_a_backup_goes_on_on_a_new_machine(backed: Backed, tmp_path: Path) -> None:
    """Restored, verified, the erased person gone, then leads load, replays work and new leads come."""
    second = a_machine(tmp_path / "second")
    backed.bring_keys(second)

    told = json.loads(second.restore(backed.folder, "--json"))

    assert told["content_hash_restored"] == backed.manifest["content_hash"]
    assert told["holds"]
    assert told["erased_anew"] == 1
    assert told["leads"] == backed.manifest["leads"] - 1
    assert (told["alerts_closed"], told["messages_given_up"]) == (1, 1)
    with EmbeddedServer.start(second.home, fsync=False) as server:
        engine = sa.create_engine(server.url)
        try:
            second.run("work", "--quiet", "--until-empty")
            assert second.told("verify", "--deep", "--replay")["holds"]
            assert nobody_is_told_of_the_past(engine)
            second.run("replay", "--source", SOURCE, "--since", "2026-01-01")
            second.start("receiver")
            second.start("loader-1")
            wait_until("the receiver", second.is_ready)
            loaded = count(engine, "crm.lead")
            push(second, "7400000000000000778", "19900107352")
            wait_until("a new lead", lambda: count(engine, "crm.lead") > loaded)
            wait_until("the replay", lambda: not count(engine, "inbox.queue"))
            assert second.told("verify", "--deep")["holds"]
        finally:
            second.stop()
            engine.dispose()


def nobody_is_told_of_the_past(engine: sa.Engine) -> bool:
    with engine.connect() as conn:
        waiting = conn.exec_driver_sql(
            "SELECT count(*) FROM alerts.message WHERE sent_at IS NULL AND given_up_at IS NULL"
        ).scalar_one()
        unsettled = conn.exec_driver_sql(
            "SELECT count(*) FROM alerts.alert WHERE settled_at IS NULL OR closed_at IS NULL"
        ).scalar_one()
    return (waiting, unsettled) == (0, 0)


@pytest.mark.parametrize("ring", [None, new_keys()], ids=["no keys", "other keys"])
def test_without_its_keys_a_backup_is_refused_and_nothing_is_written(
    backed: Backed, tmp_path: Path, ring: dict[str, object] | None
) -> None:
    second = an_empty_machine(tmp_path / "second")
    if ring is not None:
        second.home.mkdir(mode=0o700)
        (second.home / "keys.json").write_text(json.dumps(ring), "utf-8")
        (second.home / "keys.json").chmod(0o600)

    said = second.restore(backed.folder, expect=2)

    assert ("id key is not the one" if ring else "needs id key, index key 1, sealing") in said
    assert "nothing was written" in said
    assert not (second.home / "pg").exists()
    assert second.home.exists() == (ring is not None)


@pytest.mark.parametrize("harm", ["torn", "altered", "gone", "manifest"])
def test_a_harmed_backup_is_refused(backed: Backed, tmp_path: Path, harm: str) -> None:
    copy = tmp_path / backed.folder.name
    shutil.copytree(backed.folder, copy)
    dump = copy / "store.dump"
    data = dump.read_bytes()
    middle = len(data) // 2
    if harm == "torn":
        dump.write_bytes(data[:middle])
    elif harm == "altered":
        dump.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    elif harm == "gone":
        dump.unlink()
    else:
        (copy / "manifest.json").write_text('{"format": 1, "name": "hub-', "utf-8")
    second = an_empty_machine(tmp_path / "second")
    backed.bring_keys(second)

    said = second.restore(copy, expect=2)

    assert "take another backup" in said
    assert not (second.home / "pg").exists()


def test_a_backup_of_a_newer_hub_is_refused(backed: Backed, tmp_path: Path) -> None:
    copy = tmp_path / backed.folder.name
    shutil.copytree(backed.folder, copy)
    (copy / "manifest.json").write_text(
        json.dumps({**backed.manifest, "revision": "9999"}), "utf-8"
    )
    second = an_empty_machine(tmp_path / "second")
    backed.bring_keys(second)

    assert "9999, which this hub" in second.restore(copy, expect=2)


def test_an_erasure_log_that_is_older_than_the_backup_is_refused(
    backed: Backed, tmp_path: Path
) -> None:
    """Whoever was erased between would come back."""
    backed.first.run("backup", str(tmp_path / "later"), "--keep", "1")
    [later] = (tmp_path / "later").glob("hub-*")
    second = an_empty_machine(tmp_path / "second")
    backed.bring_keys(second, log=False)

    assert "not the newest log" in second.restore(later, "--dry-run", expect=2)
    second.restore(later, "--dry-run", "--erasure-log-lost")

    assert not (second.home / "pg").exists()


def test_a_restore_that_is_killed_leaves_a_store_that_serves_nobody_until_the_next(
    backed: Backed, tmp_path: Path
) -> None:
    second = a_machine(tmp_path / "second")
    backed.bring_keys(second)
    with EmbeddedServer.start(second.home, fsync=False) as server:
        engine = sa.create_engine(server.url)
        blocker = engine.connect()
        try:
            blocker.exec_driver_sql("CREATE SCHEMA inbox")  # pg_restore waits for the end of this
            killed = subprocess.Popen(
                [sys.executable, "-m", "hub.cli.main", "restore", str(backed.folder)],
                env=dict(second.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            wait_until("pg_restore to wait", lambda: restoring(engine))
            killed.send_signal(signal.SIGKILL)
            killed.wait(20)
            blocker.rollback()
            wait_until("pg_restore to end", lambda: not restoring(engine))

            assert "was not finished" in second.run("lead", "list", expect=2)
            assert "was not finished" in second.run("work", "--until-empty", expect=2)
            told = json.loads(second.restore(backed.folder, "--json"))
            assert told["content_hash_restored"] == backed.manifest["content_hash"]
            assert second.told("verify")["holds"]
            assert "not empty" in second.restore(backed.folder, expect=2)
        finally:
            blocker.close()
            engine.dispose()


def restoring(engine: sa.Engine) -> int:
    with engine.connect() as conn:
        return int(
            conn.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_restore'"
            ).scalar_one()
        )
