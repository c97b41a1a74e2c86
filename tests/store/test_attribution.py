"""Deals on a real database: who gets what of them, why, and what restates it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.steps.finance.campaign_register import Wanted
from hub.steps.finance.touch_path import touch_path
from hub.steps.identity.contact_decisions import split
from tests.store.deals import LIVE, NOW, OTHER_PHONE, PHONE, SEARCH, Shop, contract

pytestmark = pytest.mark.postgres
PROJECT = "7200000000000000001"


@pytest.fixture
def shop(engine: sa.Engine, keyring: KeyRing) -> Iterator[Shop]:
    made = Shop(engine, keyring)
    made.register(Wanted(LIVE, platform_ids=(f"douyin:project_id={PROJECT}",)), Wanted(SEARCH))
    yield made
    made.close()


def three_touches(shop: Shop) -> None:
    """A live show, a search weeks later, and at last a referral by an old customer."""
    shop.clue("2026-02-01 20:00:00", project_id=PROJECT)
    shop.form(
        "2026-02-10T02:00:00Z",
        last_touch={
            "ts": "2026-02-10T01:59:00Z",
            "utm_source": "baidu",
            "utm_campaign": SEARCH,
            "referrer": "https://www.baidu.com/s?wd=x",
        },
    )
    shop.form("2026-02-18T02:00:00Z", fields={"推荐人": "李四"})


def restatements(shop: Shop) -> list[tuple[Any, ...]]:
    query = (
        "SELECT reasons, channel, campaign, before_fen, after_fen FROM finance.restatement"
        " WHERE model = 'position' ORDER BY id"
    )
    return [tuple(row) for row in shop.rows(query)]


def is_conserved(shop: Shop) -> bool:
    """Under each model the shares of all deals sum to the deals' values, and so does what came."""
    query = (
        "SELECT count(*) FROM finance.deal d CROSS JOIN unnest(ARRAY['first','last','linear','position']) m(model)"
        " LEFT JOIN LATERAL (SELECT sum(fen) AS fen, sum(received_fen) AS received FROM finance.share s"
        " WHERE s.merchant = d.merchant AND s.contract_number = d.contract_number AND s.model = m.model) s ON true"
        " WHERE s.fen IS DISTINCT FROM d.value_fen OR s.received IS DISTINCT FROM d.received_fen"
    )
    return bool(shop.rows(query)[0][0] == 0)


def test_the_order_of_three_touches_is_shared_42_33_25(shop: Shop) -> None:
    three_touches(shop)
    shop.book(contract())

    done = shop.run()

    assert (done.deals, done.written, done.restated) == (1, 1, 0)
    assert shop.shares() == {
        ("douyin", LIVE): 1_344_000,
        ("baidu", SEARCH): 1_056_000,
        ("referral", ""): 800_000,
    }
    assert shop.shares("first") == {("douyin", LIVE): 3_200_000}
    assert shop.shares("last") == {("referral", ""): 3_200_000}
    assert sum(shop.shares("linear").values()) == 3_200_000
    assert is_conserved(shop)


def test_a_second_run_writes_nothing(shop: Shop) -> None:
    three_touches(shop)
    shop.book(contract())
    shop.run()

    done = shop.run()

    assert (done.deals, done.written, done.restated) == (1, 0, 0)
    assert restatements(shop) == []


def test_a_deal_of_nobody_known_is_shared_with_nobody_and_not_lost(shop: Shop) -> None:
    shop.book(contract(mobile_e164=None))

    shop.run()

    assert shop.shares() == {("", ""): 3_200_000}
    assert is_conserved(shop)


def test_a_deal_without_a_person_carries_the_campaign_that_its_opportunity_states(
    shop: Shop,
) -> None:
    shop.book(
        {"type": "opportunity", "number": "SJ-1", "state": "已签约", "utm_campaign": LIVE},
        contract(mobile_e164=None, opportunity_number="SJ-1"),
    )

    shop.run()

    assert shop.shares() == {("douyin", LIVE): 3_200_000}
    assert shop.rows("SELECT via FROM finance.deal")[0][0] == "stated"


def test_the_opportunity_leads_to_the_person_and_its_trial_is_the_key_decision(shop: Shop) -> None:
    shop.clue("2026-02-01 20:00:00", project_id=PROJECT)
    shop.form("2026-02-18T02:00:00Z", fields={"推荐人": "李四"})
    shop.book(
        {"type": "opportunity", "number": "SJ-1", "state": "已签约", "mobile_e164": PHONE},
        {"type": "activity", "id": "a1", "opportunity_number": "SJ-1", "kind": "试听",
         "occurred_at": "2026-02-12 10:00:00"},
        {"type": "activity", "id": "a2", "opportunity_number": "SJ-1", "kind": "stage_change",
         "stage_to": "已签约", "occurred_at": "2026-02-19 10:00:00"},
        contract(mobile_e164=None, opportunity_number="SJ-1"),
    )  # fmt: skip

    shop.run()

    assert shop.shares()[("offline", "")] == 1_056_000
    assert shop.rows("SELECT via FROM finance.deal")[0][0] == "opportunity"
    assert is_conserved(shop)


def test_a_refund_restates_and_is_recorded(shop: Shop) -> None:
    three_touches(shop)
    shop.book(
        contract(),
        {"type": "receipt", "number": "SK-1", "amount": "32000", "state": "已审核",
         "contract_number": "HT-1", "on_date": "2026-02-21", "currency": "CNY"},
    )  # fmt: skip
    shop.run()
    shop.book(
        {"type": "refund", "number": "TK-1", "amount": "1000", "receipt_number": "SK-1",
         "state": "已审核", "on_date": "2026-03-01", "currency": "CNY"},
    )  # fmt: skip

    done = shop.run()

    assert (done.written, done.restated, done.reasons) == (1, 1, {"refund": 1})
    assert restatements(shop) == [
        (["refund"], "baidu", SEARCH, 1_056_000, 1_023_000),
        (["refund"], "douyin", LIVE, 1_344_000, 1_302_000),
        (["refund"], "referral", "", 800_000, 775_000),
    ]
    [deal] = shop.rows(
        "SELECT signed_fen, refunded_fen, value_fen, received_fen FROM finance.deal"
    )
    assert tuple(deal) == (3_200_000, 100_000, 3_100_000, 3_100_000)
    assert is_conserved(shop)


def test_an_amendment_and_a_void_restate(shop: Shop) -> None:
    three_touches(shop)
    shop.book(contract())
    shop.run()
    shop.book(
        contract(
            "HT-1-B", kind="补充协议", amends_number="HT-1", amount="-2000", on_date="2026-03-02"
        )
    )
    amended = shop.run()
    shop.book(contract(state="作废"))
    voided = shop.run()

    assert amended.reasons == {"amount": 1}
    assert voided.reasons["standing"] == 1
    assert sum(shop.shares().values()) == 0
    assert is_conserved(shop)


def test_a_framework_agreement_and_another_currency_are_no_deals_and_are_counted(
    shop: Shop,
) -> None:
    shop.book(contract("KJ-1", kind="框架协议"), contract("USD-1", currency="USD"))

    done = shop.run()

    assert (done.deals, done.skipped) == (0, {"framework": 1, "other_currency": 1})


def test_a_merge_restates_and_a_split_restates_it_back(shop: Shop) -> None:
    """The contract's person turns out to be the one of the live show: then the show has a part in the deal."""
    shop.clue("2026-02-01 20:00:00", OTHER_PHONE, project_id=PROJECT)
    shop.form("2026-02-10T02:00:00Z", PHONE, last_touch={"utm_campaign": SEARCH})
    shop.book(contract())
    shop.run()
    alone = shop.shares()
    shop.form("2026-02-18T02:00:00Z", f"{PHONE}/{OTHER_PHONE}", fields={"推荐人": "李四"})

    merged = shop.run()

    assert alone == {("baidu", SEARCH): 3_200_000}
    assert merged.restated == 1
    assert shop.shares()[("douyin", LIVE)] == 2_005_970  # 42 of 67: the search was no key decision
    leads = shop.rows("SELECT id, contact_id FROM crm.lead WHERE source_key = 'douyin'")
    [form] = shop.rows("SELECT contact_id FROM crm.lead ORDER BY loaded_at DESC LIMIT 1")
    split(
        shop.engine, form.contact_id, [leads[0].id],
        by="a person", reason="two people", now=NOW, new_id=uuid7,
    )  # fmt: skip

    parted = shop.run()

    assert parted.restated == 1
    assert ("douyin", LIVE) not in shop.shares()
    assert {one[0][0] for one in restatements(shop)} <= {"contact", "path"}
    assert is_conserved(shop)


def test_the_register_is_part_of_the_input_and_the_order_of_what_comes_is_not(
    shop: Shop, keyring: KeyRing
) -> None:
    """A campaign that is registered late gets its leads, as if it had always been there."""
    shop.form("2026-02-10T02:00:00Z", last_touch={"utm_campaign": "web_event_202602"})
    shop.book(contract())
    shop.run()
    assert shop.shares() == {("direct", ""): 3_200_000}

    shop.register(Wanted("web_event_202602"))
    done = shop.run()

    assert done.reasons == {"campaign": 1}
    assert shop.shares() == {("web", "web_event_202602"): 3_200_000}


def test_a_touch_after_the_contract_gets_nothing_of_it(shop: Shop) -> None:
    shop.form("2026-02-10T02:00:00Z", last_touch={"utm_campaign": SEARCH})
    shop.clue("2026-02-25 20:00:00", project_id=PROJECT)
    shop.book(contract())

    shop.run()

    assert shop.shares() == {("baidu", SEARCH): 3_200_000}


def test_the_referrer_is_a_contact_if_the_phone_is_known(shop: Shop) -> None:
    shop.form("2026-01-05T02:00:00Z", OTHER_PHONE)
    [referrer] = shop.contacts()
    shop.form("2026-02-18T02:00:00Z", PHONE, fields={"推荐人": f"老同学 {OTHER_PHONE}"})
    shop.book(contract())
    shop.run()

    [row] = shop.rows("SELECT kind, referrer_id, channel FROM finance.share WHERE model = 'last'")

    assert tuple(row) == ("referral", referrer, "referral")


def test_visits_before_the_form_are_touches_of_whoever_left_the_phone(shop: Shop) -> None:
    shop.form(
        "2026-02-18T02:00:00Z",
        first_touch={"ts": "2026-02-01T01:00:00Z", "utm_campaign": LIVE},
        visits=[
            {"ts": "2026-02-01T01:00:00Z", "utm_campaign": LIVE},
            {"ts": "2026-02-10T01:00:00Z", "referrer": "https://www.baidu.com/s?wd=x"},
        ],
    )
    shop.book(contract())

    shop.run()

    assert shop.shares() == {
        ("douyin", LIVE): 1_344_000,
        ("search", ""): 1_056_000,
        ("direct", ""): 800_000,
    }


def test_a_path_names_nobody(shop: Shop) -> None:
    three_touches(shop)
    [contact] = shop.contacts()

    path = touch_path(shop.engine, shop.keyring, shop.settings, contact)

    assert [one.touch.kind for one in path] == ["lead", "search", "referral"]
    text = json.dumps([repr(one) for one in path], ensure_ascii=False)
    assert PHONE not in text
    assert "李四" not in text


def test_a_deal_of_seven_fen_is_shared_without_losing_one(shop: Shop) -> None:
    three_touches(shop)
    shop.book(contract(), contract("HT-2", amount="0.07"))
    shop.run()
    shop.run()

    assert shop.rows("SELECT count(*) FROM finance.deal")[0][0] == 2
    assert is_conserved(shop)


def test_a_company_signs_and_all_whose_leads_name_it_brought_it(shop: Shop) -> None:
    company = {"公司": "演示科技有限公司"}
    shop.clue("2026-02-01 20:00:00", "19900009999", project_id=PROJECT)
    shop.form(
        "2026-02-03T02:00:00Z", OTHER_PHONE, fields=company, last_touch={"utm_campaign": SEARCH}
    )
    shop.form("2026-02-10T02:00:00Z", PHONE, fields=company, last_touch={"utm_campaign": LIVE})
    shop.book(contract(mobile_e164=None, party_name="演示科技有限公司"))

    shop.run()

    assert shop.shares("linear") == {("baidu", SEARCH): 1_600_000, ("douyin", LIVE): 1_600_000}
    assert shop.rows("SELECT via, contact_id FROM finance.deal")[0] == ("company", None)
    assert is_conserved(shop)
