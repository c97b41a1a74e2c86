"""A hub as real processes: receiver, loaders, PostgreSQL; and a sender that keeps its own list."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

SOURCE = "douyin_main"
SECRET = "path-secret-for-tests"
CONFIG = f"""
sources:
  {SOURCE}:
    platform: douyin
    push: clue_push
    signature: {{scheme: static_path, secret_env: HUB_TEST_PUSH_SECRET}}
"""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, check: object, *, seconds: float = 60.0) -> None:
    """Poll `check` (a callable) until it is true."""
    assert callable(check)
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for: {what}")
        pause.wait(0.05)


@dataclass
class HubProcesses:
    """One hub's processes by role; `kill` ends one at once, `start` brings it (back) up."""

    home: Path
    database_url: str
    keys: str
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.config = self.home / "hub.yaml"
        if not self.config.exists():
            self.config.write_text(CONFIG, "utf-8")

    @property
    def environment(self) -> Mapping[str, str]:
        """What every process of this hub is given."""
        return {
            **os.environ,
            "HUB_HOME": str(self.home),
            "HUB_CONFIG": str(self.config),
            "HUB_DATABASE_URL": self.database_url,
            "HUB_KEYS": self.keys,
            "HUB_TEST_PUSH_SECRET": SECRET,
        }

    def start(self, role: str) -> None:
        """Start `receiver` or `loader-N`."""
        command = ["work", "--quiet"]
        if role == "receiver":
            command = ["receive", "--port", str(self.port)]
        log = (self.home / f"{role}.log").open("ab")
        self.running[role] = subprocess.Popen(
            [sys.executable, "-m", "hub.cli.main", *command],
            env=dict(self.environment), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        log.close()

    def kill(self, role: str) -> None:
        """kill -9, and wait until it is gone."""
        process = self.running.pop(role)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        """End everything, kindly first."""
        for process in self.running.values():
            process.terminate()
        for role, process in list(self.running.items()):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            del self.running[role]

    def is_ready(self) -> bool:
        """Whether the receiver takes leads."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def url(self) -> str:
        """The receiver's address."""
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Sender:
    """A platform that pushes leads from several threads, retries what failed, and remembers what was acknowledged."""

    url: str
    seed: int
    rate: float = 0.0
    duplicate_share: float = 0.1
    acknowledged: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, threads: int = 4) -> None:
        """Send until `stop`."""
        for number in range(threads):
            thread = threading.Thread(target=self._run, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Send no new leads; every lead under way is tried until it is acknowledged or 20 tries are over."""
        self._stop.set()
        for thread in self._threads:
            thread.join(90)

    def _run(self, number: int) -> None:
        chance = random.Random(self.seed * 1000 + number)
        with httpx.Client(timeout=5) as client:
            count = 0
            while not self._stop.is_set():
                clue = f"{7_400_000_000_000_000_000 + number * 10_000_000 + count}"
                count += 1
                body = a_clue(clue, chance)
                self._deliver(client, clue, body)
                if chance.random() < self.duplicate_share:
                    self._deliver(client, clue, body)
                if self.rate:
                    self._stop.wait(chance.expovariate(self.rate))

    def _deliver(self, client: httpx.Client, clue: str, body: bytes) -> None:
        with self._lock:
            self.sent.add(clue)
        for _ in range(20):
            try:
                answer = client.post(
                    f"{self.url}/hooks/{SOURCE}/{SECRET}",
                    content=body,
                    headers={"content-type": "application/json"},
                )
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                with self._lock:
                    self.acknowledged.add(clue)
                return
            with self._lock:
                self.refused += 1
            if self._stop.wait(0.1):
                threading.Event().wait(0.3)


def a_clue(clue_id: str, chance: random.Random) -> bytes:
    """A 飞鱼 push as a rule with our own names sends it; every fifth phone is shared with another lead."""
    phone = f"199000{chance.randrange(5000):05d}"
    return json.dumps(
        {
            "clueId": clue_id,
            "name": chance.choice(["张三", "李四", "测试😀"]),
            "mobile": phone,
            "create_time": "2026-02-17 08:00:00",
            "promotion_id": "7300000000000000123",
        },
        ensure_ascii=False,
    ).encode()
