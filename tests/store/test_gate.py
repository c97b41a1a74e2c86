"""The gate on a real store: hours pass, it closes, is told, is overridden, opens; exports obey it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.privacy.keyring import KeyRing
from hub.reconciliation.months import Month
from hub.settings import FinanceSettings, HubSettings, MerchantSettings
from hub.steps.checks import evaluate
from hub.steps.finance import gate
from hub.steps.finance.export_report import Asked, export_report
from hub.steps.finance.gate import Gate, GateClosedError
from hub.steps.finance.report_formats import Report, render
from tests.store.figures_hub import FiguresHub, deal, invoice

pytestmark = pytest.mark.postgres
# Documents arrive on 17 February; January is due on the 11th.
START = datetime(2026, 2, 17, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
JANUARY = Month(2026, 1)


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[FiguresHub]:
    made = FiguresHub(engine, keyring)
    yield made
    made.loader.close()


def post_books(hub: FiguresHub, invoiced: int = 800) -> None:
    """January: a contract of 1,000 yuan with every lock, and what finance invoiced of it."""
    hub.post(*deal("HT-1", 1000), invoice(1, "HT-1", invoiced))


def hours(hub: FiguresHub, first: int, last: int, **settings: Any) -> Gate:
    """Take the readings of these hours; January's gate after the last."""
    used = settings.get("settings", hub.settings)
    found: list[Gate] = []
    for hour in range(first, last + 1):
        found = gate.evaluate_gate(hub.engine, used, START + hour * HOUR)
    [january] = [one for one in found if one.name.period == "2026-01"]
    return january


def alerts(hub: FiguresHub) -> list[tuple[Any, ...]]:
    return hub.rows(
        "SELECT severity, dedupe_key, owner, count FROM alerts.alert"
        " WHERE closed_at IS NULL AND dedupe_key LIKE 'gate%' ORDER BY dedupe_key"
    )


def exported(hub: FiguresHub, name: str, hour: float) -> Report:
    asked = Asked("default", JANUARY, START + hour * HOUR)
    return export_report(hub.engine, hub.settings, name, asked)


def test_a_day_of_disagreement_closes_the_gate_and_tells_the_governance_group_once(hub):
    post_books(hub)

    assert hours(hub, 0, 23).state.is_open
    assert alerts(hub) == []
    closed = hours(hub, 24, 30)
    assert closed.word == "closed"
    assert closed.share == "25.00 %"
    assert alerts(hub) == [
        ("critical", "gate:default:signed_agreed:2026-01", "governance", 1),
    ]


def test_the_hour_is_read_once_however_often_it_is_evaluated(hub):
    post_books(hub)
    for _ in range(30):
        gate.evaluate_gate(hub.engine, hub.settings, START)

    assert hub.rows("SELECT count(*) FROM finance.gate_reading WHERE period = '2026-01'") == [(1,)]
    assert hours(hub, 0, 0).state.known == 1


def test_what_leaves_the_house_is_refused_while_it_is_closed_and_the_bridge_is_stamped(hub):
    post_books(hub)
    assert exported(hub, "signed", 0).stamp is None
    hours(hub, 0, 24)

    with pytest.raises(
        GateClosedError, match=r"^未对平: the gate of default is closed since"
    ) as no:
        exported(hub, "signed", 24)
    assert "\n" not in str(no.value)
    for name in ("bridge", "breaks"):
        report = exported(hub, name, 24)
        assert report.stamp == "未对平", name
        assert "未对平" in render(report, "html").decode(), name


def test_ingestion_goes_on_while_it_is_closed(hub):
    post_books(hub)
    hours(hub, 0, 24)

    assert hub.post(invoice(2, "HT-1", 200)) == {"loaded": 1}


def test_it_opens_when_the_figures_agree_and_the_alert_is_over(hub):
    post_books(hub)
    hours(hub, 0, 24)
    hub.post(invoice(2, "HT-1", 100))

    agreed = hours(hub, 25, 25)
    assert (agreed.word, agreed.share) == ("open", "11.12 %")
    assert alerts(hub) == []
    assert exported(hub, "signed", 25).stamp is None


def test_a_repair_within_the_hour_opens_it_at_once(hub):
    post_books(hub)
    hours(hub, 0, 24)
    hub.post(invoice(2, "HT-1", 200))

    found = gate.evaluate_gate(hub.engine, hub.settings, START + 24.5 * HOUR)
    assert all(one.state.is_open for one in found)


def test_a_gate_that_was_shut_long_ago_stays_shut_until_it_agrees(hub):
    post_books(hub)
    hours(hub, 0, 24)
    weeks = 24 * 40

    still = [
        one
        for one in gate.evaluate_gate(hub.engine, hub.settings, START + weeks * HOUR)
        if one.name.period == "2026-01"
    ]
    assert [one.word for one in still] == ["closed"]
    assert still[0].state.shut_since == START + 24 * HOUR
    with pytest.raises(GateClosedError):
        exported(hub, "signed", weeks)


def test_an_override_needs_a_name_a_reason_an_expiry_and_a_closed_gate(hub):
    post_books(hub)
    now = START + 24 * HOUR

    def override(**changes: Any) -> object:
        told = {"by": "王五", "reason": "年终审计", "until": now + 12 * HOUR, **changes}
        return gate.override_gate(hub.engine, "default", now=now, **told)

    with pytest.raises(ConfigError, match="no gate of default is closed"):
        override()
    hours(hub, 0, 24)
    for wrong in ({"by": " "}, {"reason": ""}, {"until": now}, {"until": now + 999 * HOUR}):
        with pytest.raises(ConfigError):
            override(**wrong)
    override()
    assert hub.rows("SELECT who, action, target FROM ops.audit") == [
        ("王五", "gate.override", "signed_agreed 2026-01")
    ]


def test_an_override_opens_until_its_expiry_is_stamped_and_then_it_is_closed_and_told_again(hub):
    post_books(hub)
    hours(hub, 0, 24)
    until = START + 30 * HOUR
    gate.override_gate(
        hub.engine, "default", by="王五", reason="年终审计", until=until, now=START + 24.2 * HOUR
    )

    report = exported(hub, "signed", 29.9)
    assert report.stamp == "未对平"
    assert any("由 王五 放行" in text for _, text in report.watermark)
    with pytest.raises(GateClosedError):
        exported(hub, "signed", 30)
    assert hours(hub, 25, 29).word == "overridden"
    assert hours(hub, 30, 30).word == "closed"
    assert alerts(hub)[0][3] == 2


def test_missing_data_is_unknown_alerts_and_neither_closes_nor_opens(hub):
    hub.post(*deal("HT-1", 1000, without="account"), invoice(1, "HT-1", 800))

    found = hours(hub, 0, 30)
    assert found.state.last is not None
    assert (found.word, found.state.last.unknown) == ("unknown", "missing_data")
    assert found.state.last.detail == "收款账户备案"
    assert alerts(hub)[0][:2] == ("warning", "gate-unknown:default:signed_agreed:2026-01")


def test_a_source_that_is_too_old_says_nothing(hub):
    post_books(hub)
    hours(hub, 0, 24)

    stale = hours(hub, 80, 80)
    assert stale.state.last is not None
    assert stale.state.last.unknown == "stale_source"
    assert stale.state.last.detail == "ledger"
    assert stale.word == "closed", "what nobody knows opens nothing"


def test_a_month_is_judged_only_after_finances_posting_lag(hub):
    post_books(hub)
    patient = HubSettings(
        merchants=(MerchantSettings(id="default", finance=FinanceSettings(posting_lag_days=40)),),
        sources=hub.settings.sources,
    )

    found = hours(hub, 0, 30, settings=patient)
    assert found.state.last is not None
    assert found.state.last.unknown == "posting_lag"
    assert not [row for row in alerts(hub) if "2026-01" in row[1]]


def test_two_merchants_have_two_gates(hub):
    post_books(hub)
    agreeing = [*deal("HT-1", 1000), invoice(1, "HT-1", 1000)]
    hub.post(*agreeing, merchant="other")
    both = HubSettings(
        merchants=(MerchantSettings(id="default"), MerchantSettings(id="other")),
        sources=hub.settings.sources,
    )
    for hour in range(25):
        gate.evaluate_gate(hub.engine, both, START + hour * HOUR)
    now = START + 24 * HOUR

    with hub.engine.begin() as conn:
        gate.require_open(conn, "other", now)
        with pytest.raises(GateClosedError, match="the gate of default"):
            gate.require_open(conn, "default", now)
    verdicts = {
        "/".join(one.asset): one.passed
        for one in evaluate(hub.engine, both, now)
        if one.name == "gate"
    }
    assert verdicts == {"recon/default/gate": False, "recon/other/gate": True}


def test_the_check_says_what_is_closed_and_the_command_that_explains_it(hub):
    post_books(hub)
    hours(hub, 0, 24)

    [found] = [
        one for one in evaluate(hub.engine, hub.settings, START + 24 * HOUR) if one.name == "gate"
    ]
    assert not found.passed
    assert found.note == "未对平: 2026-01 is closed, residual 25.00 %."
    assert found.command == "hub export bridge --merchant default --month 2026-01"
    assert found.numbers["residual_bp"] == 2500


def test_a_gate_that_nobody_reads_any_more_is_noticed(hub):
    post_books(hub, invoiced=1000)
    hours(hub, 0, 0)

    [found] = [
        one for one in evaluate(hub.engine, hub.settings, START + 9 * HOUR) if one.name == "gate"
    ]
    assert not found.passed
    assert found.note.startswith("No reading since 2026-02-17 06:00 UTC")


def test_every_report_says_when_it_was_made_by_which_words_and_how_fresh(hub):
    post_books(hub)
    marks = dict(exported(hub, "bridge", 1).watermark)

    assert marks["生成时间"] == "2026-02-17 15:00:00 北京时间"
    assert any(word.startswith("口径 签约额（统一口径）（signed_agreed 1-0-0") for word in marks)
    assert marks["数据时效 invoice"].startswith("最新到达 2026-02-17 12:00")


def test_a_csv_is_read_by_excel_and_holds_no_formula(hub):
    hub.post(*deal("=HT+1", 1000), invoice(1, "=HT+1", 800))
    body = render(exported(hub, "bridge", 1), "csv")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    cells = [cell for row in rows for cell in row]

    assert body.startswith(b"\xef\xbb\xbf")
    assert "'=HT+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert "-200.00" not in cells
    assert "200.00" in cells


def test_a_workbook_holds_numbers_as_numbers(hub, tmp_path):
    from python_calamine import load_workbook

    post_books(hub)
    path = tmp_path / "bridge.xlsx"
    path.write_bytes(render(exported(hub, "bridge", 1), "xlsx"))
    book = load_workbook(str(path))

    rows = book.get_sheet_by_name("并列").to_python()
    agreed = next(row for row in rows if row[0] == "签约额（统一口径）")
    assert agreed[1] == 1000.0
    assert book.sheet_names[0] == "说明"


def test_the_whitepaper_counts_what_came_in_right_and_why_the_rest_did_not(hub):
    at = datetime(2026, 1, 20, 3, tzinfo=UTC)
    hub.post(
        *deal("HT-1", 1000),
        {"type": "approval", "contract_number": "HT-9", "state": "看看再说"},
        {"type": "nonsense", "number": "x"},
        at=at,
    )
    sheets = {sheet.title: sheet.rows for sheet in exported(hub, "whitepaper", 1).sheets}

    counted = {row[0]: row[1] for row in sheets["概览"]}
    assert (counted["当月到达记录"], counted["准确率"]) == (6, "66.66 %")
    assert [row[1] for row in sheets["前三原因"]] == [1, 1]
