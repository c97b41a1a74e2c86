"""`hub demo --once`: the command a newcomer runs first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.postgres, pytest.mark.dagster]
LEADS = 40


def hub_processes_of(home: Path) -> list[str]:
    """Command lines of processes that still name this home, in their arguments or environment."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or process.name == str(os.getpid()):
            continue
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in told:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def test_the_demo_accounts_for_every_lead_and_leaves_no_process_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ended = subprocess.run(
        [sys.executable, "-m", "hub.cli.main", "demo", "--once", "--leads", str(LEADS), "--json"],
        env={**os.environ, "HUB_HOME": str(home)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    result = json.loads(ended.stdout)

    assert result["holds"]
    assert (result["missing"], result["refused"]) == (0, 0)
    assert {row["source"]: row["difference"] for row in result["records"]} == {
        "douyin-feiyu": 0,
        "douyin-star": 0,
        "form-contact": 0,
    }
    story = result["story"]
    assert sum(row["loaded"] for row in result["records"]) == LEADS + 2 * story["changed"]
    assert (story["held"], story["missing"]) == (0, 0)
    assert story["gained"] == story["changed"] > 0
    assert "douyin_id" in story["question"]
    assert story["answer"] == "douyin_id=repoint"
    assert story["notice"]
    times = [seconds for seconds, _ in story["timeline"]]
    assert times == sorted(times)
    assert times[0] > 0
    assert hub_processes_of(home) == []


def test_a_demo_does_not_empty_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    kept = tmp_path / "demo" / "precious.txt"
    kept.parent.mkdir()
    kept.write_text("mine", "utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "hub.cli.main", "demo", "--once"],
        env={**os.environ, "HUB_HOME": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert b"no demo's folder" in ended.stderr
    assert kept.read_text("utf-8") == "mine"
