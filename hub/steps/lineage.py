"""What columns there are and what each is made of: the canonical contract, the live mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hub.connectors.base import connector_for
from hub.database.engine import store_errors
from hub.mapping.compile import CompiledMapping
from hub.registry.files import CANONICAL_LEAD, schema_files
from hub.settings import HubSettings, SourceSettings
from hub.steps.mappings import LiveMappings, compile_document

# source key → canonical field → the source's own fields
SourceLineage = Mapping[str, Mapping[str, tuple[str, ...]]]
# merchant, platform, entity → the mapping, if there is one
_GetMapping = Callable[[str, str, str], CompiledMapping | None]
_PATTERN_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical field: its JSON type, Chinese label, what personal data it is (`none`)."""

    name: str
    type: str
    label_zh: str
    pii: str


def canonical_columns(settings: HubSettings) -> list[Column]:
    """The fields of the newest canonical lead contract, in its order; reads files only.

    Raises:
        ConfigError: the schemas folder is not there.
    """
    contract = schema_files(settings).newest_contract(CANONICAL_LEAD)
    return [
        Column(
            name=name,
            type=str(field.get("type", "string")),
            label_zh=str(field.get("x-label-zh", "")),
            pii=str(field.get("x-pii", "none")),
        )
        for name, field in contract["properties"].items()
    ]


def shipped_lineage(settings: HubSettings) -> SourceLineage:
    """Which fields of each source make each canonical field, by the newest shipped mappings.

    Reads files only, so that a code location can be loaded without a database.

    Raises:
        ConfigError: the schemas folder is not there, or a shipped mapping cannot be compiled.
    """
    files = schema_files(settings)
    newest = {(name.platform, name.entity): str(name) for name in files.newest_mappings()}

    def get(_: str, platform: str, entity: str) -> CompiledMapping | None:
        name = newest.get((platform, entity))
        return compile_document(files.mapping(name), files) if name else None

    return _lineage(settings, get)


def live_lineage(engine: sa.Engine, settings: HubSettings) -> SourceLineage:
    """The same by the mappings that are live now, each merchant's own before that of all.

    Raises:
        StoreAwayError: the database is away.
    """
    mappings = LiveMappings(settings)
    with store_errors(), engine.begin() as conn:
        mappings.refresh(conn)
    return _lineage(settings, mappings.get)


def live_mappings_of(engine: sa.Engine, settings: HubSettings, source_key: str) -> list[str]:
    """Names of the mappings that are live for what a source sends.

    Raises:
        StoreAwayError: the database is away.
    """
    source = settings.all_sources()[source_key]
    mappings = LiveMappings(settings)
    with store_errors(), engine.begin() as conn:
        mappings.refresh(conn)
    found = (
        mappings.get(source.merchant, source.platform, entity) for entity in entities_of(source)
    )
    return [mapping.name for mapping in found if mapping]


def entities_of(source: SourceSettings) -> tuple[str, ...]:
    """The entities that a source's records can have."""
    return connector_for(source.platform).entities(source)


def _lineage(settings: HubSettings, get: _GetMapping) -> SourceLineage:
    columns = {column.name for column in canonical_columns(settings)}
    return {
        source_key: _of_source(get, source, columns)
        for source_key, source in settings.all_sources().items()
    }


def _of_source(
    get: _GetMapping, source: SourceSettings, columns: set[str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for entity in entities_of(source):
        mapping = get(source.merchant, source.platform, entity)
        for edge in mapping.lineage() if mapping else ():
            column = edge.target.partition(".")[0]
            if column in columns:
                paths = (path for source_path in edge.sources for path in _paths(source_path))
                found.setdefault(column, []).extend(paths)
    return {column: tuple(dict.fromkeys(paths)) for column, paths in found.items()}


def _paths(path: str) -> Iterator[str]:
    """The fields of one source of a rule: `a+b` are two, an answer found by label is one.

    A label's pattern is cut: it is shown to people, and stored again and again.
    """
    if "?" not in path:
        yield from path.split("+")
        return
    yield path if len(path) <= _PATTERN_SHOWN else f"{path[: _PATTERN_SHOWN - 1]}…"
