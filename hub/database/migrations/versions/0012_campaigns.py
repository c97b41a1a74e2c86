"""Campaigns, attribution and its restatements."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Campaigns, attribution and its restatements."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
