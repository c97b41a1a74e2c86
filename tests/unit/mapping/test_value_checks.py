"""Checks of the dictionary: what is well-formed and still wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.mapping.value_checks import CHECKS, SAID_ZH, normal, texts_of

CAME = datetime(2026, 2, 17, 8, 0, tzinfo=UTC)


def passes(check: str, value: Any, **doc: Any) -> bool:
    return CHECKS[check](value, doc, CAME)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("mobile_valid", "+8619900001234", "+8619900"),
        ("phones_valid", [{"value": "95588", "kind": "service"}], [{"value": "无", "kind": "x"}]),
        ("sha256_valid", "a" * 64, "a" * 63),
        ("md5_valid", "0" * 32, "g" * 32),
        ("email_valid", "a@example.com", "a@example"),
        ("id_number_valid", "110101199001010015", "110101199001010016"),
        ("credit_code_valid", "91350100M000100Y43", "91350100M000100Y44"),
        ("region_known", "440300", "449900"),
        ("budget_sane", 3_000_000, 1),
        ("budget_sane", 10_000, 20_000_000_000),
        ("age_sane", 33, 0),
        ("intent_in_range", 100, 101),
        ("name_sane", "张三", "13800000000"),
        ("name_sane", "O'Neil 小明", "https://example.com"),
        ("name_sane", "李四", "***"),
        ("url_valid", "https://example.com/a?b=c", "javascript:void"),
        ("macro_replaced", "spring_sale", "__CAMPAIGN_ID__"),
        ("macro_replaced", {"click": "abc"}, {"click": "{{click_id}}"}),
        ("repeated_character", "好好", "啊啊啊"),
        ("repeated_character", ["装修"], ["ddd"]),
    ],
)
def test_a_check_tells_good_from_bad(check, good, bad):
    assert passes(check, good)
    assert not passes(check, bad)


def test_a_budget_whose_ends_are_the_wrong_way_round_is_wrong():
    assert passes("budget_sane", 20_000, budget_min_fen=20_000, budget_max_fen=30_000)
    assert not passes("budget_sane", 30_000, budget_min_fen=30_000, budget_max_fen=20_000)


def test_a_city_lies_in_the_province_that_is_named():
    assert passes("city_in_province", "440300", province_code="440000")
    assert passes("city_in_province", "440300")
    assert not passes("city_in_province", "110100", province_code="440000")


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("2026-02-17T08:00:00.000Z", True),
        ("1970-01-01T00:00:00.000Z", False),
        ((CAME + timedelta(hours=20)).isoformat(), True),
        ((CAME + timedelta(days=2)).isoformat(), False),
        ("yesterday", False),
        (7, False),
    ],
)
def test_a_lead_is_not_submitted_in_1970_nor_after_it_came(value, good):
    assert passes("time_sane", value) is good


@pytest.mark.parametrize("check", sorted(CHECKS))
@pytest.mark.parametrize("value", ["", "无", 0, -1, 1.5, True, None, [], {}, [1], {"a": None}])
def test_no_value_breaks_a_check(check, value):
    assert CHECKS[check](value, {}, CAME) in (True, False)


def test_every_check_is_said_in_words():
    assert set(SAID_ZH) == {"anomaly_words", *CHECKS}


def test_words_are_compared_without_width_case_and_stops():
    assert normal("　ＴＥＳＴ。") == normal("test") == "test"
    assert normal(" 随便！") == "随便"


def test_texts_stand_in_lists_and_objects_too():
    assert texts_of(["a", 1]) == ["a"]
    assert texts_of({"name": "b", "n": 2}) == ["b"]
    assert texts_of(3) == []
