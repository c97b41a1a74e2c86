"""The differences between two contracts, place by place, without a judgement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hub.drift.keywords import (
    ANY,
    BOUNDS,
    CONDITION,
    ELSEWHERE,
    LOWER,
    OPAQUE,
    UPPER,
    Schema,
    kind_of,
    kinds_of,
    members_of,
    pointer_to,
    same,
    text_of,
)

_NOT_COMPARED: Final = (*ELSEWHERE, *OPAQUE, *CONDITION)
_LONGEST_TEXT = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference at a JSON Pointer into the payload (an array's items stand at 0).

    `keywords` are the rules that it can break there; none: any rule at or below the pointer.
    """

    kind: str
    pointer: str
    before: str = ""
    after: str = ""
    keywords: tuple[str, ...] = ()


def differences(old: Schema, new: Schema, pointer: str = "") -> Iterator[Difference]:
    """Every difference that the comparison has a name for, in the order of the names."""
    if same(old, new) or (pointer == "" and text_of(old) == text_of(new)):
        return
    old, new = ({} if one is True else one for one in (old, new))
    yield from _types(old, new, pointer)
    if isinstance(old, bool) or isinstance(new, bool):
        return
    yield from _enum(old, new, pointer)
    yield from _bounds(old, new, pointer)
    shared = kinds_of(old) & kinds_of(new)
    if "object" in shared:
        yield from _members(old, new, pointer)
        yield from _openness(old, new, pointer)
    if "array" in shared and ("items" in old or "items" in new):
        inner = pointer_to(pointer, "0")
        yield from differences(old.get("items", True), new.get("items", True), inner)
    for word in _NOT_COMPARED:
        if (word in old or word in new) and not (
            word in old and word in new and same(old[word], new[word])
        ):
            yield Difference(
                "not_understood", pointer, _word(old, word), _word(new, word), (word,)
            )


def type_text(schema: Schema) -> str:
    """The types of a schema for people: `integer, string`; `any` and `nothing` at the ends."""
    return _kinds_text(_said_kinds(schema))


def _kinds_text(kinds: frozenset[str]) -> str:
    if kinds == ANY:
        return "any"
    names = {"number" if kind == "fraction" else kind for kind in kinds}
    return ", ".join(sorted(names - {"integer"} if "number" in names else names)) or "nothing"


def _types(old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
    before, after = _said_kinds(old), _said_kinds(new)
    if before == after:
        return
    kind = "type_changed"
    if before < after:
        kind = "type_widened"
    elif after < before:
        kind = "type_narrowed"
    elif before & after:
        kind = "type_shifted"
    words = ("type", "enum", "additionalProperties")
    yield Difference(kind, pointer, _kinds_text(before), _kinds_text(after), words)


def _said_kinds(schema: Schema) -> frozenset[str]:
    """The kinds that `type` names; where it says nothing, those of the listed values."""
    members = members_of(schema)
    if members is None or isinstance(schema, bool) or "type" in schema:
        return kinds_of(schema)
    return frozenset(kind_of(one) for one in members)


def _enum(old: Schema, new: Schema, pointer: str) -> Iterator[Difference]:
    before, after = members_of(old), members_of(new)
    if before is None and after is None:
        return
    if before is None or after is None:
        kind = "enum_dropped" if after is None else "enum_added"
        yield Difference(kind, pointer, _listed(before), _listed(after), ("enum", "type"))
        return
    had, has = {text_of(one) for one in before}, {text_of(one) for one in after}
    if has - had:
        yield Difference("enum_grew", pointer, "", ", ".join(sorted(has - had)), ("enum", "type"))
    if had - has:
        words = ("enum", "type")
        yield Difference("enum_shrank", pointer, ", ".join(sorted(had - has)), "", words)


def _bounds(old: Any, new: Any, pointer: str) -> Iterator[Difference]:  # noqa: ANN401
    for word in BOUNDS:
        before, after = old.get(word), new.get(word)
        if before == after:
            continue
        kind = "constraint_changed"
        if before is None or after is None:
            kind = "constraint_dropped" if after is None else "constraint_added"
        elif word in LOWER or word in UPPER:
            tighter = after > before if word in LOWER else after < before
            kind = "constraint_tightened" if tighter else "constraint_loosened"
        yield Difference(kind, pointer, _word(old, word), _word(new, word), (word,))


def _members(old: Any, new: Any, pointer: str) -> Iterator[Difference]:  # noqa: ANN401
    mine, theirs = old.get("properties", {}), new.get("properties", {})
    for name in sorted({*mine, *theirs, *old.get("required", ()), *new.get("required", ())}):
        here = pointer_to(pointer, name)
        was, now = name in old.get("required", ()), name in new.get("required", ())
        if (name in mine or was) != (name in theirs or now):
            yield _came_or_went(here, mine.get(name), theirs.get(name), required=now)
            continue
        if was != now:
            words = ("became_optional", "became_required")
            yield Difference(words[now], here, keywords=("required",))
        if name in mine or name in theirs:
            before = mine.get(name, old.get("additionalProperties", True))
            after = theirs.get(name, new.get("additionalProperties", True))
            yield from differences(before, after, here)


def _came_or_went(
    here: str, before: Schema | None, after: Schema | None, *, required: bool
) -> Difference:
    if before is not None or (after is None and not required):
        return Difference("field_removed", here, "" if before is None else type_text(before))
    kind = "field_added_required" if required else "field_added"
    return Difference(kind, here, "", "" if after is None else type_text(after))


def _openness(old: Any, new: Any, pointer: str) -> Iterator[Difference]:  # noqa: ANN401
    word = "additionalProperties"
    before, after = old.get(word, True), new.get(word, True)
    if text_of(before) == text_of(after):
        return
    kind = "further_fields_changed"
    if before is False or after is True:
        kind = "object_opened"
    elif after is False or before is True:
        kind = "object_closed"
    yield Difference(kind, pointer, text_of(before), text_of(after), (word,))


def _listed(members: list[Any] | None) -> str:
    return "" if members is None else _short(", ".join(text_of(one) for one in members))


def _word(schema: Any, word: str) -> str:  # noqa: ANN401 -- a schema that is no boolean
    return f"{word} {_short(text_of(schema[word]))}" if word in schema else ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
