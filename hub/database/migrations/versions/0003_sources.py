"""Sources: the resolve stage, daily quotas, what platforms say they sent, accounts that were granted."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    "ALTER TABLE inbox.waiting ADD COLUMN stands BOOLEAN DEFAULT false NOT NULL",
    "CREATE INDEX waiting_due ON inbox.waiting (source_key, not_before)",
    """
    CREATE TABLE inbox.resolution (
        source_key TEXT NOT NULL,
        digest BYTEA NOT NULL,
        record_id UUID NOT NULL,
        PRIMARY KEY (source_key, digest)
    )
    """,
    """
    CREATE TABLE ops.quota (
        name TEXT NOT NULL,
        day DATE NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (name, day)
    )
    """,
    """
    CREATE TABLE ops.platform_count (
        source_key TEXT NOT NULL,
        day DATE NOT NULL,
        stated_by TEXT NOT NULL,
        stated INTEGER NOT NULL,
        arrived INTEGER NOT NULL,
        not_pushed INTEGER NOT NULL,
        held INTEGER NOT NULL,
        set_aside INTEGER NOT NULL,
        counted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (source_key, day, stated_by)
    )
    """,
    """
    CREATE TABLE ops.granted_account (
        source_key TEXT NOT NULL,
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        vanished_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (source_key, account)
    )
    """,
)


def upgrade() -> None:
    """Add what many sources need beside the main path."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
