"""Messages of alerts, silences, and processes that say they live."""

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE alerts.message (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        alert_id BIGINT,
        notice_id BIGINT,
        event TEXT NOT NULL,
        step INTEGER NOT NULL DEFAULT 0,
        recipient TEXT NOT NULL,
        severity TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        not_before TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        attempts INTEGER NOT NULL DEFAULT 0,
        sending_at TIMESTAMP WITH TIME ZONE,
        sent_at TIMESTAMP WITH TIME ZONE,
        sent_via TEXT,
        is_repeat BOOLEAN NOT NULL DEFAULT false,
        failure TEXT,
        given_up_at TIMESTAMP WITH TIME ZONE,
        tried_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT message_once UNIQUE (alert_id, event, step, recipient, severity)
    )
    """,
    """
    CREATE INDEX message_waiting ON alerts.message (not_before)
        WHERE sent_at IS NULL AND given_up_at IS NULL
    """,
    "CREATE INDEX message_sent ON alerts.message (sent_via, sent_at)",
    "CREATE UNIQUE INDEX message_notice ON alerts.message (notice_id) WHERE notice_id IS NOT NULL",
    """
    CREATE TABLE alerts.attempt (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        channel TEXT NOT NULL,
        messages BIGINT[] NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        failure TEXT,
        said TEXT
    )
    """,
    "CREATE INDEX attempt_channel ON alerts.attempt (channel, started_at)",
    "ALTER TABLE alerts.alert ADD COLUMN facts JSONB NOT NULL DEFAULT '{}'",
    "ALTER TABLE alerts.alert ADD COLUMN settled_at TIMESTAMP WITH TIME ZONE",
    "UPDATE alerts.alert SET settled_at = closed_at WHERE closed_at IS NOT NULL",
    "CREATE INDEX alert_unsettled ON alerts.alert (id) WHERE settled_at IS NULL",
    "CREATE INDEX alert_by_key ON alerts.alert (dedupe_key, id)",
    """
    CREATE TABLE alerts.silence (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        pattern TEXT NOT NULL,
        merchant TEXT,
        until TIMESTAMP WITH TIME ZONE NOT NULL,
        reason TEXT NOT NULL,
        made_by TEXT NOT NULL,
        made_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        ended_at TIMESTAMP WITH TIME ZONE
    )
    """,
    "ALTER TABLE ops.heartbeat ALTER COLUMN instance TYPE TEXT, ALTER COLUMN seen_at SET DEFAULT now()",
)


def upgrade() -> None:
    """Alerts that are closed already are told to nobody; `ops.heartbeat` was never written before."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
