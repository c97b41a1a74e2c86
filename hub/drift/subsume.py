"""Whether every payload of one contract is valid under another, and which is not.

Each rule of the reader's contract is taken by itself: either no payload of the writer can violate it,
or a payload is made that does, or the matter is undecided. A contract is the sum of its rules, so that
"no rule can be violated" is a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from hub.drift.keywords import (
    BOUNDS,
    CONDITION,
    ELSEWHERE,
    KINDS,
    LOWER,
    OF_NUMBERS,
    OF_OBJECTS,
    OF_STRINGS,
    OPAQUE,
    UPPER,
    Schema,
    acceptor,
    check_schema,
    kinds_of,
    members_of,
    pointer_to,
    same,
    stands_alone,
    text_of,
)
from hub.drift.sample import (
    NoSampleError,
    candidates,
    filled_array,
    item_schema,
    member_schema,
    minimal_object,
    sample,
    sample_of,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule of the reader that a payload breaks, or of which that is undecided.

    `pointer` is a JSON Pointer into the payload (an array's items stand at 0); `keyword` names the rule;
    `witness` is a whole payload, valid for the writer and not for the reader, None if undecided;
    `unlisted`: only by a field that the writer's contract does not name.
    """

    pointer: str
    keyword: str
    reason: str
    witness: Any = None
    decided: bool = True
    unlisted: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the comparison stands: how a value here becomes a whole payload, and whether it is named."""

    pointer: str
    whole: Callable[[Any], Any]
    unlisted: bool = False


def findings(reader: Schema, writer: Schema) -> list[Finding]:
    """What of the writer's payloads the reader refuses; none: every payload is valid for both.

    Every witness was checked with both contracts.

    Raises:
        ConfigError: one of them is no JSON Schema.
    """
    for schema in (reader, writer):
        check_schema(schema)
    if text_of(reader) == text_of(writer):
        return []
    reads, writes = acceptor(reader), acceptor(writer)
    found: dict[tuple[str, str], Finding] = {}
    for one in _node(reader, writer, _Place("", lambda value: value)):
        checked = one
        if one.decided and not (writes(one.witness) and not reads(one.witness)):
            checked = replace(one, witness=None, decided=False, reason=f"{one.reason}: no example")
        key = (checked.pointer, checked.keyword)
        if key not in found or _weight(checked) < _weight(found[key]):
            found[key] = checked
    return sorted(found.values(), key=lambda one: (_weight(one), one.pointer, one.keyword))


def _weight(finding: Finding) -> int:
    """Order of importance: breaks by a named field, undecided, breaks by an unlisted one."""
    if not finding.decided:
        return 1
    return 2 if finding.unlisted else 0


def _node(reader: Schema, writer: Schema, place: _Place) -> Iterator[Finding]:
    if reader is True or same(reader, writer):
        return
    members = members_of(writer)
    if members is not None:
        yield from _from_members(reader, writer, members, place)
        return
    if isinstance(reader, bool):
        yield from _example(
            place, "additionalProperties", "is not allowed", lambda: sample(writer)
        )
        return
    yield from _elsewhere(reader, writer, place)
    yield from _types(reader, writer, place)
    yield from _members(reader, writer, place)
    yield from _bounds(reader, writer, place)
    shared = kinds_of(reader) & kinds_of(writer)
    if "object" in shared:
        yield from _object(reader, writer, place)
    if "array" in shared:
        yield from _array(reader, writer, place)


def _example(
    place: _Place, keyword: str, reason: str, make: Callable[[], Any]
) -> Iterator[Finding]:
    """A finding with the value that `make` gives; none if there can be no such value."""
    try:
        yield Finding(place.pointer, keyword, reason, place.whole(make()), unlisted=place.unlisted)
    except NoSampleError as error:
        if not error.empty:
            yield _undecided(place, keyword, f"{reason}: no example")


def _undecided(place: _Place, keyword: str, reason: str) -> Finding:
    return Finding(place.pointer, keyword, reason, decided=False, unlisted=place.unlisted)


def _from_members(
    reader: Schema, writer: Schema, members: list[Any], place: _Place
) -> Iterator[Finding]:
    """A writer that lists its values is decided by trying them."""
    reads, writes = acceptor(reader), acceptor(writer)
    if not (stands_alone(reader) and stands_alone(writer)):
        yield _undecided(place, "enum", "refers to another place")
        return
    for value in members:
        if writes(value) and not reads(value):
            keyword = "type" if _is_type(reader, value) else "enum"
            if reader is False:
                keyword = "additionalProperties"
            yield from _example(place, keyword, "a listed value is refused", lambda v=value: v)  # type: ignore[misc]  # the default binds the value
            return


def _is_type(reader: Schema, value: Any) -> bool:  # noqa: ANN401 -- any JSON value
    if isinstance(reader, bool) or "type" not in reader:
        return False
    return not acceptor({"type": reader["type"]})(value)


def _elsewhere(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    """Keywords whose meaning is not compared: undecided, unless both sides say the same."""
    theirs: Any = {} if isinstance(writer, bool) else writer
    for word in ELSEWHERE:
        if word in reader:
            yield _undecided(place, word, f"{word} is not compared")
    for word in OPAQUE:
        if word in reader and not (word in theirs and same(reader[word], theirs[word])):
            yield _undecided(place, word, f"{word} is not compared")
    if any(word in reader for word in CONDITION):
        mine, other = ({w: one[w] for w in CONDITION if w in one} for one in (reader, theirs))
        if not same(mine, other):
            yield _undecided(place, "if", "if/then/else is not compared")


def _types(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    refused = kinds_of(writer) - kinds_of(reader)
    for kind in KINDS:
        if kind in refused:
            reason = f"{'number' if kind == 'fraction' else kind} is not among the types"
            found = list(_example(place, "type", reason, lambda k=kind: sample_of(writer, k)))  # type: ignore[misc]  # the default binds the kind
            yield from found
            if found and found[0].decided:
                return


def _members(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    """A reader that lists its values against a writer that does not."""
    members = members_of(reader)
    if members is None:
        return
    allowed = acceptor({"enum": members})
    kinds = kinds_of(writer) & kinds_of(reader)
    yield from _search(writer, reader, kinds, allowed, (place, "enum", "a value is not listed"))


def _search(
    writer: Schema,
    near: Schema,
    kinds: frozenset[str],
    allowed: Callable[[Any], bool],
    words: tuple[_Place, str, str],
) -> Iterator[Finding]:
    """Try values of the writer until one is not allowed; of null and boolean all are tried."""
    place, keyword, reason = words
    writes, finite = acceptor(writer), stands_alone(writer)
    for kind in (kind for kind in KINDS if kind in kinds):
        finite = finite and kind in ("null", "boolean")
        try:
            for value in candidates(writer, kind, near):
                if writes(value) and not allowed(value):
                    yield from _example(place, keyword, reason, lambda v=value: v)  # type: ignore[misc]  # the default binds the value
                    return
        except NoSampleError:
            continue
    if not finite:
        yield _undecided(place, keyword, f"{reason}: no example")


def _bounds(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    theirs: Any = {} if isinstance(writer, bool) else writer
    for word in BOUNDS:
        kinds = _kinds_bound_by(word) & kinds_of(writer) & kinds_of(reader)
        if word not in reader or not kinds or _implied(word, reader[word], theirs):
            continue
        allowed = acceptor({word: reader[word]})
        reason = f"{word} {reader[word]} can be violated"
        yield from _search(writer, {word: reader[word]}, kinds, allowed, (place, word, reason))


def _kinds_bound_by(word: str) -> frozenset[str]:
    if word in OF_NUMBERS:
        return frozenset({"integer", "fraction"})
    if word in OF_OBJECTS:
        return frozenset({"object"})
    return frozenset({"string"} if word in OF_STRINGS else {"array"})


_COUNTS: Final = ("minLength", "minItems", "minProperties")
_STRICTER: Final = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}


def _implied(word: str, bound: Any, theirs: Any) -> bool:  # noqa: ANN401 -- a number or a pattern
    """Whether the writer's own bounds say as much."""
    if bound is False or (word in _COUNTS and bound == 0):
        return True
    for other in (word, _STRICTER.get(word, word)):
        if other not in theirs:
            continue
        if word in LOWER and theirs[other] >= bound:
            return True
        if word in UPPER and theirs[other] <= bound:
            return True
        if theirs[other] == bound:
            return True
    return False


def _object(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    theirs: Any = {} if isinstance(writer, bool) else writer
    for name in reader.get("required", ()):
        if name not in theirs.get("required", ()):
            inner = replace(place, pointer=pointer_to(place.pointer, name))
            yield from _example(inner, "required", "is required", lambda: minimal_object(writer))
    yield from _named(reader, writer, place)
    if reader.get("additionalProperties", True) is True:
        return
    if "patternProperties" in theirs:
        yield _undecided(place, "patternProperties", "patternProperties is not compared")
    yield from _others(reader, writer, place)


def _member_place(writer: Schema, name: str, place: _Place, *, listed: bool) -> _Place:
    def whole(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
        return place.whole(minimal_object(writer, {name: value}))

    pointer = pointer_to(place.pointer, name)
    return _Place(pointer, whole, unlisted=place.unlisted or not listed)


def _named(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    """The members that the reader names."""
    theirs: Any = {} if isinstance(writer, bool) else writer
    for name, expected in sorted(reader.get("properties", {}).items()):
        listed = name in theirs.get("properties", {}) or name in theirs.get("required", ())
        named = name in theirs.get("properties", {})
        if not named and "patternProperties" in theirs and expected is not True:
            yield _undecided(place, "patternProperties", "patternProperties is not compared")
        inner = _member_place(writer, name, place, listed=listed)
        found = _node(expected, member_schema(writer, name), inner)
        yield from found if listed else _first(found)


def _others(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    """The members that the reader does not name: those the writer does, and any further one."""
    theirs: Any = {} if isinstance(writer, bool) else writer
    expected = reader["additionalProperties"]
    known = set(reader.get("properties", {}))
    for name in sorted(set(theirs.get("properties", {})) - known):
        inner = _member_place(writer, name, place, listed=True)
        yield from _node(expected, theirs["properties"][name], inner)
    fresh = _fresh_name(known | set(theirs.get("properties", {})))
    inner = replace(_member_place(writer, fresh, place, listed=False), pointer=place.pointer)
    for one in _first(_node(expected, member_schema(writer, fresh), inner)):
        yield replace(one, keyword="additionalProperties")


def _first(found: Iterator[Finding]) -> Iterator[Finding]:
    """Up to the first that has a witness: of what the writer does not describe, one example is enough."""
    for one in found:
        yield one
        if one.decided:
            return


def _fresh_name(taken: set[str]) -> str:
    name = "unlisted"
    while name in taken:
        name += "_"
    return name


def _array(reader: Any, writer: Schema, place: _Place) -> Iterator[Finding]:  # noqa: ANN401
    theirs: Any = {} if isinstance(writer, bool) else writer
    expected, given = item_schema(reader), item_schema(writer)
    if expected is True or theirs.get("maxItems", 1) == 0:
        return
    if "prefixItems" in theirs:
        yield _undecided(place, "prefixItems", "prefixItems is not compared")
        return

    def whole(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
        return place.whole(filled_array(writer, value))

    unlisted = place.unlisted or "items" not in theirs
    inner = _Place(pointer_to(place.pointer, "0"), whole, unlisted=unlisted)
    yield from _node(expected, given, inner)
