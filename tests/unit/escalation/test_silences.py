"""Silence patterns: a whole key, `*` for anything, no regular expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.escalation.model import Silence
from hub.escalation.silences import fits, let_go_at, silenced_until
from tests.unit.escalation.builders import NOON, after, an_alert


@pytest.mark.parametrize(
    ("pattern", "is_fit"),
    [
        ("drift:douyin-main", True),
        ("drift:*", True),
        ("*", True),
        ("*douyin*", True),
        ("drift:*main", True),
        ("d*:*-*n", True),
        ("drift:douyin-main*", True),
        ("drift", False),
        ("drift:douyin", False),
        ("*:wecom*", False),
        ("drift:douyin-main*n", False),
        ("drift:douyin.main", False),
        ("[d]rift:*", False),
        ("drift:douyin-mai?", False),
        ("", False),
    ],
)
def test_a_pattern_fits_a_whole_key(pattern: str, is_fit: bool) -> None:
    assert fits(Silence(pattern, NOON), an_alert(dedupe_key="drift:douyin-main")) is is_fit


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_stars_mean_what_they_mean_elsewhere(pattern: str, key: str) -> None:
    expected = re.fullmatch(pattern.replace("*", ".*"), key) is not None if pattern else key == ""

    assert fits(Silence(pattern, NOON), an_alert(dedupe_key=key)) is expected


def test_a_silence_may_be_one_merchants() -> None:
    silence = Silence("*", NOON, merchant="clinic")

    assert fits(silence, an_alert(merchant="clinic"))
    assert not fits(silence, an_alert(merchant="other"))
    assert not fits(silence, an_alert(merchant=None))


def test_the_last_silence_counts() -> None:
    silences = [Silence("drift:*", after(10)), Silence("*", after(30)), Silence("x", after(60))]

    assert silenced_until(an_alert(), silences, NOON) == after(30)
    assert silenced_until(an_alert(), silences, after(30)) is None
    assert let_go_at(an_alert(), silences, after(20)) == after(10)
    assert let_go_at(an_alert(), silences, after(40)) == after(30)


def test_a_silence_that_ended_before_the_alert_opened_held_nothing() -> None:
    assert let_go_at(an_alert(), [Silence("*", NOON)], after(1)) is None
