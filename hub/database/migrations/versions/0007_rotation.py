"""Rotation of the blind index."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Rotation of the blind index."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
