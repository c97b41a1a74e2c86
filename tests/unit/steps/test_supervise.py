"""The supervisor, tried on small processes of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.steps.running.supervise import ProcessEvent, ProcessSpec, Supervisor

ROOT = Path(__file__).parents[3]
# A child with a child of its own: ending the first alone would leave the second behind.
FAMILY = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)\n"
)
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "time.sleep(60)\n"
)
NAPS = "import time; print('up', flush=True); time.sleep(60)"


class Watched:
    """A supervisor of small programs, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[ProcessEvent] = []
        self.supervisor = Supervisor([], logs=folder, tell=self.events.append)

    def run(self, *specs: ProcessSpec) -> Supervisor:
        self.supervisor = Supervisor(specs, logs=self.folder, tell=self.events.append)
        self.supervisor.tick()
        return self.supervisor

    def said(self, name: str = "child") -> str:
        """What a child printed, as soon as it has printed anything."""
        path = self.folder / f"{name}.log"
        until(lambda: path.exists() and bool(path.read_text("utf-8").strip()))
        return path.read_text("utf-8").strip()

    def told(self) -> list[str]:
        return [event.what for event in self.events]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "log")
    yield made
    made.supervisor.kill()


def a_spec(program: str, name: str = "child", **changed: object) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", program), **changed)  # type: ignore[arg-type]  # any field


def until(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_ending_a_child_ends_its_children(watched):
    supervisor = watched.run(a_spec(FAMILY))
    grandchild = int(watched.said())
    supervisor.stop("")

    until(lambda: not is_alive(grandchild))


def test_a_death_ends_the_children_of_the_dead(watched):
    """A code server that is killed leaves runs behind that nobody watches."""
    supervisor = watched.run(a_spec(FAMILY))
    grandchild = int(watched.said())
    os.kill(supervisor.children[0].pid, signal.SIGKILL)
    until(lambda: supervisor.children[0].status() is not None)
    supervisor.tick()

    until(lambda: not is_alive(grandchild))


def test_a_child_that_does_not_listen_is_killed_when_its_time_is_over(watched):
    supervisor = watched.run(a_spec(STUBBORN, stop_within_s=0.0))
    assert watched.said() == "deaf"
    supervisor.stop("")

    assert supervisor.children[0].status() == -signal.SIGKILL


def test_a_second_signal_waits_for_nobody(watched):
    supervisor = watched.run(a_spec(STUBBORN, stop_within_s=3600.0))
    assert watched.said() == "deaf"
    supervisor.stop("", lambda: True)

    assert supervisor.children[0].status() == -signal.SIGKILL


def test_what_is_killed_is_back_at_once_and_both_are_told(watched):
    supervisor = watched.run(a_spec(NAPS))
    supervisor.tick()
    first = supervisor.children[0].pid
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.children[0].status() is not None)
    supervisor.tick()
    supervisor.tick()

    assert supervisor.children[0].pid != first
    assert supervisor.children[0].status() is None
    assert watched.told() == ["started", "died", "back"]
    assert watched.events[1].status == -signal.SIGKILL


def test_what_dies_at_every_start_is_told_as_crashing_and_goes_on(watched, monkeypatch):
    monkeypatch.setattr("hub.steps.running.restarts.FIRST_PAUSE_S", 0.0)
    supervisor = watched.run(a_spec("raise SystemExit(3)"))

    def seven_deaths() -> object:
        supervisor.tick()
        return watched.told().count("died") >= 7

    until(seven_deaths)

    assert watched.told().count("crashing") == 1
    assert supervisor.lives()["child"].crashing


def test_a_program_that_is_not_there_is_a_death_and_no_end_of_ours(watched):
    supervisor = watched.run(ProcessSpec("child", (str(ROOT / "no-such-program"),)))
    supervisor.tick()

    assert "died" in watched.told()
    assert watched.events[0].pid == 0


def test_one_process_waits_until_another_is_ready(watched, tmp_path):
    flag = tmp_path / "ready"
    first = a_spec(NAPS, "first", is_ready=flag.exists)
    supervisor = watched.run(a_spec(NAPS, "second", after="first"), first)
    supervisor.tick()
    second = supervisor.children[0]

    assert second.process is None
    assert not supervisor.is_ready

    flag.touch()
    until(lambda: (supervisor.tick(), second.process)[1])
    assert watched.said("second") == "up"


def test_groups_are_ended_one_after_the_other_and_what_is_ended_stays_so(watched):
    supervisor = watched.run(a_spec(NAPS, "a", group="one"), a_spec(NAPS, "b", group="two"))
    supervisor.stop("one")
    supervisor.tick()

    assert [child.status() is None for child in supervisor.children] == [False, True]
    assert "died" not in watched.told()


def test_children_listen_to_signals_even_if_we_were_started_deaf(tmp_path):
    """`… &` in a script makes a process ignore SIGINT, and Dagster hands SIGTERM to that handler."""
    program = (
        "import pathlib, sys\n"
        "from hub.steps.running.supervise import ProcessSpec, Supervisor, stop_signals\n"
        "show = 'import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)'\n"
        "spec = ProcessSpec('child', (sys.executable, '-c', show))\n"
        "with stop_signals():\n"
        f"    made = Supervisor([spec], logs=pathlib.Path({str(tmp_path)!r}), tell=lambda _: None)\n"
        "    made.tick()\n"
        "    made.children[0].process.wait()\n"
        "    made.children[0].finish_log()\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        timeout=60,
        check=True,
    )

    assert (tmp_path / "child.log").read_text("utf-8").strip() == "True"


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death"
)
def test_children_die_with_a_killed_parent(tmp_path):
    program = (
        "import pathlib, sys, time\n"
        "from hub.steps.running.supervise import ProcessSpec, Supervisor\n"
        f"spec = ProcessSpec('child', (sys.executable, '-c', {NAPS!r}))\n"
        f"made = Supervisor([spec], logs=pathlib.Path({str(tmp_path)!r}), tell=lambda _: None)\n"
        "made.tick()\n"
        "print(made.children[0].pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: (tmp_path / "child.log").exists())
    parent.kill()
    parent.communicate()

    until(lambda: not is_alive(child))
