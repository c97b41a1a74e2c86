from __future__ import annotations

import pytest

from hub.definitions import names
from hub.errors import ConfigError
from hub.settings import SourceSettings


@pytest.mark.parametrize("text", ["plain_1", "form-site", "a.b"])
def test_common_source_keys_stay_readable(text):
    assert names.raw(text).path == ["raw", text]
    assert names.identifier(text) == text.replace("-", "_").replace(".", "_")


def test_other_source_keys_become_names_that_dagster_takes():
    """A key part goes into the names of a step's inputs, where Dagster takes ASCII only."""
    assert names.identifier("官网") != names.identifier("公网")
    assert names.raw("官网").path[1].isascii()


def test_two_sources_with_one_name_are_refused_by_both_names():
    names.require_distinct(["a-b", "a_c"])
    with pytest.raises(ConfigError, match=r"'a-b'.*'a_b'"):
        names.require_distinct(["a-b", "a_b"])


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("", ["team:lead-hub"]),
        ("ops@example.com", ["ops@example.com"]),
        ("市场部", ["team:市场部"]),
    ],
)
def test_an_owner_is_a_mailbox_or_a_team(owner, expected):
    assert names.owners(SourceSettings(platform="douyin", owner=owner)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (SourceSettings(platform="douyin", pulls=("clue",)), "pull"),
        (SourceSettings(platform="douyin", push="clue_push"), "push"),
        (SourceSettings(platform="douyin", push="clue_push", pulls=("clue",)), "push and pull"),
        (SourceSettings(platform="webform", push="form"), "form"),
    ],
)
def test_how_records_arrive_is_said_in_words(source, expected):
    assert names.arrival(source) == expected
