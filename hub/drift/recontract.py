"""Changes of a raw contract: it only ever takes more, so that what was valid stays valid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub.drift.keywords import acceptor
from hub.drift.places import parts_of, schema_at

# Rules of a field that new values may break; each goes if one does.
_RULES: Final = (
    *("pattern", "format", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "multipleOf", "minItems", "maxItems", "x-format"),
)


def copied(document: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of a JSON document."""
    return dict(json.loads(json.dumps(document)))


def with_field(
    contract: Mapping[str, Any], pointer: str, schema: Mapping[str, Any]
) -> dict[str, Any]:
    """A copy that names a field; what stands on the way to it is made an object or a list."""
    copy = copied(contract)
    node = copy
    for part in parts_of(pointer):
        if part.isdigit() and "properties" not in node:
            node = node.setdefault("items", {})
        else:
            node = node.setdefault("properties", {}).setdefault(part, {})
    for name, value in schema.items():
        node.setdefault(name, value)
    return copy


def field_schema(
    inferred: Any,  # noqa: ANN401 -- any part of an inferred contract
    *,
    label: str,
    pii: str,
    required_upstream: bool,
) -> dict[str, Any]:
    """What a contract says of a new field: inferred types and inner fields, nothing required, null allowed."""
    schema = _open(inferred if isinstance(inferred, Mapping) else {})
    if label:
        schema["x-label-zh"] = label
    schema["x-pii"] = pii
    if required_upstream:
        schema["x-required-upstream"] = True
    return schema


def _open(inferred: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    types = inferred.get("type")
    if types is not None:
        listed = [types] if isinstance(types, str) else list(types)
        schema["type"] = sorted({*listed, "null"} - ({"integer"} if "number" in listed else set()))
    if "properties" in inferred:
        inner = inferred["properties"]
        schema["properties"] = {name: _open(one) for name, one in inner.items()}
    if "items" in inferred:
        schema["items"] = _open(inferred["items"])
    return schema


def without_required(contract: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """A copy in which a field is not required."""
    copy = copied(contract)
    *parents, name = parts_of(pointer)
    node = schema_at(copy, "".join(f"/{part}" for part in parents)) if parents else copy
    if isinstance(node, dict) and name in node.get("required", ()):
        node["required"] = [one for one in node["required"] if one != name]
        if not node["required"]:
            del node["required"]
    return copy


def widened(
    contract: Mapping[str, Any], pointer: str, kinds: Sequence[str], values: Sequence[Any]
) -> tuple[dict[str, Any], list[str]]:
    """A copy in which a field takes values of further kinds, and what was changed for that."""
    copy = copied(contract)
    schema = schema_at(copy, pointer)
    changed: list[str] = []
    if not isinstance(schema, dict):
        return copy, changed
    if "type" in schema:
        have = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
        new = [k for k in kinds if k not in have and not (k == "integer" and "number" in have)]
        if new:
            schema["type"] = [*have, *new]
            changed.append(f"type {', '.join(have)} → {', '.join(schema['type'])}")
    for rule in _RULES:
        if rule in schema and not all(map(acceptor({rule: schema[rule]}), values)):
            del schema[rule]
            changed.append(f"{rule} dropped")
    return copy, changed


def with_member(
    contract: Mapping[str, Any], pointer: str, member: str, label: str
) -> dict[str, Any]:
    """A copy whose list of values at a place has one more; `label` is its meaning, "" if unknown."""
    copy = copied(contract)
    schema = schema_at(copy, pointer)
    if not isinstance(schema, dict):
        return copy
    listed = schema.get("x-enum")
    if isinstance(listed, dict):
        listed.setdefault(member, label)
    elif isinstance(listed, list) and member not in listed:
        listed.append(member)
    closed = schema.get("enum")
    if isinstance(closed, list):
        number = int(member) if member.isdecimal() else member
        as_number = bool(closed) and all(isinstance(one, int) for one in closed)
        value = number if as_number else member
        if value not in closed:
            closed.append(value)
    return copy
