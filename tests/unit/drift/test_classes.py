"""Classes of values: the form, never the words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.drift.classes import class_of, described, digits_of_class, kind_of_class

CLOSED = re.compile(
    r"null|empty|boolean|object|(integer|number|string:digits|string:number):\d{1,2}"
    r"|string:(phone|masked|date-time|date|json-object|json-array|money|url|email|percent)"
    r"|(string:(cjk|latin|mixed)|array):(1-4|5-12|13-40|41\+)|array:0"
)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        ("", "empty"),
        ("  ", "empty"),
        (True, "boolean"),
        ({}, "object"),
        ([], "array:0"),
        ([1], "array:1-4"),
        (0, "integer:0"),
        (7, "integer:1"),
        (-123, "integer:3"),
        (10**30, "integer:21"),
        (1.5, "number:1"),
        (float("inf"), "number:21"),
        ("0", "string:digits:0"),
        ("110100", "string:digits:6"),
        ("1" * 60, "string:digits:40"),
        ("19900001234", "string:phone"),
        ("199 0000 1234", "string:phone"),
        ("+86 199-0000-1234", "string:phone"),
        ("199****1234", "string:masked"),
        ("13*****1234", "string:masked"),
        ("张*", "string:masked"),
        ("张**", "string:masked"),
        ("2026-02-17 08:00:00", "string:date-time"),
        ("2026-02-17T08:00:00.000Z", "string:date-time"),
        ("2026年3月1日", "string:date"),
        ("2026/3/1", "string:date"),
        ("1772340000", "string:digits:10"),
        ("5000-8000", "string:money"),
        ("3万以内", "string:money"),
        ("预算5000元", "string:money"),
        ("1-3万", "string:money"),
        ("8k", "string:money"),
        ("¥3,000.00", "string:money"),
        ("5000左右", "string:money"),
        ("10万以上", "string:money"),
        ("99.50", "string:number:2"),
        ("12.5%", "string:percent"),
        ("https://example.com/a?b=1", "string:url"),
        ("a@example.com", "string:email"),
        ('{"a":1}', "string:json-object"),
        ("[1]", "string:json-array"),
        ("口腔种植", "string:cjk:1-4"),
        ("STAR_ANCHOR", "string:latin:5-12"),
        ("5岁", "string:mixed:1-4"),
        ("😀", "string:mixed:1-4"),
        ("010-12345678", "string:latin:5-12"),
        ("3-6岁", "string:mixed:1-4"),
        ("想了解一下价格，周末上课", "string:cjk:5-12"),
    ],
)
def test_a_value_has_the_class_of_its_form(value: Any, name: str) -> None:
    assert class_of(value) == name


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    st.text(max_size=60) | st.integers() | st.floats() | st.from_regex(r"[\d元万*@.\-: ]{1,20}")
)
def test_the_vocabulary_is_closed(value: Any) -> None:
    if value == value:  # what is no number is no JSON
        assert CLOSED.fullmatch(class_of(value))
        assert described(value)


def test_a_long_text_is_not_read_to_its_end() -> None:
    assert class_of("1-" * 100_000) == "string:latin:41+"


def test_a_description_says_nothing_of_the_value() -> None:
    assert described("19900001234") == "string, a mobile number"
    assert described({"a": 1, "b": 2}) == "object with 2 fields"
    assert described("张三丰") == "string, cjk, 1-4 characters"
    assert described("99.50") == "string, 2 digits before the point"


def test_kind_and_digits_of_a_class() -> None:
    assert [kind_of_class(name) for name in ("empty", "integer:3", "array:1-4")] == [
        "string",
        "integer",
        "array",
    ]
    assert [digits_of_class(n) for n in ("integer:3", "string:digits:10", "string:cjk:1-4")] == [
        3,
        10,
        None,
    ]
