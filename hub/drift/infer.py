"""A contract from payloads: names, types and hints, and nothing of what stood in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hub.drift.hints import hint_of, is_data, may_be_listed, names_person
from hub.drift.keywords import DIALECT

REQUIRED_FROM: Final = 20
ENUM_FROM: Final = 50
ENUM_MEMBERS: Final = 12
_SEEN_AT_LEAST = 2


@dataclass(slots=True)
class _Seen:
    """What was seen at one place; every part of it is a count or a set, so that order says nothing."""

    personal: bool = False
    types: Counter[str] = field(default_factory=Counter)
    hints: Counter[str | None] = field(default_factory=Counter)
    texts: Counter[str] | None = field(default_factory=Counter)
    members: dict[str, _Seen] = field(default_factory=dict)
    keyed: _Seen | None = None
    items: _Seen | None = None


def infer_contract(payloads: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The JSON Schema 2020-12 of payloads, whatever their order.

    A field is required if all of at least 20 objects have it. `x-format` says what every text of a field
    looks like (`date-time`, `digits`, `json`, `phone`). Values are listed only for a text field that is not about
    a person, of at most 12 short words that recur, seen at least 50 times. Numbers get no bounds.
    """
    root = _Seen()
    for payload in payloads:
        _look(root, dict(payload))
    return {"$schema": DIALECT, **({"type": "object"} | _schema(root))}


def _look(seen: _Seen, value: Any) -> None:  # noqa: ANN401 -- any JSON value
    seen.types[_type_of(value)] += 1
    if isinstance(value, str):
        _look_at_text(seen, value)
    elif isinstance(value, dict):
        for key, member in value.items():
            _look(_member(seen, key), member)
    elif isinstance(value, list):
        seen.items = seen.items or _Seen(personal=seen.personal)
        for item in value:
            _look(seen.items, item)


def _member(seen: _Seen, key: str) -> _Seen:
    """Where a member is counted; keys that are data (a phone, an id) share one place and are not kept."""
    if is_data(key):
        seen.keyed = seen.keyed or _Seen(personal=True)
        return seen.keyed
    if key not in seen.members:
        seen.members[key] = _Seen(personal=seen.personal or names_person(key))
    return seen.members[key]


def _look_at_text(seen: _Seen, text: str) -> None:
    if text:
        seen.hints[hint_of(text)] += 1
    if seen.texts is None:
        return
    # One unfit text, or one too many, closes the list for good: the order cannot matter.
    seen.texts[text] += 1
    if seen.personal or len(seen.texts) > ENUM_MEMBERS or not may_be_listed(text):
        seen.texts = None


def _type_of(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _schema(seen: _Seen) -> dict[str, Any]:
    schema: dict[str, Any] = _types(seen) | _text(seen)
    if seen.types["object"]:
        schema |= _object(seen)
    if seen.items is not None and seen.items.types:
        schema["items"] = _schema(seen.items)
    return schema


def _types(seen: _Seen) -> dict[str, Any]:
    names = sorted(seen.types.keys() - ({"integer"} if seen.types["number"] else set()))
    names = [name for name in names if seen.types[name]]
    if not names:
        return {}
    return {"type": names[0] if len(names) == 1 else names}


def _text(seen: _Seen) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if len(seen.hints) == 1 and None not in seen.hints:
        found["x-format"] = next(iter(seen.hints))
    often = seen.types["string"] >= ENUM_FROM and not found
    only = {name for name, count in seen.types.items() if count} <= {"string", "null"}
    if often and only and seen.texts and min(seen.texts.values()) >= _SEEN_AT_LEAST:
        members: list[str | None] = [*sorted(seen.texts)]
        found["enum"] = members + ([None] if seen.types["null"] else [])
    return found


def _object(seen: _Seen) -> dict[str, Any]:
    count = seen.types["object"]
    always = [
        name
        for name, member in sorted(seen.members.items())
        if count >= REQUIRED_FROM and member.types.total() == count
    ]
    found: dict[str, Any] = {"required": always} if always else {}
    if seen.members:
        found["properties"] = {name: _schema(seen.members[name]) for name in sorted(seen.members)}
    if seen.keyed is not None:
        found["additionalProperties"] = _schema(seen.keyed)
    return found
