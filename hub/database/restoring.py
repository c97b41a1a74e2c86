"""The mark of a restore that is under way: while it stands, nothing but the restore may use the database.

It is a schema of its own, so that it outlives the loss and the coming of the hub's schemas.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.database.metadata import SCHEMAS

# What a hub that runs without any lead writes by itself; everything else is somebody's data.
_OF_A_START = frozenset(
    {
        "alerts.alert",
        "alerts.attempt",
        "alerts.message",
        "ops.alembic_version",
        "ops.heartbeat",
        "ops.index_rotation",
        "ops.key_check",
        "ops.loader",
        "registry.merchant",
        "registry.source",
    }
)
_APPLICATIONS = ("lead-hub%", "hub %", "pg_restore")


def unfinished_restore(connection: sa.Connection) -> str | None:
    """The name of the backup whose restore was begun and not finished; None as a rule."""
    if connection.scalar(sa.text("SELECT to_regclass('hub_restore.backup')")) is None:
        return None
    return str(connection.scalar(sa.text("SELECT name FROM hub_restore.backup")))


def filled_tables(connection: sa.Connection) -> list[str]:
    """Tables of the hub that hold rows which no mere start of a hub writes."""
    return [
        name
        for name in table_names(connection)
        if name not in _OF_A_START and _has_rows(connection, name)
    ]


def table_names(connection: sa.Connection) -> list[str]:
    """Every table in the hub's schemas, with its schema."""
    rows = connection.execute(
        sa.text(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname = ANY(:schemas) ORDER BY 1"
        ),
        {"schemas": list(SCHEMAS)},
    )
    return [str(row[0]) for row in rows]


def row_counts(connection: sa.Connection) -> dict[str, int]:
    """Table → rows, of every table in the hub's schemas. Reads them whole."""
    return {
        name: connection.execute(sa.select(sa.func.count()).select_from(_table(name))).scalar_one()
        for name in table_names(connection)
    }


def other_processes(connection: sa.Connection) -> list[str]:
    """What other processes of the hub, and what restores, are connected to this database."""
    rows = connection.execute(
        sa.text(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname ="
            " current_database() AND pid <> pg_backend_pid() AND application_name LIKE ANY(:names)"
            " ORDER BY 1"
        ),
        {"names": list(_APPLICATIONS)},
    )
    return [str(row[0]) for row in rows]


def begin_restore(connection: sa.Connection, name: str) -> None:
    """Set the mark and remove the hub's schemas, in the caller's transaction."""
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS hub_restore"))
    connection.execute(sa.text("DROP TABLE IF EXISTS hub_restore.backup"))
    connection.execute(sa.text("CREATE TABLE hub_restore.backup (name text NOT NULL)"))
    connection.execute(sa.text("INSERT INTO hub_restore.backup VALUES (:name)"), {"name": name})
    for schema in ("analyst", *SCHEMAS):
        connection.execute(sa.schema.DropSchema(schema, cascade=True, if_exists=True))


def end_restore(connection: sa.Connection) -> None:
    """Take the mark away: the database may serve."""
    connection.execute(sa.schema.DropSchema("hub_restore", cascade=True, if_exists=True))


def _has_rows(connection: sa.Connection, name: str) -> bool:
    query = sa.select(sa.literal(1)).select_from(_table(name)).limit(1)
    if name == "registry.mapping_publication":  # loaders publish what is shipped
        query = query.where(sa.literal_column("published_by") != "shipped")
    return connection.execute(query).first() is not None


def _table(name: str) -> sa.TableClause:
    schema, _, table = name.partition(".")
    return sa.table(table, schema=schema)
