"""The quarrel on a real store: three amounts of one month, and the bridge from each to the agreed one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from hub.cli.main import build
from hub.privacy.keyring import KeyRing
from hub.reconciliation.bridge import Bridge, Cause, build_bridge
from hub.reconciliation.months import Month
from hub.steps.finance.metrics import Figures, business_day, compute_and_keep, load_dictionary
from tests.store.figures_hub import FiguresHub
from tests.store.quarrel import FEN, WAN, quarrel

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 2, 20, 2, 0, tzinfo=UTC)
JANUARY = Month(2026, 1)
WAN_FEN = WAN * FEN


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[FiguresHub]:
    made = FiguresHub(engine, keyring)
    counts = made.post(*quarrel())
    assert counts == {"loaded": len(quarrel())}
    yield made
    made.loader.close()


@pytest.fixture
def figures(hub: FiguresHub) -> Figures:
    names = list(load_dictionary(hub.settings))
    return compute_and_keep(hub.engine, hub.settings, "default", names, JANUARY, NOW)


def bridge(figures: Figures, name: str) -> Bridge:
    agreed = figures.by_name["signed_agreed"]
    return build_bridge(figures.by_name[name], agreed, figures.papers, business_day(NOW))


def in_wan(found: Bridge) -> dict[str, int]:
    return {cause.value: fen // WAN_FEN for cause, (_, fen) in found.by_cause().items()}


def test_three_departments_have_three_amounts_and_the_agreed_one_is_a_fourth(figures: Figures):
    amounts = {
        name: figures.by_name[name].fen // WAN_FEN
        for name in ("signed_sales", "signed_finance", "signed_crm", "signed_agreed")
    }

    assert amounts == {
        "signed_sales": 1200,
        "signed_finance": 830,
        "signed_crm": 960,
        "signed_agreed": 650,
    }


def test_sales_counted_what_is_no_sale(figures: Figures):
    found = bridge(figures, "signed_sales")

    assert in_wan(found) == {
        "framework": -250,
        "unsealed": -120,
        "stage_missing": -80,
        "lock_missing": -100,
    }
    [locked] = [item for item in found.items if item.cause is Cause.LOCK_MISSING]
    assert (locked.contract, locked.detail) == ("HT-6", ("法务已审核通过", "收款账户已备案"))
    assert found.residual == 0


def test_finance_counted_by_the_day_of_the_invoice(figures: Figures):
    found = bridge(figures, "signed_finance")

    assert in_wan(found) == {
        "framework": -40,
        "lock_missing": -100,
        "signed_earlier": -200,
        "invoiced_later": 200,
        "invoice_without_contract": -50,
        "invoice_amount_differs": 10,
    }
    assert found.residual == 60 * WAN_FEN


def test_crm_counted_what_somebody_said(figures: Figures):
    found = bridge(figures, "signed_crm")

    assert in_wan(found) == {
        "voided": -20,
        "unsealed": -120,
        "lock_missing": -100,
        "signed_earlier": -30,
        "stage_without_contract": -30,
        "stage_amount_differs": -10,
    }


@pytest.mark.parametrize("name", ["signed_sales", "signed_finance", "signed_crm", "received"])
def test_every_bridge_arrives_to_the_fen(figures: Figures, name: str):
    found = bridge(figures, name)

    assert sum(item.fen for item in found.items) == found.difference
    assert found.left.fen + found.difference == found.right.fen


def test_another_currency_is_counted_apart_and_never_summed(figures: Figures):
    apart = figures.by_name["signed_finance"].apart

    assert {money: (one.documents, one.amount) for money, one in apart.items()} == {
        "USD": (1, 1 * WAN_FEN)
    }
    assert figures.by_name["signed_crm"].apart["USD"].documents == 1


def test_what_metrics_came_to_is_kept_with_their_version(hub: FiguresHub, figures: Figures):
    rows = hub.rows(
        "SELECT amount_fen, version, digest, apart FROM finance.metric_value"
        " WHERE metric = 'signed_finance' AND period = '2026-01'"
    )
    metric = figures.by_name["signed_finance"].metric

    assert rows == [
        (
            830 * WAN_FEN,
            metric.version,
            metric.digest,
            {"USD": {"documents": 1, "amount": 1 * WAN_FEN}},
        )
    ]


@pytest.fixture
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands see the test's database."""
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_CONFIG", str(tmp_path / "hub.yaml"))


def run(*words: str) -> str:
    done = CliRunner().invoke(build(words[0]), words)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("hub", "environment")
def test_hub_export_bridge_shows_all_amounts_side_by_side_and_every_contract(tmp_path: Path):
    out = tmp_path / "bridge.csv"
    told = run("export", "bridge", "--month", "2026-01", "--out", str(out))
    rows = list(csv.reader(io.StringIO(out.read_text("utf-8-sig"))))

    assert told.strip().endswith("bridge of default 2026-01")
    assert next(row[1] for row in rows if row and row[0] == "签约额·销售口径") == "12000000.00"
    assert ["签约额·财务口径", "HT-2", "", "在更晚月份开票", "2000000.00", ""] in rows
    assert [
        "签约额·销售口径",
        "HT-6",
        "",
        "三重锁缺项",
        "-1000000.00",
        "缺：法务已审核通过、收款账户已备案",
    ] in rows
    assert [row[0] for row in rows if row and row[0].startswith("口径 签约额（统一口径）")]


@pytest.mark.usefixtures("hub", "environment")
def test_hub_metric_says_what_a_figure_means_and_comes_to():
    value = json.loads(run("metric", "value", "signed_crm", "--month", "2026-01", "--json"))

    assert value["amount_fen"] == 960 * WAN_FEN
    assert value["apart"] == {"USD": {"documents": 1, "amount": 1 * WAN_FEN}}
    assert "生成时间" in value["watermark"]
    assert "signed_agreed" in run("metric", "list")
    assert "三重锁" in run("metric", "show", "signed_agreed")
    assert "9,600,000.00" in run("metric", "value", "signed_crm", "--month", "2026-01")
