"""How a payload's structure differs from its contract: a cheap key for every record, sights once per key."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hub.drift.classes import described, json_kind
from hub.drift.hints import is_data, may_be_listed, names_person
from hub.drift.keywords import pointer_to
from hub.drift.kinds import Kind, Sight
from hub.drift.structural import is_structural

MOST_SIGHTS: Final = 50
LONGEST_POINTER: Final = 200
DATA: Final = "<data>"
OTHER: Final = "other"
_LONGEST_TEXT: Final = 80
_MOST_ORDERS = 32
_MOST_FINE = 4096
_MOST_TYPES = 256
_ITEMS_READ = 100
# Where one of these stands, `properties` need not be all that the contract describes.
_ELSEWHERE: Final = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "patternProperties")


_NUMBERS = itertools.count()


@dataclass(slots=True)
class _Place:
    """One place of a contract. `kinds` None: anything goes; `fields` None: what is inside is data."""

    kinds: frozenset[str] | None
    shows: bool
    members: frozenset[str] | None = None
    fields: dict[str, _Place] | None = None
    is_open: bool = False
    required: tuple[str, ...] = ()
    items: _Place | None = None
    # What the key has to look into: objects, arrays, and fields where the type alone does not decide.
    nested: tuple[tuple[str, _Place], ...] = ()
    delicate: tuple[str, ...] = ()
    plans: dict[tuple[str, ...], dict[tuple[type, ...], _Plan]] = field(default_factory=dict)
    last_names: tuple[str, ...] | None = None
    last_plan: _Plan | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What has to be looked at in payloads with the same names and types: the rest does not differ."""

    base: int
    nested: tuple[tuple[str, _Place], ...]
    delicate: tuple[str, ...]
    is_all: bool
    types: tuple[type, ...]


class ShapeReader:
    """Compiled from a raw contract: what is new, missing or of another kind in a payload.

    `containers` are payload fields that hold answers by label: their inner names are data, not structure.
    `decides`: the contract speaks of names and types alone, so that payloads of equal key are all valid or
    none is. Pure but for bounded memos of what it has seen.
    """

    def __init__(self, contract: Mapping[str, Any], containers: Collection[str] = ()) -> None:
        self._root = _compiled("", contract, frozenset(containers))
        listed = list(_listed_places(self._root, ()))
        self._top = tuple(steps[0] for steps, _ in listed if len(steps) == 1)
        self._deep = any(len(steps) > 1 for steps, _ in listed)
        self._listed = tuple(listed)
        self._fine: set[tuple[Any, ...]] = set()
        self.decides = is_structural(contract, frozenset(containers))

    def key(self, payload: dict[str, Any]) -> Hashable:
        """Equal for payloads of equal structure: names and kinds, down to where the contract describes them."""
        return _key(self._root, payload)

    def sights(self, payload: dict[str, Any]) -> tuple[Sight, ...]:
        """Names that are new, required ones that are missing, kinds that are not allowed; at most 50.

        Equal for payloads of equal key, but for the witness.
        """
        found: dict[tuple[Kind, str], Sight] = {}
        for sight in _sights(self._root, payload, ""):
            found.setdefault((sight.kind, sight.pointer), sight)
            if len(found) >= MOST_SIGHTS:
                break
        return tuple(found.values())

    def members(self, payload: dict[str, Any]) -> tuple[Sight, ...]:
        """Values that a field's list of values does not have; nearly always none."""
        if not self._listed:
            return ()
        values = tuple(map(payload.get, self._top))
        try:
            if values in self._fine and not self._deep:
                return ()
        except (
            TypeError
        ):  # an object or array stands where a listed value is expected: sights() tells
            return tuple(self._unknown(payload))
        unknown = tuple(self._unknown(payload))
        if not unknown and len(self._fine) < _MOST_FINE:
            self._fine.add(values)
        return unknown

    def _unknown(self, payload: dict[str, Any]) -> Iterator[Sight]:
        for steps, place in self._listed:
            for value in _values_at(payload, steps):
                text = _member_text(value)
                if text is not None and text not in (place.members or ()):
                    yield _unknown_member(steps, place, text)


def _compiled(
    name: str,
    schema: Any,  # noqa: ANN401 -- any part of a contract
    containers: frozenset[str] = frozenset(),
    *,
    shows: bool = True,
) -> _Place:
    """`containers` are names directly below this place; `shows` is what holds above it."""
    if not isinstance(schema, Mapping):
        return _Place(None, shows=False)
    pii = schema.get("x-pii")
    shows = pii == "none" or (pii is None and shows and not names_person(name))
    place = _Place(_kinds(schema), shows, _members(schema))
    if "items" in schema:
        place.items = _compiled(name, schema["items"], shows=shows)
    if "properties" in schema or "required" in schema:
        _describe(place, schema, containers)
    return place


def _describe(place: _Place, schema: Mapping[str, Any], containers: frozenset[str]) -> None:
    fields = {
        name: _compiled(name, inner, shows=place.shows)
        for name, inner in schema.get("properties", {}).items()
        if isinstance(name, str)
    }
    for name in containers & fields.keys():
        fields[name].fields = fields[name].items = None
        fields[name].required = ()
    place.fields = fields
    keyed = isinstance(schema.get("additionalProperties"), Mapping)
    place.is_open = (
        keyed
        or schema.get("x-open") is True
        or "properties" not in schema
        or any(word in schema for word in _ELSEWHERE)
    )
    place.required = tuple(schema.get("required", ()))
    place.nested = tuple(
        (name, one)
        for name, one in fields.items()
        if one.fields is not None or one.items is not None
    )
    place.delicate = tuple(name for name, one in fields.items() if _is_delicate(one))


def _kinds(schema: Mapping[str, Any]) -> frozenset[str] | None:
    types = schema.get("type")
    if types is None:
        return None
    names = frozenset([types] if isinstance(types, str) else types)
    return names | {"integer"} if "number" in names else names


def _members(schema: Mapping[str, Any]) -> frozenset[str] | None:
    listed = schema.get("x-enum", schema.get("enum"))
    if not isinstance(listed, list | tuple | Mapping):
        return None
    texts = (_member_text(member) for member in listed)
    return frozenset(text for text in texts if text is not None)


def _is_delicate(place: _Place) -> bool:
    """Whether two values of one Python type can differ here: "" beside other text, 1.0 beside 1.5."""
    if place.kinds is None:
        return False
    return "string" not in place.kinds or (
        "integer" in place.kinds and "number" not in place.kinds
    )


def _key(place: _Place, value: dict[str, Any]) -> Hashable:
    names = tuple(value)
    types = tuple(map(type, value.values()))
    plan = place.last_plan
    if plan is None or names != place.last_names or types != plan.types:
        plan = _known_plan(place, names, types)
        if plan is None:
            return _shuffled_key(place, value)
        place.last_names, place.last_plan = names, plan
    if plan.is_all:
        return plan.base
    inner = [_inner_key(one, value[name]) if value[name] else None for name, one in plan.nested]
    return plan.base, *inner, *_odd(plan.delicate, value)


def _known_plan(place: _Place, names: tuple[str, ...], types: tuple[type, ...]) -> _Plan | None:
    """The plan for these names and types; None if there are too many of either."""
    plans = place.plans.get(names)
    if plans is None:
        if len(place.plans) >= _MOST_ORDERS:
            return None
        plans = place.plans[names] = {}
    plan = plans.get(types)
    if plan is None and len(plans) < _MOST_TYPES:
        plan = plans[types] = _plan(place, names, types)
    return plan


def _shuffled_key(place: _Place, value: dict[str, Any]) -> Hashable:
    """A platform that shuffles its names must not make a new key of every payload."""
    names = frozenset(zip(value, map(type, value.values()), strict=True))
    inner = [(name, _inner_key(one, value.get(name))) for name, one in place.nested]
    return names, *inner, *_odd(place.delicate, value)


def _plan(place: _Place, names: tuple[str, ...], types: tuple[type, ...]) -> _Plan:
    type_of = dict(zip(names, types, strict=True))
    nested = tuple((name, one) for name, one in place.nested if type_of.get(name) in (dict, list))
    delicate = tuple(
        name
        for name in place.delicate
        if type_of.get(name) is float
        or (type_of.get(name) is str and "string" not in _kinds_at(place, name))
    )
    return _Plan(next(_NUMBERS), nested, delicate, not nested and not delicate, types)


def _odd(names: tuple[str, ...], value: dict[str, Any]) -> list[str]:
    """Those of the delicate fields whose value is "" or a whole number with a point."""
    get = value.get
    return [
        name
        for name in names
        if (one := get(name)) == "" or (type(one) is float and one.is_integer())
    ]


def _kinds_at(place: _Place, name: str) -> frozenset[str]:
    inner = (place.fields or {}).get(name)
    return (inner.kinds if inner else None) or frozenset()


def _inner_key(place: _Place, value: Any) -> Hashable:  # noqa: ANN401 -- any JSON value
    if not value:
        return "null" if value is None else "empty"
    if isinstance(value, dict) and place.fields is not None:
        return _key(place, value)
    if isinstance(value, list) and place.items is not None:
        if place.items.fields is None and place.items.items is None:
            return frozenset(map(type, value))
        items = value[:_ITEMS_READ]
        return frozenset((type(item), _inner_key(place.items, item)) for item in items)
    return None


def _sights(place: _Place, value: dict[str, Any], pointer: str) -> Iterator[Sight]:
    fields = place.fields
    if fields is None:
        return
    for name in place.required:
        known = fields.get(name)
        if name not in value:
            yield Sight(
                Kind.FIELD_MISSING, _pointer(pointer, name), detail=_expected(known, "absent")
            )
        elif value[name] is None and known is not None and not _allows(known, None):
            yield Sight(
                Kind.FIELD_MISSING, _pointer(pointer, name), detail=_expected(known, "null")
            )
    for name, inner in value.items():
        known = fields.get(name)
        if known is not None:
            yield from _value_sights(known, inner, _pointer(pointer, name))
        elif not place.is_open:
            yield _added(_pointer(pointer, name), inner)


def _value_sights(place: _Place, value: Any, pointer: str) -> Iterator[Sight]:  # noqa: ANN401 -- any JSON value
    if value is None or value == "":  # absent in all but name; a required null is told as missing
        return
    if not _allows(place, value):
        found = {"witness": _witness(place, value)} | _expected(place, json_kind(value))
        yield Sight(Kind.TYPE_CHANGED, pointer, detail=found)
    elif isinstance(value, dict):
        yield from _sights(place, value, pointer)
    elif isinstance(value, list) and place.items is not None:
        for item in value[:_ITEMS_READ]:
            yield from _value_sights(place.items, item, f"{pointer}/0")


def _allows(place: _Place, value: Any) -> bool:  # noqa: ANN401 -- any JSON value
    if place.kinds is None:
        return True
    kind = json_kind(value)
    return kind in place.kinds or (
        kind == "number" and "integer" in place.kinds and float(value).is_integer()
    )


def _added(pointer: str, value: Any) -> Sight:  # noqa: ANN401 -- any JSON value
    detail = {"found": json_kind(value), "witness": described(value)}
    return Sight(Kind.FIELD_ADDED, pointer, detail=detail)


def _expected(place: _Place | None, found: str) -> dict[str, Any]:
    kinds = None if place is None else place.kinds
    return {"expected": ", ".join(sorted(kinds)) if kinds else "any", "found": found}


def _witness(place: _Place, value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """The value itself only where it is a word that says nothing of a person, else its form."""
    text = _member_text(value)
    return text if text and place.shows and may_be_listed(text) else described(value)


def _pointer(parent: str, name: str) -> str:
    """The pointer of a name; a name that is itself data, or that no screen can show, is not kept."""
    shown = DATA if is_data(name) or not name.isprintable() else name
    pointer = pointer_to(parent, shown)
    return pointer if len(pointer) <= LONGEST_POINTER else pointer[: LONGEST_POINTER - 1] + "…"


def _listed_places(
    place: _Place, steps: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], _Place]]:
    """Every place with a list of values; "0" stands for the items of an array."""
    if place.members is not None and steps:
        yield steps, place
    for name, one in (place.fields or {}).items():
        yield from _listed_places(one, (*steps, name))
    if place.items is not None and steps:
        yield from _listed_places(place.items, (*steps, "0"))


def _values_at(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:  # noqa: ANN401 -- any JSON value
    if not steps:
        yield value
    elif isinstance(value, dict):
        yield from _values_at(value.get(steps[0]), steps[1:])
    elif isinstance(value, list) and steps[0] == "0":
        for item in value[:_ITEMS_READ]:
            yield from _values_at(item, steps[1:])


def _member_text(value: Any) -> str | None:  # noqa: ANN401 -- any JSON value
    """A value as the text that lists of values hold; None for what is absent or no plain value."""
    if value is None or value == "" or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _unknown_member(steps: tuple[str, ...], place: _Place, text: str) -> Sight:
    pointer = ""
    for step in steps:
        pointer = _pointer(pointer, step)
    member = text if place.shows and may_be_listed(text) else OTHER
    known = ", ".join(sorted(place.members or ()))
    expected = known if len(known) <= _LONGEST_TEXT else known[: _LONGEST_TEXT - 1] + "…"
    witness = member if member != OTHER else described(text)
    return Sight(
        Kind.ENUM_UNKNOWN,
        pointer,
        member,
        {"expected": expected, "found": member, "witness": witness},
    )
