"""Companies and what links contacts to them."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Companies and what links contacts to them."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
