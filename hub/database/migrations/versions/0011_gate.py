"""Metric values, gate readings and overrides."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE finance.metric_value (
        merchant TEXT NOT NULL,
        metric TEXT NOT NULL,
        period TEXT NOT NULL,
        version TEXT NOT NULL,
        digest TEXT NOT NULL,
        amount_fen BIGINT NOT NULL,
        documents BIGINT NOT NULL,
        apart JSONB NOT NULL,
        aside JSONB NOT NULL,
        computed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, metric, period)
    )
    """,
    """
    CREATE TABLE finance.gate_reading (
        merchant TEXT NOT NULL,
        metric TEXT NOT NULL,
        period TEXT NOT NULL,
        hour TIMESTAMP WITH TIME ZONE NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        version TEXT NOT NULL,
        numerator_fen BIGINT,
        denominator_fen BIGINT,
        residual_fen BIGINT,
        unknown TEXT,
        detail TEXT NOT NULL,
        PRIMARY KEY (merchant, metric, period, hour)
    )
    """,
    """
    CREATE TABLE finance.gate (
        merchant TEXT NOT NULL,
        metric TEXT NOT NULL,
        period TEXT NOT NULL,
        shut_since TIMESTAMP WITH TIME ZONE,
        over_since TIMESTAMP WITH TIME ZONE,
        known INTEGER NOT NULL,
        is_healthy BOOLEAN NOT NULL,
        evaluated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, metric, period)
    )
    """,
    "CREATE INDEX gate_shut ON finance.gate (merchant) WHERE shut_since IS NOT NULL",
    """
    CREATE TABLE finance.gate_override (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        metric TEXT NOT NULL,
        period TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        by TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX gate_override_gate ON finance.gate_override (merchant, metric, period)",
)


def upgrade() -> None:
    """Metric values, gate readings and overrides."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
