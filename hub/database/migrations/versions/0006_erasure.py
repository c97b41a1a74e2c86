"""Erasure, tombstones, retention, roles."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Erasure, tombstones, retention, roles."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
