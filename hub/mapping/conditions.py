"""Conditions of a mapping (`when`), compiled: every key of a condition must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hub.errors import ConfigError
from hub.mapping.answers import as_text_or_blank
from hub.mapping.paths import Getter
from hub.mapping.patterns import compile_pattern
from hub.mapping.values import Json, is_absent

Condition: TypeAlias = Callable[[dict[str, Json]], bool]
SourceOf: TypeAlias = Callable[[Json, str], Getter]

_SUBJECTS = ("path", "answer")
_TESTS = ("in", "equals", "present", "matches")


def compile_condition(document: Json, source_of: SourceOf, where: str) -> Condition:
    """A function that says whether a payload meets a condition.

    `{path: p, in: [..]}`, `{path: p, equals: v}` (both compare as text), `{path: p, present: true}`,
    `{path: p, matches: RE2}`; `answer` may stand for `path`; `{not: c}`, `{all: [c]}`, `{any: [c]}`.

    Raises:
        ConfigError: anything else; names `where`.
    """
    if not isinstance(document, dict) or not document:
        raise ConfigError(
            f"{where}: a condition is an object such as {{path: clue_source, in: [4]}}"
        )
    for name in ("not", "all", "any"):
        if name in document and len(document) == 1:
            return _combined(name, document[name], source_of, f"{where}.{name}")
    return _single(document, source_of, where)


def _combined(name: str, inner: Json, source_of: SourceOf, where: str) -> Condition:
    if name == "not":
        condition = compile_condition(inner, source_of, where)
        return lambda payload: not condition(payload)
    if not isinstance(inner, list) or not inner:
        raise ConfigError(f"{where}: a list of conditions")
    conditions = [compile_condition(c, source_of, f"{where}[{n}]") for n, c in enumerate(inner)]
    stop_at = name == "any"

    def combined(payload: dict[str, Json]) -> bool:
        for condition in conditions:
            if condition(payload) is stop_at:
                return stop_at
        return not stop_at

    return combined


def _single(document: dict[str, Json], source_of: SourceOf, where: str) -> Condition:
    subjects = [name for name in _SUBJECTS if name in document]
    tests = [name for name in _TESTS if name in document]
    if len(subjects) != 1 or len(tests) != 1 or len(document) != 2:
        raise ConfigError(f"{where}: one of {_SUBJECTS} and one of {_TESTS}")
    subject = document["path"] if subjects == ["path"] else {"answer": document["answer"]}
    get = source_of(subject, where)
    wanted = document[tests[0]]
    if tests == ["present"]:
        return lambda payload: is_absent(get(payload)) is not bool(wanted)
    if tests == ["matches"]:
        search = compile_pattern(wanted, f"{where}.matches")
        return lambda payload: search(as_text_or_blank(get(payload))) is not None
    members = frozenset(_plain(v) for v in (wanted if tests == ["in"] else [wanted]))

    def is_member(payload: dict[str, Json]) -> bool:
        value = get(payload)
        return value is not None and _plain(value) in members

    return is_member


def _plain(value: Json) -> str:
    kind = type(value)
    if kind is str:
        return str(value).strip()
    if kind is bool:
        return "true" if value else "false"
    return as_text_or_blank(value)
