"""Paths into a payload, compiled once: `store.store_id`, `data[0].phone`, `items[*].name`.

A step into text reads the text as JSON first, so a field that a platform sends once as an object and
once as JSON in a string has one path. Names that hold a dot are written in quotes: `fields."a.b"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.errors import ConfigError
from hub.mapping.values import Json, decode_json

Getter: TypeAlias = Callable[[dict[str, Json]], Json]

_STEP = re.compile(r'\.?(?:"([^"]+)"|([^.\[\]"]+))|\[(\d{1,4}|\*)\]')
ALL = "*"


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path: names, list positions and `*`."""

    text: str
    steps: tuple[str | int, ...]

    @property
    def root(self) -> str:
        """The top-level name of the path."""
        return str(self.steps[0])

    @property
    def pointer(self) -> str:
        """The JSON Pointer of the path, as far as it names one place."""
        parts: list[str] = []
        for step in self.steps:
            if step == ALL:
                break
            parts.append(str(step).replace("~", "~0").replace("/", "~1"))
        return "".join(f"/{part}" for part in parts if part != "$item")


def parse_path(text: object, where: str) -> Path:
    """The path written as `text`.

    Raises:
        ConfigError: `text` is no path; names `where`.
    """
    if not isinstance(text, str) or not text:
        raise ConfigError(f"{where}: a path is text such as store.store_id, not {text!r}")
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (not steps and match.group(3)):
            raise ConfigError(f"{where}: {text!r} is not a path (a.b, a[0].b, a[*].b)")
        quoted, name, index = match.groups()
        steps.append(quoted or name or (ALL if index == ALL else int(index)))
        at = match.end()
    return Path(text, tuple(steps))


def compile_getter(path: Path) -> Getter:
    """A function that gives the value at `path`, or None; null and empty text are None too."""
    root = path.root
    if len(path.steps) == 1:
        return direct_getter(root)
    if len(path.steps) == 2 and isinstance(path.steps[1], str) and path.steps[1] != ALL:
        return _two_names(root, path.steps[1])
    walk = _walker(path.steps[1:])

    def get(payload: dict[str, Json]) -> Json:
        value = payload.get(root)
        if value is None:
            return None
        value = walk(value)
        return None if value == "" else value

    return get


def direct_getter(key: str | int) -> Getter:
    """A function that gives the value under a key of the prepared payload, or None."""

    def get(payload: dict[Any, Json]) -> Json:
        value = payload.get(key)
        return None if value == "" else value

    return get


def _two_names(root: str, name: str) -> Getter:
    def get(payload: dict[str, Json]) -> Json:
        value = payload.get(root)
        if type(value) is not dict:
            value = _open(value)
            if type(value) is not dict:
                return None
        value = value.get(name)
        return None if value == "" else value

    return get


def _walker(steps: tuple[str | int, ...]) -> Callable[[Json], Json]:
    step, rest = steps[0], steps[1:]
    follow = _walker(rest) if rest else None
    if step == ALL:
        return _every(follow)

    def walk(value: Json) -> Json:
        value = _open(value)
        kind = type(value)
        if kind is dict:
            value = value.get(step)
        elif kind is list and type(step) is int and step < len(value):
            value = value[step]
        else:
            return None
        return value if follow is None or value is None else follow(value)

    return walk


def _every(follow: Callable[[Json], Json] | None) -> Callable[[Json], Json]:
    def walk(value: Json) -> Json:
        value = _open(value)
        if type(value) is not list:
            return None
        found = value if follow is None else [follow(item) for item in value]
        return [item for item in found if item is not None and item != ""] or None

    return walk


def _open(value: Json) -> Json:
    if type(value) is not str:
        return value
    try:
        return decode_json(value)
    except ValueError:
        return None
