"""`hub drift` as people call it: what it prints, and with which status it ends."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.cli.main import main
from hub.drift.kinds import Kind
from hub.privacy.keyring import KeyRing
from tests.store.drift_hub import DriftHub, a_new_star_push, a_star_push, opened_hub

pytestmark = pytest.mark.postgres
Run = Callable[..., tuple[int, str]]
CONFIG = """
merchants: [{id: default}, {id: agency}]
sources:
  star: {platform: douyin, push: star_push, owner: 运营}
  agency-star: {platform: douyin, push: star_push, merchant: agency}
"""


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[DriftHub]:
    yield from opened_hub(engine, keyring)


@pytest.fixture
def run(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `hub drift …` in this process, on the test's database and keys; status and what was printed."""

    def key(byte: int) -> str:
        return base64.b64encode(bytes([byte]) * 32).decode()

    ring = {"active": 1, "sealing": {"1": key(1)}, "index": key(2), "id": key(3)}
    (tmp_path / "hub.yaml").write_text(CONFIG, "utf-8")
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_KEYS", json.dumps(ring))
    monkeypatch.setenv("HUB_CONFIG", str(tmp_path / "hub.yaml"))

    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["hub", "drift", *words])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return command


def as_json(found: tuple[int, str]) -> Any:
    status, text = found
    assert status == 0, text
    return json.loads(text)


def test_the_way_from_a_finding_to_its_notice(hub: DriftHub, run: Run) -> None:
    hub.load([a_star_push(n) for n in range(3)] + [a_new_star_push(n) for n in range(3, 30)])
    hub.find_founding()

    [finding] = [f["id"] for f in as_json(run("list", "--json")) if f["pointer"] == "/douyin_id"]
    shown = as_json(run("show", finding[:7], "--json"))
    status, asked = run("publish", finding, "--reason", "x", "--no-wait")
    tried = as_json(run("try", finding, "--answer", "douyin_id=repoint", "--json"))
    dry = run("publish", finding, "--reason", "x", "--answer", "douyin_id=repoint", "--dry-run")
    done = run(
        "publish",
        finding,
        "--reason",
        "x",
        "--answer",
        "douyin_id=repoint",
        "--by",
        "anna",
        "--no-wait",
    )
    again = run("publish", finding, "--reason", "x")
    after = run("show", finding)

    assert [q["id"] for q in shown["proposal"]["questions"]] == ["douyin_id"]
    assert (status, "--answer douyin_id=repoint|extension|ignore" in asked) == (2, True)
    assert tried["fields"]["douyin_id"] == {"gained": 27}
    assert dry[0] == 0
    assert "would publish douyin/star_push/1-0-1" in dry[1]
    assert done[0] == 0
    assert "douyin/star_push/1-0-1 with raw/douyin/star_push/1-1-0 is live" in done[1]
    assert again[0] == 0
    assert "solved already: by douyin/star_push/1-0-1" in again[1]
    assert "《字段变更须知》" in after[1]
    assert run("list") == (0, "no open findings\n")


def test_a_try_that_loses_a_value_ends_with_one(hub: DriftHub, run: Run) -> None:
    hub.load([a_star_push(n) for n in range(2)])
    finding = hub.find(Kind.FIELD_MOVED, "/name", to="/order_id").id

    tried = run("try", finding)
    refused = run("publish", finding, "--reason", "x", "--no-wait")
    allowed = run("publish", finding, "--reason", "x", "--no-wait", "--allow-loss")

    assert tried[0] == 1
    assert "loss: 2 leads would lose a value: name (2)" in tried[1]
    assert refused[0] == 1
    assert "not published: 2 leads would lose a value" in refused[1]
    assert run("try", finding, "--allow-loss")[0] == 0
    assert allowed[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "zzz"), "no finding 'zzz'"),
        (("list", "--state", "lost"), "none of suspected, open"),
        (
            ("spec", "nothing.csv", "--platform", "douyin", "--entity", "star_push"),
            "nothing.csv: No such",
        ),
    ],
)
def test_bad_use_ends_with_two_and_one_line(
    hub: DriftHub, run: Run, words: tuple[str, ...], said: str
) -> None:
    status, text = run(*words)

    assert status == 2
    assert said in text
    assert len(text.strip().splitlines()) == 1


def test_a_dismissed_finding_says_so(hub: DriftHub, run: Run) -> None:
    hub.load([a_new_star_push(1)])
    finding = hub.find(Kind.FIELD_ADDED, "/fan_level").id

    assert run("dismiss", finding, "--reason", "known", "--by", "anna")[0] == 0
    status, text = run("try", finding)

    assert status == 0
    assert "dismissed" in text
    assert "by anna: known" in text


def test_silence_needs_no_mapping(hub: DriftHub, run: Run) -> None:
    finding = hub.find(Kind.SILENCE, "").id

    status, text = run("show", finding)

    assert status == 0
    assert "no change of contract or mapping follows" in text
