"""Erasure, tombstones, retention, roles."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE crm.tombstone (
        merchant TEXT NOT NULL,
        blind BYTEA NOT NULL,
        index_key SMALLINT NOT NULL,
        erased_at TIMESTAMP WITH TIME ZONE NOT NULL,
        erasure_id UUID NOT NULL,
        PRIMARY KEY (merchant, blind)
    )
    """,
    """
    CREATE TABLE crm.erasure (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        erased_at TIMESTAMP WITH TIME ZONE NOT NULL,
        requested_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        counts JSONB NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ops.row_rule (
        role_name TEXT NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT DEFAULT '' NOT NULL,
        province_code TEXT DEFAULT '' NOT NULL,
        PRIMARY KEY (role_name, merchant, source_key, province_code)
    )
    """,
)


def upgrade() -> None:
    """Erasure, tombstones, retention, roles."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
