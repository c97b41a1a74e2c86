"""Small payloads that a schema allows, made of invented values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from hub.drift.keywords import (
    KINDS,
    Schema,
    acceptor,
    kind_of,
    kinds_of,
    members_of,
    stands_alone,
)

# What patterns in contracts usually ask for; each is tried against the schema.
_TEXTS: Final = (
    "a", "", "测试", "0", "1", "110000", "2026-02-17", "2026-02-17 08:00:00",
    "2026-02-17T08:00:00.000Z", "2026-02-17T08:00:00+08:00", "+8619900001234", "19900001234",
    "a@example.com", "https://example.com/", "{}", "A", "a-b", "a_b", "1-0-0", "0" * 64, "11010119900101001X",
)  # fmt: skip
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_LONGEST = 10_000
_MEMBERS = 20
_COUNTS: Final = ("minProperties", "maxProperties")


class NoSampleError(Exception):
    """No value was found; `empty` if it is certain that there is none."""

    def __init__(self, *, empty: bool) -> None:
        super().__init__("no value" if empty else "no value found")
        self.empty = empty


def sample(schema: Schema) -> Any:  # noqa: ANN401 -- any JSON value
    """The smallest value of the first kind that works.

    Raises:
        NoSampleError: none was found, or there is none.
    """
    empty = True
    for kind in KINDS:
        try:
            return sample_of(schema, kind)
        except NoSampleError as error:
            empty = empty and error.empty
    raise NoSampleError(empty=empty)


def sample_of(schema: Schema, kind: str) -> Any:  # noqa: ANN401 -- any JSON value
    """The smallest value of one kind.

    Raises:
        NoSampleError: none was found, or there is none.
    """
    if kind not in kinds_of(schema):
        raise NoSampleError(empty=True)
    valid = acceptor(schema)
    for value in candidates(schema, kind):
        if valid(value):
            return value
    raise NoSampleError(empty=members_of(schema) is not None and stands_alone(schema))


def candidates(schema: Schema, kind: str, near: Schema = True) -> Iterator[Any]:
    """Values of a kind that may be valid, smallest first; `near` gives further bounds to try.

    Raises:
        NoSampleError: there can be none, or a part of it has none.
    """
    members = members_of(schema)
    if members is not None:
        yield from (value for value in members if kind_of(value) == kind)
        return
    if kind == "null":
        yield None
    elif kind == "boolean":
        yield from (False, True)
    elif kind in ("integer", "fraction"):
        yield from _numbers(schema, near, whole=kind == "integer")
    elif kind == "string":
        yield from _strings(schema, near)
    else:
        yield from _arrays(schema, near) if kind == "array" else _objects(schema, near)


def minimal_object(schema: Schema, known: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
    """An object with what is required and what is `known`.

    Raises:
        NoSampleError: a required member has no value.
    """
    given = {} if isinstance(schema, bool) else schema
    names = [name for name in given.get("required", ()) if name not in known]
    return {name: sample(member_schema(schema, name)) for name in names} | dict(known)


def member_schema(schema: Schema, name: str) -> Schema:
    """What an object's schema says of a member: by name, else by `additionalProperties`."""
    if isinstance(schema, bool):
        return schema
    found: Schema = schema.get("properties", {}).get(
        name, schema.get("additionalProperties", True)
    )
    return found


def item_schema(schema: Schema) -> Schema:
    """What an array's schema says of its items."""
    found: Schema = schema if isinstance(schema, bool) else schema.get("items", True)
    return found


def filled_array(schema: Schema, *known: Any) -> list[Any]:  # noqa: ANN401 -- any JSON value
    """An array that starts with `known` and has as many items as it must.

    Raises:
        NoSampleError: an item that must be there has no value.
    """
    least = 0 if isinstance(schema, bool) else min(int(schema.get("minItems", 0)), _LONGEST)
    missing = range(least - len(known))
    return [*known, *(sample(item_schema(schema)) for _ in missing)]


def _numbers(schema: Schema, near: Schema, *, whole: bool) -> Iterator[float]:
    bounds = [
        float(one[word])
        for one in (schema, near)
        if not isinstance(one, bool)
        for word in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")
        if word in one
    ]
    steps = (0, 1, -1) if whole else (0.5, -0.5, 0, 0.25, -0.25)
    for base in (0, 1, *bounds):
        for step in steps:
            value = base + step
            if whole == float(value).is_integer():
                yield int(value) if whole else value


def _strings(schema: Schema, near: Schema) -> Iterator[str]:
    yield from _TEXTS
    yield from (f"value {number}" for number in range(_MEMBERS))
    for one in (schema, near):
        for length in _sizes(one, "minLength", "maxLength"):
            for size in (length - 1, length, length + 1):
                yield from (letter * size for letter in "a0" if 0 <= size <= _LONGEST)


def _objects(schema: Schema, near: Schema) -> Iterator[dict[str, Any]]:
    more = minimal_object(schema)
    yield dict(more)
    most = max((0, *_sizes(schema, *_COUNTS), *_sizes(near, *_COUNTS))) + 1
    given = [] if isinstance(schema, bool) else sorted(schema.get("properties", {}))
    for name in (*given, *(f"unlisted{number}" for number in range(min(most, _LONGEST)))):
        if name not in more:
            try:
                more[name] = sample(member_schema(schema, name))
            except NoSampleError:
                continue
            yield dict(more)


def _arrays(schema: Schema, near: Schema) -> Iterator[list[Any]]:
    least = filled_array(schema)
    yield least
    yield filled_array(schema, *(least[:1] or [sample(item_schema(schema))]) * 2)
    for one in (schema, near):
        for length in _sizes(one, "minItems", "maxItems"):
            for size in (length - 1, length, length + 1):
                if 0 < size <= _LONGEST:
                    yield [sample(item_schema(schema))] * size


def _sizes(schema: Schema, *words: str) -> list[int]:
    return (
        [] if isinstance(schema, bool) else [int(schema[word]) for word in words if word in schema]
    )
