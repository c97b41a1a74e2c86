"""Whether a contract speaks of nothing but structure: names and types, where things are and what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_STRUCTURAL: Final = frozenset(
    {
        *("$schema", "$id", "title", "description"),
        *("type", "properties", "required", "additionalProperties", "items"),
    }
)
_INNER: Final = frozenset({"properties", "required", "additionalProperties", "items"})


def is_structural(schema: Any, containers: frozenset[str] = frozenset()) -> bool:  # noqa: ANN401 -- any part of a contract
    """Whether payloads of equal names and types are all valid under a contract, or none is.

    `containers` are names directly below whose inside is data: the contract must say nothing of it.
    """
    if not isinstance(schema, Mapping):
        return schema is True
    if any(word not in _STRUCTURAL and not word.startswith("x-") for word in schema):
        return False
    if not isinstance(schema.get("additionalProperties", True), bool):
        return False
    fields = schema.get("properties", {})
    return _are_structural_items(schema.get("items", True)) and all(
        is_structural(inner) and not (name in containers and _INNER & inner.keys())
        for name, inner in fields.items()
    )


def _are_structural_items(schema: Any) -> bool:  # noqa: ANN401 -- any part of a contract
    """Items that are plain values: of an array of objects the key holds the first hundred only."""
    if not isinstance(schema, Mapping):
        return schema is True
    types = schema.get("type", "number")
    kinds = {types} if isinstance(types, str) else set(types)
    is_plain = not _INNER & schema.keys()
    return (
        is_plain and is_structural(schema) and not ("integer" in kinds and "number" not in kinds)
    )
