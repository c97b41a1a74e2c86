"""The supervisor of Dagster's processes, tried on small processes of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from hub.definitions.serve import (
    MAX_RESTARTS,
    Child,
    ProcessSpec,
    dagster_processes,
    main,
    write_workspace,
)
from hub.errors import ConfigError

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


def a_child(home: Path, program: str) -> Child:
    return Child(ProcessSpec("child", (sys.executable, "-c", program)), home)


def said(home: Path) -> str:
    """What the child printed, as soon as it has printed anything."""
    deadline = time.monotonic() + 20
    path = home / "console" / "child.log"
    while not (text := path.read_text("utf-8").strip()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return text


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_ending_a_child_ends_its_children(tmp_path):
    child = a_child(tmp_path, FAMILY)
    grandchild = int(said(tmp_path))
    child.ask_to_stop()
    child.end(time.monotonic() + 20)

    assert is_gone(grandchild)


def test_a_child_that_does_not_listen_is_ended_at_the_deadline(tmp_path):
    child = a_child(tmp_path, STUBBORN)
    assert said(tmp_path) == "deaf"
    child.ask_to_stop()
    child.end(time.monotonic())

    assert child.process.returncode == -signal.SIGKILL


def test_a_child_that_ends_is_started_again_but_not_for_ever(tmp_path):
    child = a_child(tmp_path, "raise SystemExit(3)")
    for _ in range(MAX_RESTARTS):
        child.process.wait()
        child.restart_if_dead()
    child.process.wait()

    with pytest.raises(ConfigError, match=r"child\.log"):
        child.restart_if_dead()


def test_children_listen_to_signals_even_if_we_were_started_deaf(tmp_path):
    """`… &` in a script makes a process ignore SIGINT, and Dagster hands SIGTERM to that handler."""
    program = (
        "import pathlib, signal, sys, time\n"
        "from hub.definitions.serve import MAX_RESTARTS, Child, ProcessSpec, _stop_signals\n"
        "show = 'import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)'\n"
        "with _stop_signals():\n"
        f"    child = Child(ProcessSpec('child', (sys.executable, '-c', show)), pathlib.Path({str(tmp_path)!r}))\n"
        "    child.process.wait()\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        timeout=60,
        check=True,
    )

    assert said(tmp_path) == "True"


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death"
)
def test_children_die_with_a_killed_parent(tmp_path):
    program = (
        "import os, pathlib, signal, sys, time\n"
        "from hub.definitions.serve import MAX_RESTARTS, Child, ProcessSpec\n"
        "naps = 'import time; print(1, flush=True); time.sleep(60)'\n"
        "spec = ProcessSpec('child', (sys.executable, '-c', naps))\n"
        f"child = Child(spec, pathlib.Path({str(tmp_path)!r}))\n"
        "print(child.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert said(tmp_path) == "1"
    parent.kill()
    parent.communicate()

    assert is_gone(child)


def test_both_processes_load_the_same_code_location(tmp_path):
    commands = [spec.argv for spec in dagster_processes(tmp_path, 3000, read_only=True)]
    location = yaml.safe_load(write_workspace(tmp_path).read_text("utf-8"))["load_from"][0]

    assert location["python_module"]["module_name"] == "hub.definitions"
    assert all(str(tmp_path / "workspace.yaml") in command for command in commands)
    assert "--read-only" in commands[0]
    assert "127.0.0.1" in commands[0]


def test_a_wrong_database_is_a_line_and_not_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_DAGSTER_DATABASE_URL", "mysql://u:secret@h/d")

    assert main(["--port", "3000", "--home", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "hub: the Dagster database must be PostgreSQL, with a host and a name\n"
    )


def test_starting_dagster_needs_no_dagster(tmp_path):
    """Two seconds of a core that the demo does not have."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, hub.definitions.serve; print('dagster' in sys.modules)",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == "False"
