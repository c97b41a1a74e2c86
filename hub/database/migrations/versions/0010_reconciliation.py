"""Matches, breaks and questions of reconciliation."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Matches, breaks and questions of reconciliation."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
