"""Field quality: what was counted of each source's days, and how many customers stand twice."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE ops.quality_day (
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        day DATE NOT NULL,
        leads INTEGER NOT NULL,
        duplicates INTEGER NOT NULL,
        fields JSONB NOT NULL,
        counted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, source_key, day)
    )
    """,
    """
    CREATE TABLE ops.doubled_contacts (
        merchant TEXT NOT NULL,
        day DATE NOT NULL,
        contacts BIGINT NOT NULL,
        doubled BIGINT NOT NULL,
        counted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, day)
    )
    """,
)


def upgrade() -> None:
    """Room for counts of field quality."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
