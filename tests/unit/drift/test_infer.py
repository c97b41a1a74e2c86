"""What payloads say about their contract, and what must not be said of the people in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.drift.infer import infer_contract
from hub.drift.keywords import check_schema, validator

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 2.0])
    | st.sampled_from(["", "高", "低", "19900001234", "2026-02-17", "{}", "ok"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "13800000000"]), inner, max_size=3)
    ),
    max_leaves=6,
)
PAYLOADS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "level", "name"]), VALUES, max_size=4), max_size=60
)
CALM = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def field(values: list[Any], name: str = "f") -> dict[str, Any]:
    contract = infer_contract({name: value} for value in values)
    return dict(contract["properties"][name])


@CALM
@given(PAYLOADS, st.randoms(use_true_random=False))
def test_the_order_of_payloads_does_not_matter(payloads, random):
    shuffled = list(payloads)
    random.shuffle(shuffled)

    assert json.dumps(infer_contract(payloads)) == json.dumps(infer_contract(shuffled))


@CALM
@given(PAYLOADS)
def test_every_payload_is_valid_under_its_own_contract(payloads):
    contract = infer_contract(payloads)
    check_schema(contract)
    valid = validator(contract)

    assert all(valid.is_valid(payload) for payload in payloads)


def test_types_are_united():
    assert field([1, "a", None])["type"] == ["integer", "null", "string"]
    assert field([1, 1.5]) == {"type": "number"}
    assert field([True]) == {"type": "boolean"}


@pytest.mark.parametrize(("count", "required"), [(19, None), (20, ["a"])])
def test_required_needs_twenty_payloads(count: int, required: list[str] | None):
    payloads: list[dict[str, Any]] = [{"a": 1, "b": 2}] * (count - 1) + [{"a": 1}]

    assert infer_contract(payloads).get("required") == required


def test_nested_objects_and_arrays_are_followed():
    contract = infer_contract([{"c": {"p": 1}}, {"c": {"q": "x"}, "l": [1, {"k": None}]}])

    assert contract["properties"]["c"]["properties"] == {
        "p": {"type": "integer"},
        "q": {"type": "string"},
    }
    assert contract["properties"]["l"]["items"] == {
        "type": ["integer", "object"],
        "properties": {"k": {"type": "null"}},
    }


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        (["2026-02-17 08:00:00", "2026-02-17T08:00:00+08:00", "2026/2/17"], "date-time"),
        (["7300000000000000001", "12345"], "digits"),
        (['{"a": 1}', "[]"], "json"),
        (["19900001234", "199****1234", "021-12345678", "+86 19900001234"], "phone"),
        (["19900001234", "张三"], None),
        (["{not json"], None),
        ([""], None),
    ],
)
def test_a_hint_says_what_every_text_looks_like(texts: list[str], hint: str | None):
    assert field(texts).get("x-format") == hint


def test_an_empty_text_says_nothing_against_a_hint():
    assert field(["", "2026-02-17"])["x-format"] == "date-time"


@pytest.mark.parametrize(("count", "listed"), [(49, False), (50, True)])
def test_short_recurring_words_are_listed_from_fifty_on(count: int, listed: bool):
    found = field([["高", "中", "低"][number % 3] for number in range(count)], "level")

    assert ("enum" in found) is listed


def test_null_is_a_member_where_it_occurs():
    assert field(["高", None] * 50, "level")["enum"] == ["高", None]


def test_thirteen_words_are_no_vocabulary():
    assert "enum" not in field([f"word-{number % 13}" for number in range(130)], "level")


def test_a_word_seen_once_is_no_vocabulary():
    assert "enum" not in field(["高"] * 60 + ["低"], "level")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("level", "张三"),
        ("level", "19900001234"),
        ("level", "a@example.com"),
        ("level", "order-20260217"),
        ("level", "Zhang San"),
        ("name", "ok"),
        ("姓名", "好"),
        ("telephone", "a"),
        ("user_id", "x"),
        ("remark", "好"),
        ("顾问", "小明"),
    ],
)
def test_nothing_that_may_be_about_a_person_is_listed(name: str, text: str):
    contract = infer_contract([{name: text}] * 100)

    assert text not in json.dumps(contract["properties"][name], ensure_ascii=False)


def test_below_a_personal_field_nothing_is_listed():
    contract = infer_contract([{"user": {"grade": "ok", "tags": ["ok"]}}] * 100)

    assert "ok" not in json.dumps(contract)


def test_keys_that_are_numbers_of_people_are_not_kept():
    contract = infer_contract([{"calls": {"19900001234": {"n": 1}, "19900001235": {"n": 2}}}])

    assert "1990000" not in json.dumps(contract)
    assert contract["properties"]["calls"]["additionalProperties"]["type"] == "object"


def test_numbers_get_no_bounds():
    assert field(list(range(100))) == {"type": "integer"}


def test_no_payload_gives_an_object_of_anything():
    assert infer_contract([]).keys() == {"$schema", "type"}
