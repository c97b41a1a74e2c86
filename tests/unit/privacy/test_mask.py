"""A mask shows what it says and no more, whatever is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.privacy.mask import mask_id, mask_name, mask_phone, mask_text, mask_value

# Surrogates, too: a payload may hold half of an emoji.
ANY = st.text(st.characters(exclude_categories=()))
DIGITS = st.text("0123456789０１２３４５６７８９+- ()*", max_size=30)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+8613800001234", "+86138****1234"),
        ("13800001234", "138****1234"),
        ("１３８００００１２３４", "138****1234"),
        ("138 0000-1234", "138****1234"),
        ("075512345678", "****5678"),
        ("+85212345678", "852****5678"),
        ("1234567", "*******"),
        ("138****1234", "********"),
        ("张三", "**"),
        ("", ""),
    ],
)
def test_of_a_phone_the_first_three_and_last_four_digits_are_shown(value: str, shown: str) -> None:
    assert mask_phone(value) == shown


@given(ANY | DIGITS)
def test_of_any_phone_at_least_four_digits_are_hidden(value: str) -> None:
    shown = mask_phone(value)

    assert set(shown) <= set("+*0123456789")
    told = sum(character.isdigit() for character in shown.removeprefix("+86"))
    typed = sum(character.isdigit() for character in value)
    assert told <= 7
    assert told == 0 or typed - told >= 4


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("张三", "张*"),
        ("欧阳小明", "欧***"),
        ("张", "*"),
        ("", ""),
        ("👨\u200d👩三", "👨\u200d👩*"),
        ("e\u0301mile", "e\u0301****"),
    ],
)
def test_of_a_name_the_first_character_is_shown(value: str, shown: str) -> None:
    assert mask_name(value) == shown


@given(ANY)
def test_of_any_name_one_character_at_most_is_shown(value: str) -> None:
    shown = mask_name(value)
    first = shown.rstrip("*") if not value.startswith("*") else value[:1]

    assert value.startswith(first)
    assert len(shown) == len(value)
    assert len(value) != 1 or shown == "*"


@given(ANY)
def test_of_a_text_only_the_length_is_shown(value: str) -> None:
    assert mask_text(value) == f"‹{len(value)} characters›"


@given(ANY)
def test_of_an_id_the_last_four_characters_are_shown_and_of_a_short_one_none(value: str) -> None:
    shown = mask_id(value)

    assert shown == ("…" + value[-4:] if len(value) > 8 else "…")


@given(st.sampled_from(["phone", "name", "text", "id", "unknown"]), st.lists(ANY, max_size=3), ANY)
def test_what_is_nested_is_masked_leaf_by_leaf(kind: str, values: list[str], value: str) -> None:
    masked = mask_value(kind, {"a": values, "b": {"c": value}})
    known = kind if kind != "unknown" else "text"

    assert masked["a"] == [mask_value(known, each) for each in values]
    assert masked["b"]["c"] == mask_value(known, value)


def test_what_names_nobody_is_left_as_it_is() -> None:
    assert mask_value("none", {"a": [1, None]}) == {"a": [1, None]}
    assert mask_value("phone", None) is None
