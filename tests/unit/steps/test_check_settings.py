"""What cannot work as configured is said before anything arrives, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.connectors.base import connectors
from hub.errors import ConfigError
from hub.settings import HubSettings, SourceSettings, load_settings
from hub.steps.check_settings import require_sound, settings_problems

# What a source of a platform cannot be without.
REQUIRED: dict[str, dict[str, Any]] = {"declarative": {"entity": "contract"}}


def problem_of(**source: Any) -> str:
    settings = HubSettings(sources={"a": SourceSettings(**source)})
    [problem] = settings_problems(settings, Path("there is none.yaml"))
    return problem


def test_an_unknown_platform_names_the_nearest() -> None:
    assert "did you mean douyin?" in problem_of(platform="douyn")


def test_an_unknown_push_names_the_nearest() -> None:
    assert "did you mean form_push?" in problem_of(platform="xiaohongshu", push="formpush")


def test_a_stream_that_is_none_is_refused() -> None:
    assert "did you mean clue?" in problem_of(platform="douyin", pulls=("clues",))
    assert "webform has none" in problem_of(platform="webform", pulls=("clue",))


@pytest.mark.parametrize("platform", sorted(set(connectors()) - {"webform", "file"}))
def test_every_connector_refuses_an_unknown_option(platform: str) -> None:
    said = problem_of(
        platform=platform, options={**REQUIRED.get(platform, {}), "no_such_option": 1}
    )

    assert said.startswith("sources.a: options.no_such_option ")


@pytest.mark.parametrize("platform", sorted(connectors()))
def test_every_connector_names_what_can_be_pushed(platform: str) -> None:
    connector = connectors()[platform]

    assert isinstance(connector.pushes, tuple)
    for push in connector.pushes:
        source = SourceSettings(platform=platform, push=push, options=REQUIRED.get(platform, {}))
        assert connector.entities(source)


def test_file_and_line_are_named(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("sources:\n  good: {platform: webform}\n  bad: {platform: douyn}\n", "utf-8")
    settings = load_settings(path)

    assert settings_problems(settings, path)[0].startswith(f"{path}:3: sources.bad: platform")


def test_nothing_starts_with_a_source_that_cannot_work() -> None:
    broken = {key: SourceSettings(platform="douyn") for key in ("a", "b", "c")}

    with pytest.raises(ConfigError, match="and 2 more: hub doctor"):
        require_sound(HubSettings(sources=broken))
    require_sound(HubSettings())
