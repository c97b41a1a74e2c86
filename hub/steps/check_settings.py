"""Look at every configured source before anything arrives: a wrong option must not be found by a lead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hub.connectors.base import Connector, connectors
from hub.errors import ConfigError
from hub.mapping.nearest import expected_one_of
from hub.settings import HubSettings, SourceSettings, config_path, line_in_settings


def settings_problems(settings: HubSettings, path: Path | None = None) -> list[str]:
    """One line for each source that cannot work as configured: file, line, what to write instead."""
    found = connectors()
    problems = []
    for source_key, source in settings.sources.items():
        try:
            check_source(source, found)
        except ConfigError as error:
            where = _where(source_key, path or config_path())
            problems.append(f"{where}sources.{source_key}: {error}")
    return problems


def require_sound(settings: HubSettings) -> None:
    """Refuse to start with a source that cannot work.

    Raises:
        ConfigError: the first problem, and how many more there are.
    """
    problems = settings_problems(settings)
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


def _where(source_key: str, path: Path) -> str:
    """`file:line: ` of a source, nothing if it stands in no file."""
    if not path.exists():
        return ""
    return f"{path}:{line_in_settings(('sources', source_key), path)}: "
