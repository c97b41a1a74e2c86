"""An answer whose label nobody foresaw is found by the look of its value."""

from __future__ import annotations

from typing import Any

import pytest

from hub.errors import ConfigError
from tests.unit.mapping.builders import a_mapping, lead

PHONE: dict[str, Any] = {
    "answers": {"from": ["form", "more"]},
    "fields": {"referrer_person": {"answer": "推荐人"}},
    "spread": [
        {
            "name": "phone",
            "from": {"answer": "手机", "or_value": r"^1[3-9]\d{9}$"},
            "with": "phone_cn",
        }
    ],
}


def doc_of(**payload: Any) -> dict[str, Any]:
    return lead(a_mapping(**PHONE), **payload).doc


def test_a_label_that_fits_comes_first() -> None:
    doc = doc_of(form={"怎么找您": "19900000001", "手机": "19900000002"})

    assert doc["mobile_e164"] == "+8619900000002"
    assert doc["extra"] == {"unmapped": {"form": {"怎么找您": "19900000001"}}}
    assert "marks" not in doc


@pytest.mark.parametrize("value", ["19900000001", 19900000001])
def test_without_one_the_first_value_that_fits_is_taken_and_marked(value: Any) -> None:
    doc = doc_of(form={"怎么找您": value, "孩子年级": "三年级"})

    assert doc["mobile_e164"] == "+8619900000001"
    assert doc["extra"] == {"unmapped": {"form": {"孩子年级": "三年级"}}}
    assert doc["marks"] == ["answer_by_value"]


def test_an_answer_that_another_rule_took_is_not_taken_again() -> None:
    doc = doc_of(form={"推荐人": "19900000001"})

    assert doc["referrer_person"] == "19900000001"
    assert "mobile_e164" not in doc


@pytest.mark.parametrize("label", ["推荐人手机", "紧急联系人电话（手机）", "介绍人手机号"])
def test_the_phone_of_another_person_is_never_the_leads_own(label: str) -> None:
    """Two leads of one referrer would be one person."""
    without = a_mapping(**{**PHONE, "fields": {}})

    doc = lead(without, form={label: "19900000001"}).doc

    assert "mobile_e164" not in doc
    assert doc["extra"] == {"unmapped": {"form": {label: "19900000001"}}}


def test_every_container_is_looked_through() -> None:
    doc = doc_of(form="no answers", more=[{"label": "怎么找您", "value": "19900000001"}])

    assert doc["mobile_e164"] == "+8619900000001"
    assert doc["extra"] == {"unmapped": {"form": "no answers"}}


def test_no_value_that_fits_is_no_value() -> None:
    assert "mobile_e164" not in doc_of(form={"怎么找您": "1990000000123"})


def test_a_pattern_of_values_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match="or_value"):
        a_mapping(
            answers={"from": "form"}, fields={"name": {"from": {"answer": "x", "or_value": "("}}}
        )
