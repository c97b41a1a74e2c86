"""A mistake in `hub.yaml` names file, line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.settings import HubSettings, line_in_settings, load_settings


def error_of(tmp_path: Path, text: str) -> str:
    path = tmp_path / "hub.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    return str(caught.value).removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soures: {}\n", "1: soures: unknown key; did you mean sources?"),
        (
            "sources:\n  a:\n    platform: x\n    signatur: {}\n",
            "4: sources.a.signatur: unknown key; did you mean signature?",
        ),
        (
            "sources:\n  a:\n    platform: x\n    pull:\n      evry_s: 300\n",
            "5: sources.a.pull.evry_s: unknown key; did you mean every_s?",
        ),
        (
            "merchants:\n  - id: default\n  - id: b\n    nmae: x\n",
            "4: merchants.1.nmae: unknown key; did you mean name?",
        ),
        (
            "forms:\n  f:\n    zzz: 3\n",
            "3: forms.f.zzz: unknown key (known: channel,",
        ),
    ],
)
def test_an_unknown_key_names_line_and_the_nearest_valid_one(
    tmp_path: Path, text: str, said: str
) -> None:
    assert error_of(tmp_path, text).startswith(said)


def test_a_wrong_value_names_its_line(tmp_path: Path) -> None:
    text = "sources:\n  a:\n    platform: x\n    pull:\n      every_s: 3\n"

    assert error_of(tmp_path, text).startswith("5: sources.a.pull.every_s: ")


def test_two_equal_keys_are_refused(tmp_path: Path) -> None:
    """The second would win in silence, and a source would be gone."""
    text = "sources:\n  a: {platform: x}\n  a: {platform: y}\n"

    assert error_of(tmp_path, text) == "3: 'a' stands here twice (first in line 2)"


def test_what_is_no_yaml_names_its_line(tmp_path: Path) -> None:
    assert error_of(tmp_path, "sources:\n  a: [\n") == "3: not valid YAML"


def test_an_empty_file_is_a_working_hub(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("", "utf-8")

    assert load_settings(path) == HubSettings()


def test_the_line_of_what_is_not_there_is_that_of_the_nearest_above(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("sources:\n  a:\n    platform: x\n    options:\n      one: 1\n", "utf-8")

    assert line_in_settings(("sources", "a", "options", "one"), path) == 5
    assert line_in_settings(("sources", "a", "options", "two"), path) == 4
    assert line_in_settings(("sources", "b"), path) == 1
