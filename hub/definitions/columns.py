"""Column schemas from the canonical contract and the tables; column lineage from the live mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg
import sqlalchemy as sa

from hub.crm.tables import contact, touchpoint
from hub.definitions import names
from hub.definitions.events import ColumnLineage
from hub.settings import HubSettings
from hub.steps.lineage import SourceLineage, canonical_columns

_TABLES: dict[dg.AssetKey, sa.Table] = {names.CONTACT: contact, names.TOUCHPOINT: touchpoint}


def canonical_schema(
    settings: HubSettings, made_of: Mapping[str, Sequence[str]] | None = None
) -> dg.TableSchema:
    """The canonical lead's columns: type, Chinese label, what personal data it is.

    `made_of` (column → fields of the source) is written behind the label: the open-source UI shows
    a schema's descriptions, but no column lineage.
    """
    fields = made_of or {}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=" ← ".join(
                    filter(None, (column.label_zh, ", ".join(fields.get(column.name, ()))))
                ),
                tags={} if column.pii == "none" else {"pii": column.pii},
            )
            for column in canonical_columns(settings)
        ]
    )


def table_schema(asset: dg.AssetKey) -> dg.TableSchema:
    """The columns of a table of the CRM."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.type).lower(),
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
                tags={"pii": "sealed"} if column.name == "sealed" else {},
            )
            for column in _TABLES[asset].columns
        ]
    )


def column_lineages(found: SourceLineage) -> ColumnLineage:
    """Source field → canonical field per source, and canonical field → column of `crm/lead`."""
    lineage: dict[dg.AssetKey, dict[str, list[dg.TableColumnDep]]] = {names.LEAD: {}}
    for source_key, columns in found.items():
        asset = names.canonical(source_key)
        lineage[asset] = {
            column: [dg.TableColumnDep(names.raw(source_key), path) for path in paths]
            for column, paths in columns.items()
        }
        for column in columns:
            lineage[names.LEAD].setdefault(column, []).append(dg.TableColumnDep(asset, column))
    return lineage
