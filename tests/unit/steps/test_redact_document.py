"""What is left of a business document without the person it speaks of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from hub.model.lead import IdentityKey, KeyKind
from hub.steps.erasure.redact_document import (
    Redaction,
    happened_at,
    mentioned,
    persons_name,
    redacted,
    stand_in_of,
)
from hub.steps.finance.document_keys import NO_CURRENCY, open_facts

PHONE = "19900001234"
STAND_IN = stand_in_of(UUID("01999999-0000-7000-8000-abcdef012345"))
ABOUT = Redaction(STAND_IN, frozenset({"张三"}), lambda text: PHONE in text)


def a_contract(**changes: Any) -> dict[str, Any]:
    return {
        "number": "HT-1", "contract_number": "HT-1", "on_date": "2026-02-05", "amount_fen": 1_200_000,
        "party_name": "张三", "mobile_e164": f"+86{PHONE}", "remark": "急", "owner": "王经理", **changes,
    }  # fmt: skip


def test_a_persons_contract_keeps_its_numbers_and_loses_the_person() -> None:
    assert redacted(a_contract(title="张三装修"), ABOUT, is_named=True) == {
        "number": "HT-1", "contract_number": "HT-1", "on_date": "2026-02-05", "amount_fen": 1_200_000,
        "party_name": STAND_IN, "owner": "王经理",
    }  # fmt: skip


def test_redacting_twice_changes_nothing() -> None:
    once = redacted(a_contract(), ABOUT, is_named=True)

    assert redacted(once, ABOUT, is_named=True) == once
    assert redacted(once, ABOUT, is_named=False) == once


def test_a_company_stays_the_party_of_a_contract_that_names_its_contact() -> None:
    left = redacted(a_contract(party_name="演示有限公司", title="年度服务"), ABOUT, is_named=True)

    assert (left["party_name"], left["title"]) == ("演示有限公司", "年度服务")
    assert "mobile_e164" not in left


def test_another_document_loses_only_the_text_that_shows_them() -> None:
    other = a_contract(
        party_name="演示有限公司", mobile_e164="+8619900009999", remark=f"抄送 {PHONE}"
    )

    assert redacted(other, ABOUT, is_named=False) == {
        name: value for name, value in other.items() if name != "remark"
    }


def test_a_number_of_a_document_stays_whatever_it_looks_like() -> None:
    assert redacted({"number": PHONE, "order_number": PHONE}, ABOUT, is_named=True) == {
        "number": PHONE,
        "order_number": PHONE,
    }


@pytest.mark.parametrize(
    ("party", "person"),
    [
        ({"party_name": "张三"}, "张三"),
        ({"party_name": "演示公司"}, None),
        ({"party_name": "演示", "party_credit_code": "91350100M000100Y43"}, None),
        ({}, None),
    ],
)
def test_a_party_is_a_person_unless_name_or_code_say_a_company(
    party: dict[str, str], person: str | None
) -> None:
    assert persons_name(party) == person


@pytest.mark.parametrize(
    "text", ["199 0000 1234", "+86-19900001234", "１９９００００１２３４", "电话19900001234。"]
)
def test_a_mobile_is_found_however_it_is_grouped(text: str) -> None:
    assert list(mentioned(text)) == [IdentityKey(KeyKind.MOBILE, f"+86{PHONE}")]


@pytest.mark.parametrize("text", ["1" * 20, "119900001234", "199000012345", "HT-2026-0001"])
def test_a_longer_number_is_no_mobile(text: str) -> None:
    assert list(mentioned(text)) == []


def test_a_day_is_its_beginning_in_china() -> None:
    assert happened_at({"on_date": "2026-02-05", "modified_at": "2026-03-01T00:00:00.000Z"}) == (
        datetime(2026, 2, 4, 16, tzinfo=UTC)
    )
    assert happened_at({"modified_at": "2026-03-01T00:00:00.000Z"}) == datetime(
        2026, 3, 1, tzinfo=UTC
    )
    assert happened_at({}) is None


def test_a_currency_that_is_no_code_is_told_as_none_and_never_passes_for_the_home_currency() -> (
    None
):
    assert open_facts({"currency": "张三"}) == {"currency": NO_CURRENCY, "withheld": ["currency"]}
    assert open_facts({"currency": "CNY"}) == {"currency": "CNY"}
    assert open_facts({"number": "1"}) == {"number": "1"}
