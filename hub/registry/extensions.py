"""Extension fields of merchants: data, so that a merchant's own question needs no release."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.mapping.extensions import ExtensionField
from hub.registry.tables import extension_field as table

LEAD = "lead"


def put_extension(
    conn: sa.Connection, merchant: str, field: ExtensionField, entity: str = LEAD
) -> None:
    """Add a field to a merchant's leads, or change its label, type or protection."""
    values = {
        "type": field.type,
        "label_zh": field.label_zh,
        "pii": field.pii,
        "indexed": field.indexed,
    }
    statement = insert(table).values(merchant=merchant, entity=entity, name=field.name, **values)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.merchant, table.c.entity, table.c.name], set_=values
        )
    )


def extensions_by_merchant(
    conn: sa.Connection, entity: str = LEAD
) -> dict[str, tuple[ExtensionField, ...]]:
    """Merchant → its extension fields by name, in the order of their names."""
    query = (
        sa.select(table).where(table.c.entity == entity).order_by(table.c.merchant, table.c.name)
    )
    found: dict[str, tuple[ExtensionField, ...]] = {}
    for row in conn.execute(query):
        field = ExtensionField(row.name, row.type, row.label_zh, row.pii, row.indexed)
        found[row.merchant] = (*found.get(row.merchant, ()), field)
    return found
