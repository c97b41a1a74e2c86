"""Amounts below zero and business dates as spreadsheets and bills write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.transforms.base import compile_chain
from hub.mapping.transforms.catalog import installed_transforms


def read(chain: Any, value: Any) -> Any:
    function, _ = compile_chain(chain, installed_transforms(), "test")
    assert function is not None
    return function(value)


@pytest.mark.parametrize(
    ("value", "fen"),
    [
        ("-500.5", -50_050),
        ("(1,200.00)", -120_000),
        ("¥1.2万", 1_200_000),
        ("106000.0000000000", 10_600_000),
        (0.1, 10),
        (-3, -300),
        ("", None),
    ],
)
def test_an_amount_may_be_below_zero(value: Any, fen: int | None) -> None:
    assert read("signed_fen", value) == fen


@pytest.mark.parametrize("value", ["0.005", "33.3333333333", "约五千", "1e5"])
def test_what_is_no_amount_in_fen_is_unusable(value: str) -> None:
    with pytest.raises(ValueError, match=r"amount|fen"):
        read("signed_fen", value)


@pytest.mark.parametrize(
    ("value", "fen"),
    [
        (["5", "红字"], -500),
        (["-5", "红字"], -500),
        (["5", "蓝字"], 500),
        (["5", None], 500),
        ([None, "红字"], None),
    ],
)
def test_a_word_can_say_that_an_amount_is_below_zero(value: Any, fen: int | None) -> None:
    assert read({"signed_fen": {"negative": ["红字"]}}, value) == fen


@given(st.integers(-(10**13), 10**13))
def test_every_amount_in_fen_survives_being_written_in_yuan(fen: int) -> None:
    text = f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"

    assert read("signed_fen", text) == fen


def test_the_unit_of_a_column_is_that_of_bare_numbers_only() -> None:
    assert read({"signed_fen": {"unit": "万"}}, "1.5") == 1_500_000
    assert read({"signed_fen": {"unit": "万"}}, "1.5元") == 150


@pytest.mark.parametrize(
    "value",
    [
        *("2026-01-05", "2026/1/5", "2026年1月5日", "20260105", "46027"),
        *("2026-01-05 00:00:00", "2026-01-05 17:30:00", "2026-01-05T17:30:00.123"),
    ],
)
def test_a_business_date_is_read_in_every_usual_notation(value: str) -> None:
    assert read("sheet_date", value) == "2026-01-05"


@pytest.mark.parametrize("value", ["一月初", "2026-02-30", "1926-01-05", "5", "2026-01"])
def test_what_is_no_business_date_is_unusable(value: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read("sheet_date", value)
