"""Fields are counted: filled, anomalous, invalid; and never a value is kept."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.quality import (
    EVERYWHERE,
    FieldCount,
    FieldRule,
    LeadCounter,
    RawPlaces,
    disagreements,
    raw_places,
)
from hub.mapping.rules import LineageEdge

CAME = datetime(2026, 2, 17, 8, 0, tzinfo=UTC)
WORDS = {"随便": "随便", "无": "无", "test": "test"}
RULES = {
    "name": FieldRule("name", "姓名", checks=("name_sane",), words=WORDS),
    "budget_min_fen": FieldRule(
        "budget_min_fen",
        "预算",
        is_core=True,
        checks=("budget_sane",),
        words=WORDS,
        also=("budget_max_fen", "ext.budget_text"),
    ),
    "budget_max_fen": FieldRule("budget_max_fen", "预算上限", words=WORDS),
    "id_number": FieldRule("id_number", "身份证号", marks=frozenset({"id_number_invalid"})),
    "need": FieldRule("need", "核心诉求", words=WORDS),
    EVERYWHERE: FieldRule(EVERYWHERE, "", words=WORDS),
}
PLACES = raw_places(
    [
        LineageEdge("name", ("name",)),
        LineageEdge("budget_min_fen", ("answers?预算|budget",), "budget"),
        LineageEdge("budget_max_fen", ("answers?预算|budget",), "budget"),
        LineageEdge("store.name", ("shop.name",)),
    ]
)


def counted(*docs: dict[str, Any], places: RawPlaces = PLACES) -> dict[str, FieldCount]:
    counter = LeadCounter(RULES, places)
    for doc in docs:
        counter.add(doc, CAME)
    return counter.fields


def test_a_field_is_filled_where_a_lead_has_it():
    found = counted({"name": "张三"}, {"name": "李四", "need": ["装修"]}, {})

    assert (found["name"].filled, found["name"].anomalous) == (2, 0)
    assert found["need"].filled == 1


def test_words_that_mean_nothing_are_counted_as_the_list_writes_them():
    found = counted({"name": "ＴＥＳＴ"}, {"need": ["装修", "随便。"]}, {"need": ["装修"]})

    assert found["name"].words == Counter({"test": 1})
    assert (found["need"].filled, found["need"].anomalous) == (2, 1)


def test_what_a_mapping_could_not_use_counts_for_the_field_that_it_was_given_for():
    """预算 随便 is no amount: it stands under `extra`, and is found by the lineage; once, of both its ends."""
    doc = {"extra": {"unmapped": {"answer:budget": "随便"}}, "marks": ["unusable:budget"]}

    assert counted(doc) == {"budget_min_fen": FieldCount(1, 1, 1, words=Counter({"随便": 1}))}


def test_without_a_core_field_it_is_the_first_that_was_meant():
    places = raw_places(
        [LineageEdge("need", ("q",), "asked"), LineageEdge("name", ("q",), "asked")]
    )

    assert list(counted({"extra": {"unmapped": {"q": 1}}}, places=places)) == ["need"]


def test_a_field_that_is_filled_is_not_invalid_for_another_source_of_it():
    doc = {
        "budget_min_fen": 2_000_000,
        "extra": {"unmapped": {"answer:budget": "三五万吧"}},
        "marks": ["unusable:budget"],
    }

    assert counted(doc)["budget_min_fen"] == FieldCount(1, 0, 0)


def test_a_mark_of_the_dictionary_says_that_a_field_could_not_be_used():
    found = counted({"marks": ["id_number_invalid", "city_from_prefix"]})

    assert found["id_number"] == FieldCount(1, 1, 1)


def test_a_value_that_a_rule_made_up_fills_nothing():
    assert counted({"name": "匿名咨询", "marks": ["name_defaulted"]}) == {}


def test_one_end_of_a_budget_or_its_own_words_fill_it():
    upper = counted({"budget_max_fen": 5_000_000})
    words = counted({"ext": {"budget_text": "看心情"}}, {"ext": {"budget_text": "随便"}})

    assert upper["budget_min_fen"].filled == 1
    assert words["budget_min_fen"].filled == 2
    assert words["budget_min_fen"].words == {"随便": 1}
    assert words["ext.budget_text"].anomalous == 1


def test_an_extension_field_that_nobody_described_knows_the_common_words():
    assert counted({"ext": {"grade": "无"}})["ext.grade"].words == {"无": 1}


def test_a_failed_check_is_counted_by_its_name():
    found = counted({"name": "https://example.com"}, {"budget_min_fen": 1})

    assert found["name"].failed == {"name_sane": 1}
    assert found["budget_min_fen"].failed == {"budget_sane": 1}


def test_members_of_an_object_feed_one_field():
    assert "store" in PLACES.fed
    assert PLACES.fields_of["shop.name"] == ("store",)


def test_counts_can_be_stored_added_and_read_back():
    one = FieldCount(3, 2, 1, 1, Counter({"无": 2}), Counter({"name_sane": 1}))
    again = FieldCount.from_json(json.loads(json.dumps(one.as_json())))
    assert again == one

    again.add(one)
    assert again == FieldCount(6, 4, 2, 2, Counter({"无": 4}), Counter({"name_sane": 2}))


_VALUES = st.one_of(
    st.text(min_size=1), st.integers(), st.lists(st.text(min_size=1), min_size=1, max_size=3)
)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(RULES)[1:]), _VALUES), max_size=8))
def test_anomalies_and_invalid_values_are_never_more_than_what_is_filled(docs):
    for count in counted(*docs).values():
        assert count.invalid <= count.anomalous <= count.filled <= len(docs)


@given(st.text(min_size=4))
def test_nothing_of_a_value_is_kept_but_words_of_the_list(text):
    secret = f"秘密{text}"
    stored = json.dumps(
        {
            name: count.as_json()
            for name, count in counted({"name": secret, "need": [secret]}).items()
        },
        ensure_ascii=False,
    )

    assert "秘密" not in stored


@pytest.mark.parametrize(
    ("docs", "expected"),
    [
        ([("a", {"name": "张三"}), ("b", {"name": "张三"})], set()),
        ([("a", {"name": "张三"}), ("b", {"name": "张先生"})], {("b", "name")}),
        ([("a", {"store": {"name": "东店"}}), ("b", {"store": {"id": "1"}})], {("a", "store")}),
        ([("b", {"ext": {"grade": "二"}})], {("b", "ext.grade")}),
    ],
)
def test_a_source_conflicts_where_its_leads_say_something_else_than_the_contact(docs, expected):
    winners = {"name": "张三", "store.name": "西店", "ext.grade": "一"}

    assert disagreements(docs, winners) == expected
