"""`hub receive` as a real process beside a real PostgreSQL: killed, stopped, hung; no lead lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from hub.database.embedded import EmbeddedServer
from hub.database.engine import make_engine
from hub.database.migrate import upgrade
from hub.inbox.sealing import unseal_envelope
from hub.privacy.keyring import KeyRing, new_keys

pytestmark = pytest.mark.postgres
SECRET = "secret-part-of-the-path"
CONFIG = """
spool_max_bytes: 20000000
sources:
  main: {platform: douyin, push: clue_push, signature: {scheme: static_path, secret_env: PUSH_SECRET}}
"""


def until(what: str, check: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Poll `check` until it is true."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not check():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s: {what}"
        pause.wait(0.02)


class Postgres:
    """A server of the test's own, to be stopped and started under the receiver."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server = EmbeddedServer.start(home, fsync=False)
        self.url = self._server.url
        with self.engine() as engine:
            upgrade(engine)

    @contextmanager
    def engine(self) -> Iterator[sa.Engine]:
        engine = make_engine(self.url)
        try:
            yield engine
        finally:
            engine.dispose()

    def stop(self) -> None:
        self._server.release()

    def start(self) -> None:
        self._server = EmbeddedServer.start(self._home, fsync=False)

    def pids(self) -> list[int]:
        """The server and its backends."""
        main = self._server.pid
        assert main is not None
        found = [main]
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) == main:
                    found.append(int(entry.name))
        return found

    def signal_all(self, number: signal.Signals) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass
class Hub:
    """One hub's home; `receiver` starts a process in it."""

    home: Path
    postgres: Postgres
    keys: str = field(default_factory=lambda: json.dumps(new_keys()))

    def __post_init__(self) -> None:
        self.home.mkdir()
        (self.home / "hub.yaml").write_text(CONFIG)

    @contextmanager
    def receiver(self) -> Iterator[Receiver]:
        log = (self.home / "receiver.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli.main", "receive", "--port", "0"],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "listening on" in line, (self.home / "receiver.log").read_text()
            yield Receiver(process, line.split()[-1])
        finally:
            process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
            log.close()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        return subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *command],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HUB_HOME": str(self.home),
            "HUB_CONFIG": str(self.home / "hub.yaml"),
            "HUB_DATABASE_URL": self.postgres.url,
            "HUB_KEYS": self.keys,
            "PUSH_SECRET": SECRET,
        }

    def loaded(self) -> Counter[str]:
        """Clue id → how often it is in the queue."""
        ring = KeyRing.parse(json.loads(self.keys))
        with self.postgres.engine() as engine, engine.connect() as conn:
            rows = conn.exec_driver_sql("SELECT item_id, sealed FROM inbox.queue").all()
        bodies = (unseal_envelope(ring, row.sealed, row.item_id).body for row in rows)
        return Counter(json.loads(body)["clueId"] for body in bodies)

    def law(self) -> tuple[int, int]:
        """Acknowledged, and rows of the ledger."""
        with self.postgres.engine() as engine, engine.connect() as conn:
            acknowledged = conn.exec_driver_sql("SELECT sum(deliveries) FROM inbox.acknowledged")
            ledger = conn.exec_driver_sql("SELECT count(*) FROM inbox.delivery")
            return int(acknowledged.scalar() or 0), int(ledger.scalar() or 0)

    def spool_files(self) -> list[Path]:
        return list((self.home / "spool").glob("*/*.spool"))

    def log(self) -> str:
        return (self.home / "receiver.log").read_text()


@dataclass
class Receiver:
    """A running `hub receive`."""

    process: subprocess.Popen[str]
    url: str

    def push(self, client: httpx.Client, clue: str) -> bool:
        """Whether the lead was acknowledged."""
        body = json.dumps({"clueId": clue, "name": "张三", "mobile": "19900001111"})
        with suppress(httpx.HTTPError):
            return client.post(f"{self.url}/hooks/main/{SECRET}", content=body).is_success
        return False

    def push_many(self, prefix: str, count: int) -> set[str]:
        """Clue ids that were acknowledged, sent by eight clients at once."""

        def send(worker: int) -> set[str]:
            with httpx.Client(timeout=20) as client:
                clues = [f"{prefix}-{number}" for number in range(worker, count, 8)]
                return {clue for clue in clues if self.push(client, clue)}

        with ThreadPoolExecutor(8) as pool:
            return set().union(*pool.map(send, range(8)))

    def ready(self) -> tuple[int, str]:
        answer = httpx.get(f"{self.url}/readyz", timeout=10)
        return answer.status_code, answer.json()["store"]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "pg")
    yield server
    server.signal_all(signal.SIGCONT)
    server.stop()


@pytest.fixture
def hub(tmp_path: Path, postgres: Postgres) -> Hub:
    return Hub(tmp_path / "hub", postgres)


def assert_each_once(hub: Hub, acknowledged: set[str]) -> None:
    found = hub.loaded()
    assert acknowledged <= found.keys()
    assert not [clue for clue, count in found.items() if count > 1]
    counted, ledger = hub.law()
    assert counted == ledger


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(hub: Hub) -> None:
    acknowledged: set[str] = set()
    for round_ in range(3):
        with hub.receiver() as receiver, ThreadPoolExecutor(1) as pool:
            sending = pool.submit(receiver.push_many, f"round{round_}", 2000)
            until("some are taken", lambda: hub.law()[1] > 200 * (round_ + 1))  # noqa: B023 -- called in this round only
            receiver.kill()
            acknowledged |= sending.result()

    assert len(acknowledged) > 300
    assert_each_once(hub, acknowledged)


def test_a_stopped_database_fills_the_spool_and_loses_nothing(
    hub: Hub, postgres: Postgres
) -> None:
    """Killed in the middle of it, and again while it drains."""
    with hub.receiver() as receiver:
        acknowledged = receiver.push_many("before", 40)
        postgres.stop()
        acknowledged |= receiver.push_many("away", 400)
        assert receiver.ready() == (200, "away")
        receiver.kill()
    assert len(acknowledged) == 440
    with hub.receiver() as receiver:
        assert receiver.ready() == (503, "never_seen")
        acknowledged |= receiver.push_many("still-away", 40)
        postgres.start()
        until("it drains", lambda: hub.law()[1] > 100)
        receiver.kill()
    with hub.receiver() as receiver:
        until("all is drained", lambda: not hub.spool_files())
        until("it is ready", lambda: receiver.ready() == (200, "up"))

    assert len(acknowledged) == 480
    assert_each_once(hub, acknowledged)


def test_a_hung_database_delays_an_answer_by_about_a_second(hub: Hub, postgres: Postgres) -> None:
    """Every process of the server is frozen in the middle of a load, then goes on."""
    with hub.receiver() as receiver:
        acknowledged = receiver.push_many("before", 100)
        postgres.signal_all(signal.SIGSTOP)
        started = time.monotonic()
        acknowledged |= receiver.push_many("hung", 200)
        took_s = time.monotonic() - started
        postgres.signal_all(signal.SIGCONT)
        until("all is drained", lambda: not hub.spool_files())
        until("the store is used again", lambda: receiver.ready() == (200, "up"))
        acknowledged |= receiver.push_many("after", 20)

    assert len(acknowledged) == 320
    assert took_s < 5
    assert_each_once(hub, acknowledged)


def test_sigterm_finishes_drains_and_exits_0(hub: Hub) -> None:
    with hub.receiver() as receiver, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(receiver.push_many, "last", 2000)
        until("some are taken", lambda: hub.law()[1] > 100)
        receiver.process.terminate()
        assert receiver.process.wait(20) == 0
        acknowledged = sending.result()

    assert_each_once(hub, acknowledged)
    assert list((hub.home / "spool").iterdir()) == []


def test_sigterm_ends_it_though_the_database_hangs(hub: Hub, postgres: Postgres) -> None:
    with hub.receiver() as receiver:
        acknowledged = receiver.push_many("before", 8)
        postgres.signal_all(signal.SIGSTOP)
        acknowledged |= receiver.push_many("hung", 8)
        receiver.process.terminate()
        assert receiver.process.wait(30) == 0
    postgres.signal_all(signal.SIGCONT)
    with hub.receiver():
        until("all is drained", lambda: not hub.spool_files())

    assert len(acknowledged) == 16
    assert_each_once(hub, acknowledged)


def test_a_chunked_body_without_end_is_cut_off(hub: Hub) -> None:
    with hub.receiver() as receiver:
        host, port = receiver.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            raw.sendall(
                f"POST /hooks/main/{SECRET} HTTP/1.1\r\nHost: hub\r\n"
                "Transfer-Encoding: chunked\r\n\r\n".encode()
            )
            chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
            with suppress(ConnectionError):
                for _ in range(64):
                    raw.sendall(chunk)
            answer = b""
            with suppress(ConnectionError):
                answer = raw.recv(65_536)

    assert b" 413 " in answer or answer == b""
    assert '"reason": "body_too_large"' in hub.log()


def test_nothing_of_a_lead_or_a_secret_reaches_the_log(hub: Hub) -> None:
    with hub.receiver() as receiver:
        acknowledged = receiver.push_many("quiet", 8)
        httpx.post(f"{receiver.url}/hooks/main/wrong-secret?phone=19900001111", content=b"x")
        httpx.get(f"{receiver.url}/hooks/19900001111?name=x")
        receiver.process.terminate()
        receiver.process.wait(20)

    lines = [json.loads(line) for line in hub.log().splitlines()]
    successes = [line for line in lines if line.get("status") == 200 and "count" in line]
    assert sum(line["count"] for line in successes) == len(acknowledged) == 8
    assert {line.get("reason") for line in lines} >= {"signature", "unknown_source"}
    for text in (SECRET, "wrong-secret", "19900001111", "张三", "quiet-"):
        assert text not in hub.log()


def test_sources_are_registered_at_the_start(hub: Hub, postgres: Postgres) -> None:
    """And a source key that stands for another platform than before is refused, in one line."""
    with hub.receiver() as receiver:
        assert receiver.ready() == (200, "up")
    with postgres.engine() as engine, engine.begin() as conn:
        found = conn.exec_driver_sql("SELECT source_key, platform FROM registry.source").all()
        assert [tuple(row) for row in found] == [("main", "douyin")]
        conn.exec_driver_sql("UPDATE registry.source SET platform = 'meituan'")

    done = hub.run("receive", "--port", "0")

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("hub: ")
    assert "main" in line


def test_a_port_in_use_is_one_clear_line(hub: Hub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = hub.run("receive", "--port", port)

    assert done.returncode == 2
    assert done.stderr == f"hub: cannot listen on 127.0.0.1:{port}: Address already in use\n"
