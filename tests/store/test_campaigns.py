"""The campaign register, what is no campaign, and what campaigns brought and cost, on a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.privacy.keyring import KeyRing
from hub.reconciliation.months import Month
from hub.steps.finance.campaign_findings import find_findings, judge_campaigns
from hub.steps.finance.campaign_register import Wanted, add_creative, change, from_file, show
from hub.steps.finance.deal_story import show_deal, show_shares
from hub.steps.finance.roi import Level, RoiAsked, RoiFigures, measure_roi
from hub.steps.finance.roi_report import as_html, as_markdown, lines_of, write_roi
from hub.steps.lookup import NotFoundError, Viewer
from tests.store.deals import LIVE, NOW, OTHER_PHONE, PHONE, SEARCH, Shop, contract

pytestmark = pytest.mark.postgres
PROJECT = "7200000000000000001"
FEBRUARY = Month(2026, 2)


@pytest.fixture
def shop(engine: sa.Engine, keyring: KeyRing) -> Iterator[Shop]:
    made = Shop(engine, keyring)
    yield made
    made.close()


def measured(shop: Shop, basis: str = "signed") -> RoiFigures:
    asked = RoiAsked("default", FEBRUARY, basis=basis)
    return measure_roi(shop.engine, shop.keyring, shop.settings, asked, NOW)


def findings(shop: Shop) -> list[tuple[str, str, int]]:
    found = find_findings(shop.engine, shop.keyring, shop.settings, "default", NOW, days=90)
    return sorted((one.kind, one.claimed, one.leads) for one in found)


def open_alerts(shop: Shop) -> list[str]:
    return [
        row[0] for row in shop.rows("SELECT summary FROM alerts.alert WHERE closed_at IS NULL")
    ]


def test_one_utm_is_one_campaign(shop: Shop) -> None:
    shop.register(Wanted(LIVE))

    with pytest.raises(ConfigError, match="registered already"):
        shop.register(Wanted(SEARCH), Wanted(LIVE))

    with pytest.raises(NotFoundError):
        show(shop.engine, "default", SEARCH)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("双十二", "no campaign name"),
        ("douyin_live", "no campaign name"),
        ("douyin_live_202613", "no month"),
        ("tiktok_live_202602", "no channel"),
        ("douyin_dance_202602", "no form"),
        ("__CAMPAIGN_ID__", "no campaign name"),
        (f"douyin_live_202602_{'a' * 60}", "longer than"),
    ],
)
def test_a_name_against_the_grammar_is_refused_with_the_reason(
    shop: Shop, name: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        shop.register(Wanted(name))


def test_a_slot_outside_the_month_of_the_name_is_refused(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="slot"):
        shop.register(Wanted(LIVE, starts_on=date(2026, 3, 1)))
    with pytest.raises(ConfigError, match="before it starts"):
        shop.register(Wanted(LIVE, starts_on=date(2026, 2, 9), ends_on=date(2026, 2, 8)))


def test_a_platform_id_belongs_to_one_campaign(shop: Shop) -> None:
    shop.register(Wanted(LIVE, platform_ids=(f"douyin:project_id={PROJECT}",)))

    with pytest.raises(ConfigError, match=f"belongs to {LIVE} already"):
        shop.register(Wanted(SEARCH, platform_ids=(f"douyin:project_id={PROJECT}",)))
    with pytest.raises(ConfigError, match="no source"):
        shop.register(Wanted(SEARCH, platform_ids=("nowhere:project_id=1",)))


def test_a_change_is_kept_and_said_in_the_audit_log(shop: Shop) -> None:
    shop.register(Wanted(LIVE, title="直播", planned_fen=100))
    add_creative(shop.engine, "default", LIVE, "c1", "素材包一", by="a person")
    change(
        shop.engine, shop.settings, "default",
        Wanted(LIVE, planned_fen=900_000, platform_ids=(f"douyin:project_id={PROJECT}",)),
        by="a person",
    )  # fmt: skip

    found = show(shop.engine, "default", LIVE)

    assert (found["title"], found["planned_fen"]) == ("直播", 900_000)
    assert found["creatives"] == {"c1": "素材包一"}
    assert found["platform_ids"] == [f"douyin:project_id={PROJECT}"]
    actions = [row[0] for row in shop.rows("SELECT action FROM ops.audit ORDER BY at")]
    assert actions == ["add campaign", "add creative", "change campaign"]


def test_a_file_of_campaigns_is_registered_whole(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "campaigns.csv"
    path.write_text(
        "utm_campaign,title,starts_on,ends_on,planned,owner,platform_ids\n"
        f"{LIVE},直播,2026-02-01,2026-02-28,2300.50,market,douyin:project_id={PROJECT}\n",
        "utf-8",
    )

    [wanted] = from_file(path)

    assert (wanted.planned_fen, wanted.starts_on) == (230_050, date(2026, 2, 1))
    path.write_text("utm_campaign,planned\nx,many\n", "utf-8")
    with pytest.raises(ConfigError, match=r"campaigns\.csv:2: 'many' is no amount"):
        from_file(path)


def test_unknown_campaigns_and_macros_are_findings_until_they_are_registered(shop: Shop) -> None:
    shop.register(Wanted(LIVE, starts_on=date(2026, 2, 1), ends_on=date(2026, 2, 7)))
    shop.form("2026-02-03T02:00:00Z", last_touch={"utm_campaign": LIVE})
    shop.form("2026-02-20T02:00:00Z", last_touch={"utm_campaign": LIVE})
    shop.form("2026-02-20T03:00:00Z", last_touch={"utm_campaign": SEARCH})
    shop.form("2026-02-20T04:00:00Z", last_touch={"utm_campaign": "__CAMPAIGN_ID__"})
    shop.clue("2026-02-20 20:00:00", project_id=PROJECT)

    found = findings(shop)

    assert found == [
        ("macro_unreplaced", "", 1),
        ("outside_slot", LIVE, 1),
        ("unknown_platform_id", f"campaign_id={PROJECT}", 1),
        ("unknown_utm", SEARCH, 1),
    ]
    assert open_alerts(shop) == [
        "3 leads of the last 90 days name 3 campaign(s) that nobody registered"
    ]
    shop.register(Wanted(SEARCH, platform_ids=(f"douyin:project_id={PROJECT}",)))
    assert [one[0] for one in findings(shop)] == ["macro_unreplaced", "outside_slot"]


def test_the_check_fails_for_what_nobody_registered_only(shop: Shop) -> None:
    shop.form("2026-02-20T03:00:00Z", last_touch={"utm_campaign": SEARCH})
    bad = find_findings(shop.engine, shop.keyring, shop.settings, "default", NOW, days=90)
    shop.register(Wanted(SEARCH, ends_on=date(2026, 2, 19)))
    late = find_findings(shop.engine, shop.keyring, shop.settings, "default", NOW, days=90)

    assert not judge_campaigns(bad).passed
    assert judge_campaigns(late).passed
    assert open_alerts(shop) == []


def spend(amount: str, day: str = "2026-02-05", **changes: str) -> dict[str, str]:
    return {"type": "spend", "amount": amount, "on_date": day, "currency": "CNY", **changes}


def a_month(shop: Shop) -> None:
    shop.register(Wanted(LIVE, planned_fen=1_000_000), Wanted(SEARCH))
    add_creative(shop.engine, "default", LIVE, "c1", "素材包一", by="a person")
    shop.form("2026-02-03T02:00:00Z", last_touch={"utm_campaign": LIVE, "utm_content": "c1"})
    shop.form("2026-02-04T02:00:00Z", OTHER_PHONE, last_touch={"utm_campaign": LIVE, "utm_content": "c2"})  # fmt: skip
    shop.form("2026-02-10T02:00:00Z", last_touch={"utm_campaign": LIVE, "utm_content": "c1"})
    shop.book(
        {"type": "opportunity", "number": "SJ-1", "on_date": "2026-02-12", "mobile_e164": PHONE},
        contract(opportunity_number="SJ-1", amount="10000"),
        {"type": "receipt", "number": "SK-1", "amount": "4000", "state": "已审核",
         "contract_number": "HT-1", "on_date": "2026-03-05", "currency": "CNY"},
        spend("8000", utm_campaign=LIVE, creative_id="c1"),
        spend("1000", utm_campaign=LIVE, creative_id="c2"),
        spend("500", utm_campaign=SEARCH),
        spend("77", channel="offline"),
        spend("9", channel="offline", day="2026-03-01"),
        spend("5", channel="offline", day="2026-02-06", currency="USD"),
    )  # fmt: skip
    shop.run()


def test_creatives_are_told_by_what_they_brought_and_cost(shop: Shop) -> None:
    a_month(shop)

    found = measured(shop)

    lines = {(one["campaign"], one["creative"]): one for one in lines_of(found, Level.CREATIVE)}
    best = lines[(LIVE, "c1")]
    assert (best["leads"], best["contacts"], best["opportunities"]) == (2, 1, 1)
    assert (best["signed_fen"], best["received_fen"], best["cost_fen"]) == (1_000_000, 400_000, 800_000)  # fmt: skip
    assert (best["roi"], best["title"]) == ("1.25", "素材包一")
    assert lines[(LIVE, "c2")]["roi"] == "0.00"
    assert [one.cell[2] for one in found.weak()] == ["c2"]
    assert [one.cell[2] for one in measured(shop, "received").weak()] == ["c1", "c2"]


def test_levels_sum_to_the_same_and_nothing_is_left_out(shop: Shop) -> None:
    a_month(shop)

    found = measured(shop)

    for level in Level:
        lines = lines_of(found, level)
        assert sum(int(str(one["cost_fen"])) for one in lines) == 957_700
        assert sum(int(str(one["signed_fen"])) for one in lines) == 1_000_000
    assert found.aside == {"cost_in_other_currency": 1, "cost_of_no_campaign": 1}


def test_the_report_says_when_by_which_rules_and_of_what(shop: Shop, tmp_path: Path) -> None:
    a_month(shop)
    found = measured(shop)

    page = as_html(found, Level.CREATIVE).decode()
    for form in ("csv", "xlsx", "html"):
        write_roi(shop.engine, found, Level.CAMPAIGN, tmp_path / f"report.{form}")

    assert "<svg" in page
    for word in ("生成时间", "归因规则版本", "口径 签约", "数据时效 花费", "素材包一"):
        assert word in page
    assert (tmp_path / "report.xlsx").stat().st_size > 1000
    assert f"| {LIVE} |" in as_markdown(found)
    with pytest.raises(ConfigError, match=r"write a \.csv"):
        write_roi(shop.engine, found, Level.CAMPAIGN, tmp_path / "report.pdf")


def test_a_month_without_anything_is_a_report_too(shop: Shop) -> None:
    found = measured(shop)

    assert found.lines == {}
    assert "没有可画的图" in as_html(found, Level.CHANNEL).decode()


def test_one_order_is_explained_touch_by_touch(shop: Shop) -> None:
    a_month(shop)

    found = show_shares(shop.engine, "default", "HT-1", "position")

    assert [(one["position"], one["parts"], one["whole"]) for one in found["shares"]] == [
        (["first"], 42, 67),
        (["last"], 25, 67),
    ]
    assert sum(one["fen"] for one in found["shares"]) == found["value_fen"] == 1_000_000
    assert (found["via"], found["opportunity"]) == ("contract", "SJ-1")
    with pytest.raises(NotFoundError):
        show_shares(shop.engine, "default", "HT-9")


def test_a_signing_that_is_only_claimed_is_seen(shop: Shop) -> None:
    shop.book(
        {"type": "opportunity", "number": "SJ-1", "state": "已签约"},
        {"type": "activity", "id": "a1", "opportunity_number": "SJ-1", "stage_to": "已签约",
         "kind": "stage_change", "occurred_at": "2026-02-19 10:00:00", "owner": "李四"},
        {"type": "opportunity", "number": "SJ-2", "state": "已签约", "evidence_by": "王五",
         "evidence_ref": "合同扫描件.pdf"},
        {"type": "opportunity", "number": "SJ-3", "state": "已签约"},
        contract("HT-3", opportunity_number="SJ-3", is_sealed="是"),
    )  # fmt: skip
    viewer = Viewer(shop.keyring, {})

    claimed = show_deal(shop.engine, viewer, "default", "SJ-1")
    shown = show_deal(shop.engine, viewer, "default", "SJ-2")

    assert claimed["signed"] == "claimed without evidence"
    assert [one["claimed_only"] for one in claimed["stages"]] == [True, True]
    assert shown["signed"] == "evidence"
    assert show_deal(shop.engine, viewer, "default", "SJ-3")["signed"] == "sealed contract"
    text = json.dumps([claimed, shown], default=str, ensure_ascii=False)
    assert "李四" not in text
    assert "王五" not in text
