"""A small valid mapping with one thing changed, and short ways to run it."""

from __future__ import annotations

from typing import Any

from hub.mapping.compile import CompiledMapping, compile_mapping
from hub.mapping.examples import example_context, example_id
from hub.mapping.extensions import ExtensionField
from hub.mapping.transforms.catalog import installed_transforms
from hub.model.lead import Mapped, MappedLead


def a_document(**changed: Any) -> dict[str, Any]:
    return {
        "mapping": "demo/form/1-0-0",
        "from": "raw/demo/form/1-0-0",
        "to": "canonical/lead/1-0-0",
        "key": {"id": "id"},
        "fields": {"name": "name"},
    } | changed


def a_mapping(
    contract: dict[str, Any] | None = None,
    registered: tuple[ExtensionField, ...] = (),
    **changed: Any,
) -> CompiledMapping:
    return compile_mapping(a_document(**changed), contract=contract, extensions=registered)


def run(mapping: CompiledMapping, **payload: Any) -> Mapped:
    return mapping.map({"id": "1"} | payload, example_context(mapping), example_id)


def lead(mapping: CompiledMapping, **payload: Any) -> MappedLead:
    return run(mapping, **payload).leads[0]


def transform(name: str, value: Any, *args: Any, **options: Any) -> Any:
    """What a transform makes of a value."""
    return installed_transforms()[name].build(*args, **options)(value)
