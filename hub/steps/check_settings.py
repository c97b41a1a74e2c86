"""Look at every configured source before anything arrives: a wrong option must not be found by a lead.

What is wrong with alerts is said, too, and stops nobody: leads do not wait for a mended roster.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hub.connectors.base import Connector, connectors
from hub.errors import ConfigError
from hub.mapping.nearest import expected_one_of
from hub.settings import HubSettings, SourceSettings, config_path, line_in_settings
from hub.steps.alerting.policy import policy_problems


def settings_problems(settings: HubSettings, path: Path | None = None) -> list[str]:
    """One line for each source and part of `alerts:` that cannot work: file, line, what to write instead."""
    place = path or config_path()
    about_alerts = (f"{_where_alerts(one, place)}{one}" for one in policy_problems(settings))
    return [*_problems_of_sources(settings, place), *about_alerts]


def _problems_of_sources(settings: HubSettings, path: Path) -> list[str]:
    found = connectors()
    problems = []
    for source_key, source in settings.sources.items():
        try:
            check_source(source, found)
        except ConfigError as error:
            where = _where(("sources", source_key), path)
            problems.append(f"{where}sources.{source_key}: {error}")
    return problems


def require_sound(settings: HubSettings) -> None:
    """Refuse to start with a source that cannot work.

    Raises:
        ConfigError: the first problem, and how many more there are.
    """
    problems = _problems_of_sources(settings, config_path())
    if problems:
        more = f" (and {len(problems) - 1} more: hub doctor)" if len(problems) > 1 else ""
        raise ConfigError(problems[0] + more)


def check_source(source: SourceSettings, found: Mapping[str, Connector]) -> None:
    """Look at one source with the connectors that are installed.

    Raises:
        ConfigError: its platform, push, pulls or options are unknown or wrong.
    """
    if source.platform not in found:
        raise ConfigError(f"platform {expected_one_of(source.platform, found)}")
    connector = found[source.platform]
    if source.push is not None and source.push not in connector.pushes:
        raise ConfigError(f"push {_none_or(source.push, connector.pushes, source.platform)}")
    streams: tuple[str, ...] = getattr(connector, "streams", ())
    for stream in source.pulls:
        if stream not in streams:
            raise ConfigError(f"pulls {_none_or(stream, streams, source.platform)}")
    connector.check(source)


def _none_or(word: str, known: tuple[str, ...], platform: str) -> str:
    return expected_one_of(word, known) if known else f"{word!r}: {platform} has none"


def _where_alerts(problem: str, path: Path) -> str:
    key_path = problem.partition(": ")[0]
    parts = (int(part) if part.isdecimal() else part for part in key_path.split("."))
    return _where(tuple(parts), path)


def _where(location: tuple[str | int, ...], path: Path) -> str:
    """`file:line: ` of a place in the settings, nothing if it stands in no file."""
    if not path.exists():
        return ""
    return f"{path}:{line_in_settings(location, path)}: "
