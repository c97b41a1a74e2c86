"""`hub reconcile` as people call it: what it prints, what it writes, and with which status it ends."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.cli.break_output import yuan
from hub.cli.main import main
from hub.privacy.keyring import KeyRing
from tests.store.test_reconcile import Office, a_deal

pytestmark = pytest.mark.postgres
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def office(engine: sa.Engine, keyring: KeyRing) -> Iterator[Office]:
    made = Office(engine, keyring)
    yield made
    made.loader.close()


@pytest.fixture
def run(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `hub reconcile …` in this process; status and what was printed."""

    def key(byte: int) -> str:
        return base64.b64encode(bytes([byte]) * 32).decode()

    ring = {"active": 1, "sealing": {"1": key(1)}, "index": key(2), "id": key(3)}
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_KEYS", json.dumps(ring))
    monkeypatch.setenv("HUB_CONFIG", str(tmp_path / "hub.yaml"))

    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["hub", "reconcile", *words])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return command


def test_a_clerk_runs_looks_asks_why_answers_and_closes(office: Office, run: Run, tmp_path: Path):
    company = a_deal(party_name="演示公司")
    company.invoice(company.docs[0], 1_200_00)
    company.receipt(company.docs[0], 300_00, loose=True)
    office.push(company.docs)

    status, told = run("run")
    assert status == 0
    assert "full run of 6 documents" in told
    _, told = run("breaks", "--json")
    [found] = json.loads(told)
    assert (found["kind"], found["amount_fen"], found["owner"]) == ("invoice_over", 200_00, None)
    assert "演示公司" not in run("explain", "HT-1")[1]
    status, told = run("explain", "HT-1")
    assert status == 0
    assert "开票超合同额 200.00" in told
    assert "发票合计 1,200.00" in told
    assert run("explain", "HT-404")[0] == 2

    [asked] = json.loads(run("questions", "--json")[1])
    assert run("answer", asked["id"][:8], "HT-1", "--reason", "first part")[0] == 0
    assert json.loads(run("run", "--json")[1])[0]["questions"] == 0
    assert run("close", found["id"], "--reason", "agreed")[0] == 0
    assert json.loads(run("breaks", "--json")[1]) == []
    events = json.loads(run("history", found["id"], "--json")[1])
    assert [event["event"] for event in events] == ["opened", "closed"]

    for ending in ("csv", "xlsx", "html"):
        out = tmp_path / f"breaks.{ending}"
        assert run("breaks", "--state", "closed", "--out", str(out))[0] == 0
        assert out.stat().st_size > 100
    assert "invoice_over" not in (tmp_path / "breaks.csv").read_text("utf-8-sig")
    assert "开票超合同额" in (tmp_path / "breaks.csv").read_text("utf-8-sig")
    assert run("breaks", "--out", str(tmp_path / "breaks.pdf"))[0] == 2
    assert run("breaks", "--state", "nonsense")[0] == 2
    assert run("breaks", "--kind", "nonsense")[0] == 2


def test_fen_are_shown_as_yuan_without_a_float():
    assert [yuan(fen) for fen in (None, 0, 5, -5, 123_456_789)] == [
        "", "0.00", "0.05", "-0.05", "1,234,567.89",
    ]  # fmt: skip
