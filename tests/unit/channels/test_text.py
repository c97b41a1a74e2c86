"""Texts are cut to size between characters, and format nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channels.base import Outgoing
from hub.channels.text import (
    cut_to_bytes,
    fitted,
    href,
    marked_title,
    one_line,
    without_markdown,
    without_tags,
)


@given(st.text(max_size=400), st.integers(3, 300))
def test_what_is_cut_fits_and_is_a_beginning(text: str, limit: int) -> None:
    cut = cut_to_bytes(text, limit)
    plain = text.encode("utf-8", "replace").decode()

    assert len(cut.encode()) <= limit
    assert cut == plain or (cut.endswith("…") and plain.startswith(cut[:-1]))


def test_a_character_of_four_bytes_is_not_cut_in_half() -> None:
    assert cut_to_bytes("😀" * 3, 11) == "😀😀…"


def test_a_joined_emoji_is_not_cut_behind_its_joiner() -> None:
    assert cut_to_bytes("👩‍👧xx", 11) == "👩…"


@given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=5), st.integers(40, 600))
def test_a_message_fits_and_keeps_its_head_and_its_link(
    head: str, lines: list[str], limit: int
) -> None:
    head, tail = cut_to_bytes(one_line(head), 16), "[x](https://a.b)"

    whole = fitted(head, [one_line(line) for line in lines], tail, limit)

    assert len(whole.encode()) <= limit
    assert whole.startswith(head)
    assert whole.endswith(tail)


def test_an_even_larger_head_is_cut_too() -> None:
    assert len(fitted("a" * 50, ["b"], "c" * 50, 60).encode()) == 60


@given(st.text(max_size=200))
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)

    assert len(line.splitlines()) <= 1
    assert line == one_line(line)


def test_letters_are_not_turned_round() -> None:
    """A name with such a sign would show the rest of the line backwards."""
    assert one_line("fair\u202etsil\u2066") == "fairtsil"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<@all> hi", "＜@all＞ hi"),
        ("[a](https://b.c)", "［a］(https://b.c)"),
        ("**x** `y`", "＊＊x＊＊ 'y'"),
        ("# title", "＃ title"),
        ("hub drift try d5858 --answer douyin_id=re_point", None),
    ],
)
def test_nothing_in_a_text_is_markdown_and_a_command_stays_exact(
    text: str, shown: str | None
) -> None:
    assert without_markdown(text) == (shown or text)


def test_a_tag_is_none() -> None:
    assert without_tags('<a href="https://x">[y]</a>') == '＜a href="https://x"＞[y]＜/a＞'


def test_an_address_ends_neither_a_link_nor_an_attribute() -> None:
    assert href('https://a.b/c?d=(e)&f="g" h') == "https://a.b/c?d=%28e%29&f=%22g%22%20h"
    assert href("https://a.b/%E4%B8%AD?x=%20") == "https://a.b/%E4%B8%AD?x=%20"


def test_a_title_is_one_short_line_with_its_mark() -> None:
    title = marked_title(Outgoing("a\nb" + "中" * 200, (), "critical"))

    assert title.startswith("🔴 a b中")
    assert len(title.encode()) <= 250
