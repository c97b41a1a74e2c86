"""Patterns on RE2: matching time grows with the text, never with what the pattern could try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import re2

from hub.errors import ConfigError

MAX_PATTERN = 500


class Match(Protocol):
    """What a match can tell."""

    def group(self, group: int | str = 0, /) -> str | None:
        """The text of a group."""
        ...


def compile_pattern(pattern: object, where: str) -> Callable[[str], Match | None]:
    """The search function of `pattern`, without regard to case.

    Raises:
        ConfigError: no text, too long, or nothing RE2 can read (it knows no look-around and no
            back-references); names `where`.
    """
    if not isinstance(pattern, str) or not pattern or len(pattern) > MAX_PATTERN:
        raise ConfigError(f"{where}: a pattern is text of 1 to {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = 8 << 20
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise ConfigError(f"{where}: pattern {pattern!r} is not valid RE2") from error
    return _safe_search(compiled.search)


def escape(text: str) -> str:
    """`text` as a pattern that matches just it."""
    return str(re2.escape(text))


def _safe_search(search: Callable[[str], Match | None]) -> Callable[[str], Match | None]:
    def safe(text: str) -> Match | None:
        try:
            return search(text)
        except UnicodeEncodeError:
            return None  # a lone surrogate: no UTF-8 text, so nothing matches it

    return safe
