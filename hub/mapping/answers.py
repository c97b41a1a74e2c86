"""Answers found by label: forms whose questions the advertiser typed.

A container is an object question → answer, or a list of `{label, value}`. Each label is matched once
against all patterns of a mapping and the result kept, so that a record costs one look-up per answer.
Found answers stand in the prepared payload under their slot, a number: no name of a payload is one.
A label that speaks of another person (推荐人手机) is taken by a pattern that speaks of one, too, and no other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeAlias

from hub.errors import ConfigError
from hub.mapping.notes import Notes
from hub.mapping.paths import Path, compile_getter
from hub.mapping.patterns import compile_pattern, escape
from hub.mapping.values import Json, as_text, clean_text, decode_json, is_absent

BY_VALUE = "answer_by_value"
_NAMES_OF_LABEL = ("label", "title", "question", "name", "key")
_NAMES_OF_VALUE = ("value", "answer", "values", "content")
_MAX_KNOWN_LABELS = 4096
# 推荐人手机 is no phone of the lead's own: only a pattern that says so itself takes such a label.
_OF_ANOTHER = re.compile(r"推荐人|介绍人|紧急联系|担保人|referrer|referee|emergency")
_DECORATION = re.compile(r"[\s:：*＊?？]+")

Pairs: TypeAlias = Iterable[tuple[str, Json]]


def normal_label(label: str) -> str:
    """A label without blanks, colons, stars and question marks, half-width, lower-case."""
    return _DECORATION.sub("", unicodedata.normalize("NFKC", clean_text(label))).casefold()


class Answers:
    """The answer patterns of one mapping; a slot is the place of a pattern's answer."""

    def __init__(self, containers: tuple[Path, ...]) -> None:
        self.containers = containers
        self._getters = tuple((path, compile_getter(path)) for path in containers)
        self._patterns: list[Callable[[str], object]] = []
        self._keys: list[tuple[str, str]] = []
        self._by_value: dict[int, Callable[[str], object]] = {}
        self._known: dict[str, tuple[int, ...]] = {}

    @property
    def slots(self) -> range:
        """All slots."""
        return range(len(self._patterns))

    def slot(self, pattern: object, where: str, or_value: object = None) -> int:
        """The slot of `pattern`; equal patterns share one.

        `or_value` is a pattern of values: if no label fits, the first answer that no slot took and whose
        text fits it stands in the slot, and the record is marked `answer_by_value`.

        Raises:
            ConfigError: the mapping names no containers, or the pattern is unusable.
        """
        if not self.containers:
            raise ConfigError(f"{where}: `answer` needs `answers: {{from: …}}` in the mapping")
        search = compile_pattern(pattern, where)
        key = str(pattern), "" if or_value is None else str(or_value)
        if key not in self._keys:
            if or_value is not None:
                self._by_value[len(self._keys)] = compile_pattern(or_value, f"{where}.or_value")
            self._keys.append(key)
            self._patterns.append(search)
        return self._keys.index(key)

    @staticmethod
    def exact(label: str) -> str:
        """The pattern of just this label, however it is spaced."""
        return f"^{escape(normal_label(label))}$"

    def find(self, payload: dict[str, Json], notes: Notes) -> dict[int, Json]:
        """Slot → answer. What no slot took is noted as left under its container's path.

        The first present answer of a slot wins; a different second one is among what is left. A container
        that cannot be read is left whole and marked.
        """
        found: dict[int, Json] = {}
        for path, get in self._getters:
            container = get(payload)
            if container is None:
                continue
            pairs = _pairs(container)
            if pairs is None:
                notes.unusable(path.text, path.text, container)
                continue
            rest: dict[str, Json] = {}
            for label, value in pairs:
                if not is_absent(value) and not self._take(label, value, found):
                    _keep(rest, label, value)
            if rest:
                notes.left[path.text] = rest
        if self._by_value:
            self._find_by_value(found, notes)
        return found

    def _find_by_value(self, found: dict[int, Json], notes: Notes) -> None:
        """Fill slots that no label filled from what is left of the containers."""
        for slot, search in self._by_value.items():
            if slot in found:
                continue
            for path in self.containers:
                rest = notes.left.get(path.text, {})
                label = _label_of(rest, search)
                if label is not None:
                    found[slot] = rest[label]
                    notes.left[path.text] = {k: v for k, v in rest.items() if k != label}
                    notes.marks.add(BY_VALUE)
                    break

    def _take(self, label: str, value: Json, found: dict[int, Json]) -> bool:
        slots = self._known.get(label)
        if slots is None:
            slots = self._match(label)
        taken = False
        for slot in slots:
            if slot not in found:
                found[slot] = value
                taken = True
            elif found[slot] == value:
                taken = True
        return taken

    def _match(self, label: str) -> tuple[int, ...]:
        plain = normal_label(label)
        is_of_another = _OF_ANOTHER.search(plain) is not None
        slots = tuple(
            n
            for n, search in enumerate(self._patterns)
            if search(plain) and not (is_of_another and not _OF_ANOTHER.search(self._keys[n][0]))
        )
        if len(self._known) >= _MAX_KNOWN_LABELS:
            self._known.clear()  # labels that somebody makes up must not fill the memory
        self._known[label] = slots
        return slots


def _pairs(container: Json) -> Pairs | None:
    if type(container) is str:
        try:
            container = decode_json(container)
        except ValueError:
            return None
    if type(container) is dict:
        return container.items()
    if type(container) is not list:
        return None
    return [_pair(item) for item in container if type(item) is dict]


def _pair(item: dict[str, Json]) -> tuple[str, Json]:
    label = next((item[name] for name in _NAMES_OF_LABEL if name in item), "")
    value = next((item[name] for name in _NAMES_OF_VALUE if name in item), None)
    return (label if type(label) is str else as_text_or_blank(label)), value


def _label_of(rest: Json, search: Callable[[str], object]) -> str | None:
    """The first label whose one answer fits; what is left of a container that cannot be read has none."""
    if type(rest) is not dict:
        return None
    own = (label for label in rest if not _OF_ANOTHER.search(normal_label(label)))
    return next((label for label in own if search(as_text_or_blank(rest[label]))), None)


def as_text_or_blank(value: Json) -> str:
    """`value` as text, "" where it is none."""
    try:
        return as_text(value) or ""
    except ValueError:
        return ""


def _keep(rest: dict[str, Json], label: str, value: Json) -> None:
    if label not in rest:
        rest[label] = value
    elif type(rest[label]) is list:
        rest[label] = [*rest[label], value]
    else:
        rest[label] = [rest[label], value]
