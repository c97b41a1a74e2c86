"""Field quality."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Field quality."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
