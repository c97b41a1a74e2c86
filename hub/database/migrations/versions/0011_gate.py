"""Metric values, gate readings and overrides."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Metric values, gate readings and overrides."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
