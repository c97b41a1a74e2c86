"""Identity: spans of keys, decisions, pins, stopped keys."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE crm.contact_key ADD COLUMN number SMALLINT DEFAULT 0 NOT NULL,"
    " ADD COLUMN first_s BIGINT DEFAULT 0 NOT NULL, ADD COLUMN last_s BIGINT DEFAULT 0 NOT NULL,"
    " ADD COLUMN beside BYTEA[]",
    "ALTER TABLE crm.contact_key DROP CONSTRAINT contact_key_pkey,"
    " ADD CONSTRAINT contact_key_pkey PRIMARY KEY (merchant, blind, number)",
    """
    UPDATE crm.contact_key k SET first_s = t.first, last_s = t.last FROM (
        SELECT l.merchant, u.blind,
               min(floor(extract(epoch FROM coalesce(l.submitted_at, l.received_at)))::int8) AS first,
               max(floor(extract(epoch FROM coalesce(l.submitted_at, l.received_at)))::int8) AS last
        FROM crm.lead l CROSS JOIN LATERAL unnest(l.keys) AS u(blind) GROUP BY 1, 2
    ) AS t WHERE t.merchant = k.merchant AND t.blind = k.blind
    """,
    """
    CREATE TABLE crm.decision (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        kind TEXT NOT NULL,
        body JSONB NOT NULL,
        decided_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        decided_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE crm.pin (
        lead_id UUID NOT NULL,
        key BYTEA NOT NULL,
        decision_id BIGINT NOT NULL,
        PRIMARY KEY (lead_id, key)
    )
    """,
    """
    CREATE TABLE crm.stopped_key (
        merchant TEXT NOT NULL,
        blind BYTEA NOT NULL,
        decision_id BIGINT NOT NULL,
        PRIMARY KEY (merchant, blind)
    )
    """,
)


def upgrade() -> None:
    """Give keys spans by their leads' own times; make room for decisions."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
