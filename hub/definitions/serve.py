"""`python -m hub.definitions.serve`: Dagster's webserver and daemon, started and ended together.

Nothing is left behind: each child leads a process group that is ended with it, and dies with us even
if we are killed. This module imports no dagster: only the processes that it starts do.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from hub.definitions.instance import write_instance
from hub.errors import ConfigError
from hub.settings import config_path
from hub.settings import home as hub_home

STOP_WITHIN_S = 10.0
POLL_S = 0.25
MAX_RESTARTS = 5
_PR_SET_PDEATHSIG = 1

log = logging.getLogger("hub.dagster")


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to start: a name for people and log files, its command line."""

    name: str
    argv: tuple[str, ...]


class Child:
    """One started process and its group; its output goes to a file, anew at each start of the hub."""

    def __init__(self, spec: ProcessSpec, home: Path) -> None:
        self.spec = spec
        self.restarts = 0
        self._home = home
        self._log = home / "console" / f"{spec.name}.log"
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        self.process = self._start()

    def restart_if_dead(self) -> None:
        """Start it again if it ended by itself.

        Raises:
            ConfigError: it ended too often; the text names its log.
        """
        status = self.process.poll()
        if status is None:
            return
        self._end_group(signal.SIGKILL)
        if self.restarts >= MAX_RESTARTS:
            raise ConfigError(f"Dagster's {self.spec.name} ends by itself; see {self._log}")
        self.restarts += 1
        log.warning("Dagster's %s ended with status %d; started again", self.spec.name, status)
        self.process = self._start()

    def ask_to_stop(self) -> None:
        """Tell the process to end in good order."""
        if self.process.poll() is None:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic), then end whatever is left of the group."""
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.info("Dagster's %s did not end in time", self.spec.name)
        self._end_group(signal.SIGKILL)
        self.process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 -- our own command line
                self.spec.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment(self._home),
                preexec_fn=_die_with_parent,
            )

    def _end_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            log.debug("nothing is left of Dagster's %s", self.spec.name)


def dagster_processes(
    home: Path, port: int, *, host: str = "127.0.0.1", read_only: bool = False
) -> list[ProcessSpec]:
    """What makes up a running Dagster: the webserver (with the UI) and the one daemon."""
    workspace = ("-w", str(home / "workspace.yaml"))
    python = (sys.executable, "-m")
    quiet = ("--log-level", "warning", "--code-server-log-level", "warning")
    address = ("-h", host, "-p", str(port), *(("--read-only",) if read_only else ()))
    return [
        ProcessSpec("webserver", (*python, "dagster_webserver", *workspace, *address, *quiet)),
        ProcessSpec("daemon", (*python, "dagster._daemon", "run", *workspace, *quiet)),
    ]


def environment(home: Path) -> dict[str, str]:
    """The children's environment: places are absolute, whatever folder a run works in."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(home.absolute()),
        "HUB_HOME": str(hub_home()),
        "HUB_CONFIG": str(config_path()),
        "PYTHONUNBUFFERED": "1",
    }


def write_workspace(home: Path) -> Path:
    """The same code location as the project's own `workspace.yaml`, for a hub that is installed."""
    module = {
        "module_name": "hub.definitions",
        "working_directory": str(Path.cwd()),
        "location_name": "lead-hub",
    }
    path = home / "workspace.yaml"
    path.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}), "utf-8")
    return path


def serve(home: Path, port: int, *, host: str = "127.0.0.1", read_only: bool = False) -> None:
    """Run Dagster until SIGTERM or SIGINT; says on standard output when the UI answers.

    Raises:
        ConfigError: a process ends again and again, or `dagster.yaml` cannot be written.
    """
    home = home.absolute()
    write_instance(home, postgres_url=os.environ.get("HUB_DAGSTER_DATABASE_URL") or None)
    write_workspace(home)
    _make_storage(home)
    with _stop_signals() as stopped:
        children = [
            Child(spec, home)
            for spec in dagster_processes(home, port, host=host, read_only=read_only)
        ]
        try:
            _watch(children, f"http://{host}:{port}", stopped)
        finally:
            _end(children)


def _make_storage(home: Path) -> None:
    """Make Dagster's SQLite files before anybody uses them.

    Its processes make them when they are missing; two at one moment write two schema versions, and the
    storage cannot be read any more ("more than one head present").
    """
    if (home / "history").exists() or os.environ.get("HUB_DAGSTER_DATABASE_URL"):
        return
    made = subprocess.run(
        (sys.executable, "-m", "dagster", "instance", "migrate"),
        env=environment(home),
        capture_output=True,
        check=False,
    )
    if made.returncode:
        raise ConfigError(f"Dagster's storage under {home} cannot be made; is the disk full?")


def is_ready(url: str) -> bool:
    """Whether the UI answers."""
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=2) as answer:  # noqa: S310 -- our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _watch(children: Sequence[Child], url: str, stopped: list[int]) -> None:
    announced = False
    while not stopped:
        if not announced and is_ready(url):
            announced = True
            sys.stdout.write(f"dagster: {url}\n")
            sys.stdout.flush()
        for child in children:
            child.restart_if_dead()
        time.sleep(POLL_S)


def _end(children: Sequence[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + STOP_WITHIN_S
    for child in children:
        child.end(deadline)


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that fills with the signals that ask us to stop.

    Started with `&` from a script we inherit an ignored SIGINT, and so would the children, who then
    ignore SIGTERM, too (Dagster hands it to the same handler): a handler of ours undoes both.
    """
    received: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        received.append(number)

    old: dict[signal.Signals, Any] = {
        number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _die_with_parent() -> None:
    """Runs in the child: even a killed parent takes it along (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit status 0 after a signal, 2 if Dagster cannot run."""
    parser = argparse.ArgumentParser(prog="python -m hub.definitions.serve", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="where the UI listens")
    parser.add_argument("--host", default="127.0.0.1", help="the UI has no login: keep it local")
    parser.add_argument("--home", type=Path, help="DAGSTER_HOME; default: dagster/ in HUB_HOME")
    parser.add_argument("--read-only", action="store_true", help="a UI for viewers")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        serve(
            given.home or hub_home() / "dagster",
            given.port,
            host=given.host,
            read_only=given.read_only,
        )
    except ConfigError as error:
        sys.stderr.write(f"hub: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
