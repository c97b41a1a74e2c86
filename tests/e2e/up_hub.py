"""`hub up` as a real process: what it said, whom to kill, and what is left at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.database.embedded import EmbeddedServer
from hub.privacy.keyring import KeyRing, new_keys
from hub.steps.spool_drain import count_spooled
from hub.steps.verify import Verification, verify
from tests.e2e.hub_processes import CONFIG, SECRET, Sender, free_port, wait_until


@dataclass
class UpHub:
    """One home, and the `hub up` on it. It uses the embedded database."""

    home: Path
    keys: dict[str, Any] = field(default_factory=new_keys)
    port: int = field(default_factory=free_port)
    events: list[dict[str, Any]] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    given: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(mode=0o700)
        (self.home / "hub.yaml").write_text(CONFIG, "utf-8")
        self._reader: threading.Thread | None = None
        self._server: EmbeddedServer | None = None
        self._engine: sa.Engine | None = None

    @property
    def url(self) -> str:
        """Where its first receiver listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What `hub up` is given, and all its children."""
        return {
            **os.environ,
            "HUB_HOME": str(self.home),
            "HUB_CONFIG": str(self.home / "hub.yaml"),
            "HUB_KEYS": json.dumps(self.keys),
            "HUB_TEST_PUSH_SECRET": SECRET,
            **self.given,
        }

    def command(self, *options: str) -> list[str]:
        """The command line of `hub up`."""
        return [sys.executable, "-m", "hub.cli.main", "up", "--port", str(self.port), *options]

    def start(self, *options: str, within_s: float = 90.0) -> None:
        """Start it and wait for its table."""
        self.events.clear()
        with (self.home / "up.err").open("ab") as errors:
            self.process = subprocess.Popen(
                self.command("--json", *options),
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        wait_until("the table", lambda: self.said("ready"), seconds=within_s)

    def said(self, event: str, process: str | None = None) -> list[dict[str, Any]]:
        """What it said until now of one kind, of one process."""
        return [
            one
            for one in list(self.events)
            if one["event"] == event and process in (None, one.get("process"))
        ]

    def pids(self) -> dict[str, int]:
        """The processes by name, as they are now by its own words."""
        found = {one["process"]: one["pid"] for one in self.said("ready")[0]["processes"]}
        return found | {one["process"]: one["pid"] for one in self.said("back")}

    def kill(self, name: str) -> float:
        """kill -9; returns the instant (`time.monotonic`)."""
        os.kill(self.pids()[name], signal.SIGKILL)
        return time.monotonic()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(90)
        if self._reader is not None:
            self._reader.join(10)
        return status

    def close(self) -> None:
        """End whatever a failed test left."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        if self._reader is not None:
            self._reader.join(10)
        self.let_go()

    def let_go(self) -> None:
        """Give up our own hold on the database."""
        if self._engine is not None:
            self._engine.dispose()
        if self._server is not None:
            self._server.release()
        self._engine = self._server = None

    @property
    def engine(self) -> sa.Engine:
        """Our own way to the database; it is started if nobody has."""
        if self._engine is None:
            self._server = EmbeddedServer.start(self.home)
            # no pool: the test kills the server under its own connections, too
            self._engine = sa.create_engine(self._server.url, poolclass=sa.NullPool)
        return self._engine

    def ask(self, query: str) -> Any:
        """One value out of the database."""
        with self.engine.connect() as conn:
            return conn.execute(sa.text(query)).scalar()

    def rest(self, sender: Sender) -> Verification:
        """Stop sending, let everything drain, verify all of it."""
        sender.stop()
        wait_until("the spool to drain", self._is_drained, seconds=120)
        wait_until(
            "the queue to empty",
            lambda: not self.ask("SELECT EXISTS (SELECT 1 FROM inbox.queue)"),
            seconds=180,
        )
        ring = KeyRing.parse(self.keys)
        return verify(self.engine, ring, spool=self.home / "spool", deep=True)

    def _is_drained(self) -> bool:
        with self.engine.connect() as conn:
            return not count_spooled(conn, self.home / "spool")

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.events.append(json.loads(line))


def alive(pids: Sequence[int]) -> list[int]:
    """Those of the processes that run; one that only waits to be reaped does not."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            continue
        if state not in "ZX":
            found.append(pid)
    return found
