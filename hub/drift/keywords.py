"""The keywords of JSON Schema 2020-12, by how far the comparison understands them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, meta

from hub.errors import ConfigError

Schema = Mapping[str, Any] | bool
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
KINDS: Final = ("null", "boolean", "integer", "fraction", "string", "array", "object")
ANY: Final = frozenset(KINDS)
_TYPES: Final = {kind: frozenset({kind}) for kind in KINDS if kind != "fraction"} | {
    "number": frozenset({"integer", "fraction"})
}
# Each narrows what its neighbours allow and depends on none of them: equal on both sides is no change.
OPAQUE: Final = (
    "allOf", "anyOf", "oneOf", "not", "contains", "minContains", "maxContains", "propertyNames",
    "patternProperties", "prefixItems", "dependentRequired", "dependentSchemas",
)  # fmt: skip
CONDITION: Final = ("if", "then", "else")
# What these mean depends on other places, so that even equal ones may differ.
ELSEWHERE: Final = (
    "$ref", "$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems", "dependencies",
)  # fmt: skip
LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT: Final = ("pattern", "multipleOf", "uniqueItems")
BOUNDS: Final = (*LOWER, *UPPER, *EXACT)
OF_NUMBERS: Final = frozenset(
    {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"}
)
OF_STRINGS: Final = frozenset({"minLength", "maxLength", "pattern"})
OF_OBJECTS: Final = frozenset({"minProperties", "maxProperties"})
UNDERSTOOD: Final = (
    "type", "enum", "const", "properties", "required", "additionalProperties", "items", *BOUNDS,
)  # fmt: skip
ANNOTATIONS: Final = (
    "$schema", "$id", "$comment", "$defs", "$anchor", "$dynamicAnchor", "$vocabulary", "title",
    "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format",
    "contentEncoding", "contentMediaType", "contentSchema",
)  # fmt: skip


def kinds_of(schema: Schema) -> frozenset[str]:
    """The kinds of value that `type` lets through; `number` is integers and fractions."""
    if isinstance(schema, bool):
        return ANY if schema else frozenset()
    types = schema.get("type")
    if types is None:
        return ANY
    names = [types] if isinstance(types, str) else list(types)
    return frozenset().union(*(_TYPES[name] for name in names))


def kind_of(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """The kind of one value; 1.0 is an integer, as JSON Schema has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if float(value).is_integer() else "fraction"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def members_of(schema: Schema) -> list[Any] | None:
    """The values that `enum` and `const` list, None where neither stands."""
    if isinstance(schema, bool):
        return None
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def text_of(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """A value as text, equal exactly for equal values: Python holds 1, 1.0 and True to be one."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def same(left: Any, right: Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Whether two schemas are one and the same, and mean the same wherever they stand."""
    return stands_alone(left) and text_of(left) == text_of(right)


def stands_alone(schema: Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Whether nothing in a schema takes its meaning from another place."""
    text = text_of(schema)
    return not any(f'"{word}"' in text for word in ELSEWHERE)


def pointer_to(parent: str, key: str) -> str:
    """The JSON Pointer of a member of what `parent` points to."""
    return f"{parent}/{key.replace('~', '~0').replace('/', '~1')}"


def validator(schema: Schema) -> Draft202012Validator:
    """A validator that reads nothing from elsewhere; `format` is an annotation.

    Raises:
        ConfigError: this is no JSON Schema, or it refers to another document.
    """
    document = schema if isinstance(schema, bool) else dict(schema)
    try:
        return Draft202012Validator(document, validate_formats=False, retriever=_refuse)
    except ValueError as error:
        raise ConfigError("not a JSON Schema that stands on its own") from error


def check_schema(schema: Schema) -> None:
    """Nothing, if this is a JSON Schema.

    Raises:
        ConfigError: it is none.
    """
    document: Any = schema if isinstance(schema, bool) else {**schema, "$schema": DIALECT}
    if not meta.is_valid(document):
        raise ConfigError("not a JSON Schema 2020-12")


def acceptor(schema: Schema) -> Callable[[Any], bool]:
    """What says whether a value is valid; nothing is where a part cannot stand on its own."""
    try:
        return validator(schema).is_valid
    except ConfigError:
        return lambda _: False


def _refuse(uri: str) -> Any:  # noqa: ANN401 -- the library's own signature
    raise ValueError(f"refers to {uri}")
