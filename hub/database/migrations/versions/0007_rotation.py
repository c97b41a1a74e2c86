"""Rotation of the blind index."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE ops.key_check (
        use TEXT NOT NULL,
        key_id INTEGER NOT NULL,
        value BYTEA NOT NULL,
        made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (use, key_id)
    )
    """,
    """
    CREATE TABLE ops.index_rotation (
        only_row BOOLEAN DEFAULT true NOT NULL,
        active INTEGER NOT NULL,
        renews INTEGER,
        phase TEXT NOT NULL,
        cursor UUID,
        leads BIGINT DEFAULT 0 NOT NULL,
        stuck BIGINT DEFAULT 0 NOT NULL,
        kept JSONB DEFAULT '{}'::jsonb NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (only_row),
        CONSTRAINT index_rotation_one_row CHECK (only_row)
    )
    """,
    """
    CREATE TABLE crm.key_pair (
        merchant TEXT NOT NULL,
        old BYTEA NOT NULL,
        new BYTEA NOT NULL,
        PRIMARY KEY (merchant, old)
    )
    """,
)


def upgrade() -> None:
    """Remember which keys the data needs, and how far the blind index is on its way to another key."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
