"""What payloads look like, as counts that can be added up: how often a field is filled, with what class of value.

A profile names nobody: classes are forms (`classes.py`), members are words of a vocabulary, and only of
fields that the contract says are not about a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from hub.drift.classes import class_of
from hub.drift.hints import is_data, may_be_listed
from hub.drift.keywords import pointer_to

MOST_POINTERS: Final = 200
MOST_MEMBERS: Final = 40
LONGEST_MEMBER: Final = 24
REST: Final = "…"
OTHER: Final = "…other"
_MOST_KNOWN = 4096
_DECORATION: Final = re.compile(r"[\s:：*＊?？]+")
_LABEL_NAMES: Final = ("label", "title", "question", "name", "key")
_VALUE_NAMES: Final = ("value", "answer", "values", "content")
_DEPTH_OF_UNKNOWN = 2
_PLAIN: Final = (str, int)  # not bool: it equals a number
_BLANK: Final = (type(None), str, list, dict)  # false and nought are values
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Tally:
    """Counts of one field: payloads that name it and that fill it, classes, members where they may be listed.

    What is null, blank, or an empty list or object fills nothing.
    """

    named: int = 0
    filled: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Spot:
    """Where a value is counted. `fields` are described members; `is_container`: answers by label inside."""

    pointer: str
    listed: bool = False
    is_container: bool = False
    is_known: bool = True
    fields: dict[str, _Spot] | None = None


class ProfilePlan:
    """Compiled from a raw contract: where each value of a payload is counted.

    `containers` are payload fields that hold answers by label; each label is a field of the profile.
    Pure but for bounded memos of what it has seen.
    """

    def __init__(self, contract: Mapping[str, Any], containers: Collection[str] = ()) -> None:
        self.root = _spot("", contract, frozenset(containers))
        self._labels: dict[str, str] = {}
        self._known: dict[str | int, tuple[str, str]] = {}

    def known(self, value: str | int) -> tuple[str, str]:
        """The class of a value that is not about a person, and the member that it counts as ("" for none)."""
        found = self._known.get(value)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[value] = (class_of(value), _member(value))
        return found

    def label(self, text: str) -> str:
        """A label as it is counted, however it is spaced, starred or cased; "" for one that is itself data."""
        found = self._labels.get(text)
        if found is None:
            if len(self._labels) >= _MOST_KNOWN:
                self._labels.clear()
            plain = _DECORATION.sub("", unicodedata.normalize("NFKC", text)).casefold()
            found = self._labels[text] = "" if is_data(plain) or not plain.isprintable() else plain
        return found


@dataclass(slots=True)
class Profile:
    """Counts over `records` payloads, by JSON Pointer (items of an array at 0), at most 200 of them.

    What is beyond that is counted together under `…`. Two profiles add up to the profile of both.
    """

    records: int = 0
    fields: dict[str, Tally] = field(default_factory=dict)

    def observe(self, payload: dict[str, Any], plan: ProfilePlan) -> None:
        """Count one payload."""
        self.records += 1
        self._count_fields(payload, plan.root, plan)

    def merge(self, other: Profile) -> None:
        """Add another profile to this one."""
        self.records += other.records
        for pointer, theirs in other.fields.items():
            mine = self.fields.setdefault(pointer, Tally())
            mine.named += theirs.named
            mine.filled += theirs.filled
            _add(mine.classes, theirs.classes)
            _add(mine.members, theirs.members)
            _bound_members(mine)
        self._bound()

    def share(self, pointer: str) -> float:
        """Share of the payloads that fill a field; 0 if there was no payload."""
        tally = self.fields.get(pointer)
        return tally.filled / self.records if tally and self.records else 0.0

    def scaled(self, factor: float) -> Profile:
        """This profile with every count times `factor`, so that what is old weighs less."""
        fields = {
            pointer: Tally(
                round(tally.named * factor),
                round(tally.filled * factor),
                _scaled(tally.classes, factor),
                _scaled(tally.members, factor),
            )
            for pointer, tally in self.fields.items()
        }
        kept = {pointer: tally for pointer, tally in fields.items() if tally.named}
        return Profile(round(self.records * factor), kept)

    def without(self, pointers: Collection[str]) -> Profile:
        """This profile without some fields and what is inside them."""
        gone = tuple(f"{pointer}/" for pointer in pointers)
        kept = {
            pointer: tally
            for pointer, tally in self.fields.items()
            if not f"{pointer}/".startswith(gone)
        }
        return Profile(self.records, kept if gone else dict(self.fields))

    def as_json(self) -> dict[str, Any]:
        """The profile as JSON: `{"records": n, "fields": {pointer: [named, filled, classes, members]}}`."""
        return {
            "records": self.records,
            "fields": {
                pointer: [tally.named, tally.filled, dict(tally.classes), dict(tally.members)]
                for pointer, tally in self.fields.items()
            },
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Profile:
        """The profile that `as_json` gave."""
        fields = {
            pointer: Tally(named, filled, dict(classes), dict(members))
            for pointer, (named, filled, classes, members) in body.get("fields", {}).items()
        }
        return cls(body.get("records", 0), fields)

    def _count_fields(self, value: dict[str, Any], spot: _Spot, plan: ProfilePlan) -> None:
        spots = spot.fields or {}
        for name, inner in value.items():
            known = spots.get(name)
            if known is None:
                self._count_unknown(spot.pointer, name, inner, _DEPTH_OF_UNKNOWN)
            else:
                self._count(known, inner, plan)

    def _count(self, spot: _Spot, value: Any, plan: ProfilePlan) -> None:  # noqa: ANN401 -- any JSON value
        tally = self.fields.get(spot.pointer)
        if tally is None:
            tally = self._tally(spot.pointer)
        tally.named += 1
        if not value and type(value) in _BLANK:
            return
        member = ""
        if spot.listed and type(value) in _PLAIN:
            name, member = plan.known(value)
        else:
            name = class_of(value)
        if name == "empty":
            return
        tally.filled += 1
        classes = tally.classes
        classes[name] = classes.get(name, 0) + 1
        if member:
            self._count_member(tally, member)
        if spot.is_container:
            self._count_answers(spot.pointer, value, plan)
        elif spot.fields is not None and isinstance(value, dict):
            self._count_fields(value, spot, plan)

    def _count_answers(self, pointer: str, value: Any, plan: ProfilePlan) -> None:  # noqa: ANN401 -- any JSON value
        for text, answer in _answers(value):
            label = plan.label(text)
            if label:
                self._count_unknown(pointer, label, answer, 0)

    def _count_unknown(self, parent: str, name: str, value: Any, depth: int) -> None:  # noqa: ANN401 -- any JSON value
        """Count what no contract names: its form alone, and what is inside an object or a list of objects."""
        if is_data(name) or not name.isprintable():
            return
        tally = self._tally(pointer_to(parent, name))
        tally.named += 1
        if not value and type(value) in _BLANK:
            return
        kind = class_of(value)
        if kind == "empty":
            return
        tally.filled += 1
        tally.classes[kind] = tally.classes.get(kind, 0) + 1
        if depth:
            below = pointer_to(parent, name)
            inside = value[0] if isinstance(value, list) and value else value
            below = below if inside is value else f"{below}/0"
            for label, inner in inside.items() if isinstance(inside, dict) else ():
                self._count_unknown(below, label, inner, depth - 1)

    def _tally(self, pointer: str) -> Tally:
        """The tally of a field; past the limit all new ones share one."""
        tally = self.fields.get(pointer)
        if tally is None:
            if len(self.fields) >= MOST_POINTERS - 1:
                pointer = REST
            tally = self.fields.setdefault(pointer, Tally())
        return tally

    @staticmethod
    def _count_member(tally: Tally, text: str) -> None:
        if text not in tally.members and len(tally.members) >= MOST_MEMBERS:
            text = OTHER
        tally.members[text] = tally.members.get(text, 0) + 1

    def _bound(self) -> None:
        """Keep the fields that are filled most often; the order of merging decides nothing else."""
        if len(self.fields) <= MOST_POINTERS:
            return
        named = sorted(self.fields.keys() - {REST}, key=lambda p: (-self.fields[p].filled, p))
        rest = self.fields.setdefault(REST, Tally())
        for pointer in named[MOST_POINTERS - 1 :]:
            tally = self.fields.pop(pointer)
            rest.named += tally.named
            rest.filled += tally.filled
            _add(rest.classes, tally.classes)


def _spot(
    pointer: str,
    schema: Any,  # noqa: ANN401 -- any part of a contract
    containers: frozenset[str] = frozenset(),
) -> _Spot:
    """`containers` are names directly below this place."""
    if not isinstance(schema, Mapping):
        return _Spot(pointer)
    spot = _Spot(pointer, listed=schema.get("x-pii") == "none")
    fields = schema.get("properties", {})
    if fields or pointer == "":
        spot.fields = {
            name: _spot(pointer_to(pointer, name), inner) for name, inner in fields.items()
        }
        for name in containers & fields.keys():
            spot.fields[name] = _Spot(pointer_to(pointer, name), is_container=True)
    return spot


def _member(value: str | int) -> str:
    """A text that may be shown as it is, `…other` for any other text, nothing for a number."""
    if not isinstance(value, str):
        return ""
    return value if len(value) <= LONGEST_MEMBER and may_be_listed(value) else OTHER


def _answers(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- any JSON value
    """Label and answer, from an object, a list of `{label, value}`, or either as JSON text."""
    if isinstance(value, str):
        try:
            value = _decode(value) if value[:1] in "{[" else None
        except (msgspec.DecodeError, RecursionError):
            return
    if isinstance(value, dict):
        yield from value.items()
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            label = next((item[name] for name in _LABEL_NAMES if name in item), None)
            if isinstance(label, str):
                yield label, next((item[name] for name in _VALUE_NAMES if name in item), None)


def _add(mine: dict[str, int], theirs: Mapping[str, int]) -> None:
    for name, count in theirs.items():
        mine[name] = mine.get(name, 0) + count


def _bound_members(tally: Tally) -> None:
    if len(tally.members) <= MOST_MEMBERS + 1:
        return
    named = sorted(tally.members.keys() - {OTHER}, key=lambda m: (-tally.members[m], m))
    for name in named[MOST_MEMBERS:]:
        tally.members[OTHER] = tally.members.get(OTHER, 0) + tally.members.pop(name)


def _scaled(counts: Mapping[str, int], factor: float) -> dict[str, int]:
    scaled = {name: round(count * factor) for name, count in counts.items()}
    return {name: count for name, count in scaled.items() if count}
