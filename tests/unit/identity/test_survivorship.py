"""Survivorship: one contact out of many leads, every value kept, and a reason for each that won."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.identity.survivorship import ONLY_VALUE, Standing, Stated, profile
from hub.identity.survivorship_rules import parse_rules

SCHEMAS = Path(__file__).parents[3] / "schemas"
RULES = parse_rules(yaml.safe_load((SCHEMAS / "survivorship.yaml").read_text("utf-8")))
START = datetime(2026, 2, 1, tzinfo=UTC)


def a_lead(
    number: int, *, day: int | None = None, platform: str = "webform", **doc: Any
) -> Stated:
    at = START + timedelta(days=number if day is None else day)
    verifies = frozenset(doc.pop("verifies", ()))
    return Stated(UUID(int=number), f"{platform}-main", platform, at, doc, verifies)


def test_the_rules_speak_of_every_field_of_the_canonical_lead_once() -> None:
    newest = sorted((SCHEMAS / "canonical/lead").glob("*.json"))[-1]
    fields = json.loads(newest.read_text("utf-8"))["properties"]

    assert sorted(RULES.named()) == sorted(fields)


def test_six_names_four_campuses_and_two_courses_are_one_contact() -> None:
    """同一手机号 6 个姓名: all are visible, one wins, and it is said why."""
    names = ["张三", "张先生", "张三丰", "小张", "张*", "张三"]
    leads = [
        a_lead(
            n, name=name, mobile_e164="+8619900001234",
            store={"name": f"校区{n % 4}"}, product_interest=["编程" if n % 2 else "美术"],
        )
        for n, name in enumerate(names)
    ] + [a_lead(9, name="张工", mobile_e164="+8619900001234")]  # fmt: skip

    found = profile(leads, RULES)

    name = found.settled["name"]
    assert name.won is not None
    assert (name.won.value, name.why, name.stated) == ("张三丰", "completeness", 7)
    assert {claim.value for claim in name.conflicts} == {"张三", "张先生", "小张", "张*", "张工"}
    campus = found.settled["store"]
    assert (found.value("store"), campus.why) == ({"name": "校区1"}, "recency")
    assert len(campus.conflicts) == 3
    assert found.settled["mobile_e164"].why == ONLY_VALUE
    assert [one.values["product_interest"] for one in found.interests] == [
        ["编程"] if n % 2 else ["美术"] for n in range(6)
    ]
    assert found.conflicts() == {"name": 5, "store": 3}


def test_what_the_source_verified_wins_over_what_was_typed_later() -> None:
    checked = a_lead(1, mobile_e164="+8619900000001", verifies=["mobile_e164"])
    typed = a_lead(2, mobile_e164="+8619900000002")

    found = profile([checked, typed], RULES).settled["mobile_e164"]

    assert found.won is not None
    assert (found.won.lead, found.why, found.won.standing) == (
        checked.lead, "verified", Standing.VERIFIED,
    )  # fmt: skip


def test_what_a_rule_filled_in_loses_to_what_was_typed() -> None:
    filled = a_lead(2, name="匿名咨询", marks=["name_defaulted"])
    typed = a_lead(1, name="张三")

    assert profile([filled, typed], RULES).value("name") == "张三"


@pytest.mark.parametrize(("trust", "winner"), [((), 2), (("webform-main",), 1), (("webform",), 1)])
def test_a_merchants_order_of_sources_decides_before_the_date(
    trust: tuple[str, ...], winner: int
) -> None:
    leads = [
        a_lead(1, email="a@example.com"),
        a_lead(2, platform="douyin", email="b@example.com"),
    ]

    found = profile(leads, RULES, trust).settled["email"]

    assert found.won is not None
    assert (found.won.lead, found.why) == (UUID(int=winner), "trust" if trust else "recency")


def test_a_region_comes_from_one_lead_and_is_completed_by_those_that_agree() -> None:
    leads = [
        a_lead(1, province_code="310000", city_code="310100", district_code="310104"),
        a_lead(2, province_code="440000", city_code="440300"),
        a_lead(3, province_code="440000", district_code="440305"),
        a_lead(4, city_code="440300", province_code="440000", marks=["city_from_prefix"]),
    ]

    found = profile(leads[1:], RULES)

    assert (found.value("province_code"), found.value("district_code")) == ("440000", "440305")
    assert found.conflicts() == {}
    assert profile(leads, RULES).conflicts() == {
        "province_code": 1, "city_code": 1, "district_code": 1,
    }  # fmt: skip


def test_a_field_that_the_winner_does_not_speak_of_keeps_the_losers() -> None:
    leads = [
        a_lead(1, company="甲公司", company_credit_code="91310000000000000X"),
        a_lead(2, company="乙公司", verifies=["company"]),
    ]

    found = profile(leads, RULES).settled["company_credit_code"]

    assert found.won is None
    assert [claim.value for claim in found.conflicts] == ["91310000000000000X"]


def test_extension_fields_are_won_one_by_one() -> None:
    leads = [a_lead(1, ext={"grade": "三年级", "area": 90}), a_lead(2, ext={"grade": "四年级"})]

    found = profile(leads, RULES)

    assert (found.value("ext.grade"), found.value("ext.area")) == ("四年级", 90)


def test_numbers_are_united_and_not_won() -> None:
    one, other = ({"value": f"+8621000000{n}", "kind": "landline"} for n in (1, 2))
    found = profile([a_lead(1, phones=[one]), a_lead(2, phones=[one, other])], RULES)

    assert [claim.value for claim in found.unions["phones"]] == [one, other]


_values = st.sampled_from(["张三", "张三丰", "张*", "李四", "王先生"])
_docs = st.fixed_dictionaries(
    {},
    optional={
        "name": _values,
        "email": st.sampled_from(["a@example.com", "b@example.com"]),
        "province_code": st.sampled_from(["310000", "440000"]),
        "city_code": st.sampled_from(["310100", "440300"]),
        "marks": st.just(["name_defaulted"]),
        "ext": st.dictionaries(st.sampled_from("ab"), st.integers(0, 2), max_size=2),
        "need": st.lists(_values, max_size=2),
    },
)


@given(
    st.lists(st.tuples(_docs, st.integers(0, 3), st.sampled_from(["douyin", "webform"]))),
    st.randoms(use_true_random=False),
)
def test_the_order_of_leads_never_matters_and_no_value_is_lost(
    made: list[tuple[dict[str, Any], int, str]], chance: Any
) -> None:
    leads = [
        a_lead(n, day=day, platform=platform, **doc) for n, (doc, day, platform) in enumerate(made)
    ]
    shuffled = list(leads)
    chance.shuffle(shuffled)

    found = profile(leads, RULES, ("douyin",))

    assert profile(shuffled, RULES, ("douyin",)) == found
    for name in ("name", "email", "province_code", "city_code"):
        stated = {lead.doc[name] for lead in leads if name in lead.doc}
        settled = found.settled.get(name)
        kept = {claim.value for claim in settled.conflicts} if settled else set()
        assert kept | ({settled.won.value} if settled and settled.won else set()) == stated


@pytest.mark.parametrize(
    "document",
    [{}, {"default": ["luck"]}, {"default": [], "fields": {"name": {}}, "union": ["name"]}],
)
def test_rules_that_make_no_sense_are_refused_in_words(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="survivorship"):
        parse_rules(document)
