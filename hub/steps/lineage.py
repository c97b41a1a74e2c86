"""What columns there are and what each is made of: the canonical contract, the live mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.registry.files import CANONICAL_LEAD, schema_files
from hub.settings import HubSettings, SourceSettings
from hub.steps.mappings import LiveMappings

# source key → canonical field → the source's own fields
SourceLineage = Mapping[str, Mapping[str, tuple[str, ...]]]
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


def live_lineage(engine: sa.Engine, settings: HubSettings) -> SourceLineage:
    """Which fields of each source make each canonical field, by the mappings that are live now.

    Raises:
        StoreAwayError: the database is away.
    """
    mappings = LiveMappings(settings)
    with store_errors(), engine.begin() as conn:
        mappings.refresh(conn)
    columns = {column.name for column in canonical_columns(settings)}
    return {
        source_key: _of_source(mappings, source, columns)
        for source_key, source in settings.all_sources().items()
    }


def _of_source(
    mappings: LiveMappings, source: SourceSettings, columns: set[str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for entity in dict.fromkeys((source.push or "", *source.pulls)):
        mapping = mappings.get(source.merchant, source.platform, entity)
        for edge in mapping.lineage() if mapping else ():
            column = edge.target.partition(".")[0]
            if column in columns:
                paths = (path for source_path in edge.sources for path in _paths(source_path))
                found.setdefault(column, []).extend(paths)
    return {column: tuple(dict.fromkeys(paths)) for column, paths in found.items()}


def _paths(path: str) -> Iterator[str]:
    """The fields of one source of a rule: `a+b` are two, an answer found by label is one.

    A label's pattern is cut: every event of the source carries it.
    """
    if "?" not in path:
        yield from path.split("+")
        return
    yield path if len(path) <= _PATTERN_SHOWN else f"{path[: _PATTERN_SHOWN - 1]}…"
