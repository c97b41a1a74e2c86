"""The main path: inbox, registry, crm, alerts, ops."""

from alembic import op

from hub.database.migrations.main_path import alerts, crm, inbox, ops, registry

revision = "0001"
down_revision = None

SCHEMAS = ("inbox", "registry", "crm", "finance", "alerts", "ops")


def upgrade() -> None:
    """Create every schema, table and index."""
    for schema in SCHEMAS:
        op.get_bind().exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for room in (inbox, registry, crm, alerts, ops):
        for statement in room.STATEMENTS:
            op.get_bind().exec_driver_sql(statement)
