"""`hub demo --once`: the command a newcomer runs first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.postgres, pytest.mark.dagster]
LEADS = 40
SOURCES = {
    "douyin-feiyu", "douyin-star", "douyin-local", "douyin-laike", "xhs-form", "xhs-dm", "meituan",
    "wecom", "call-tccc", "call-moor", "call-tinet", "call-udesk", "form-contact", "form-fair",
    "expo-list",
}  # fmt: skip


BOOKS = {"contract-ledger", "crm", "office", "esign", "kingdee"}


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


def check(row: dict[str, Any]) -> None:
    """One source: all of its sender's list is there, and nothing else."""
    assert row["holds"], row
    assert row["sent"] == row["acknowledged"] > 0, row
    assert row["sent"] == row["leads"] + row["again"] + row["no_lead"] + row["rejected"], row
    wrong = ("held", "waiting", "refused", "missing", "unexpected", "lacking")
    assert [row[name] for name in wrong] == [0] * len(wrong), row
    assert 0 < row["p50_ms"] <= row["p95_ms"], row


def check_money(money: dict[str, Any]) -> None:
    """What was planted was found and no more; bridges arrive; shares are the deal's value."""
    assert money["holds"], money
    assert money["found"] == money["planted"]
    assert sum(money["planted"].values()) == 8
    assert money["documents"] > 90
    assert len(set(money["figures"].values())) == 4
    assert [bridge[-1]["fen"] for bridge in money["bridges"]] == [
        money["figures"]["签约额（统一口径）"]
    ] * 3
    assert sum(share[-1] for share in money["shares"]) == money["value_fen"] > 0


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
    rows = {row["source"]: row for row in result["sources"]}
    assert set(rows) == SOURCES
    for row in rows.values():
        check(row)
    assert {row["source"]: row["difference"] for row in result["records"]} == dict.fromkeys(
        SOURCES | BOOKS, 0
    )
    assert result["recorded"] == rows["meituan"]["leads"] > 0
    assert rows["expo-list"]["rejected"] > 0
    assert rows["xhs-form"]["no_lead"] == 1
    story = result["story"]
    assert sum(row["loaded"] for row in result["records"] if row["source"] in SOURCES) == sum(
        row["leads"] for row in rows.values()
    )
    check_money(result["money"])
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
