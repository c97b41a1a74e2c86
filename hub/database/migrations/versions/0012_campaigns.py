"""Campaigns, attribution and its restatements."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS: tuple[str, ...] = (
    "CREATE INDEX interaction_lead_id ON crm.interaction (lead_id) WHERE lead_id IS NOT NULL",
    """
    CREATE TABLE crm.campaign (
        merchant TEXT NOT NULL,
        utm_campaign TEXT NOT NULL,
        title TEXT,
        channel TEXT NOT NULL,
        form TEXT NOT NULL,
        utm_source TEXT NOT NULL,
        utm_medium TEXT NOT NULL,
        starts_on DATE,
        ends_on DATE,
        planned_fen BIGINT,
        owner TEXT,
        registered_by TEXT NOT NULL,
        registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, utm_campaign)
    )
    """,
    """
    CREATE TABLE crm.campaign_platform_id (
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        kind TEXT NOT NULL,
        platform_id TEXT NOT NULL,
        utm_campaign TEXT NOT NULL,
        PRIMARY KEY (merchant, source_key, kind, platform_id)
    )
    """,
    """
    CREATE TABLE crm.campaign_creative (
        merchant TEXT NOT NULL,
        utm_campaign TEXT NOT NULL,
        creative_id TEXT NOT NULL,
        title TEXT,
        PRIMARY KEY (merchant, utm_campaign, creative_id)
    )
    """,
    """
    CREATE TABLE crm.campaign_finding (
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        kind TEXT NOT NULL,
        claimed TEXT NOT NULL,
        leads BIGINT NOT NULL,
        first_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_at TIMESTAMP WITH TIME ZONE NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, source_key, kind, claimed)
    )
    """,
    """
    CREATE TABLE finance.deal (
        merchant TEXT NOT NULL,
        contract_number TEXT NOT NULL,
        document_id UUID NOT NULL,
        opportunity_number TEXT,
        contact_id UUID,
        via TEXT NOT NULL,
        on_date DATE,
        standing TEXT NOT NULL,
        signed_fen BIGINT NOT NULL,
        refunded_fen BIGINT NOT NULL,
        value_fen BIGINT NOT NULL,
        received_fen BIGINT NOT NULL,
        touch_digest BYTEA NOT NULL,
        cell_digest BYTEA NOT NULL,
        rules_version TEXT NOT NULL,
        computed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, contract_number)
    )
    """,
    "CREATE INDEX deal_contact ON finance.deal (contact_id)",
    "CREATE INDEX deal_day ON finance.deal (merchant, on_date)",
    """
    CREATE TABLE finance.share (
        merchant TEXT NOT NULL,
        contract_number TEXT NOT NULL,
        model TEXT NOT NULL,
        ordinal SMALLINT NOT NULL,
        touch_id TEXT,
        kind TEXT,
        occurred_at TIMESTAMP WITH TIME ZONE,
        lead_id UUID,
        referrer_id UUID,
        channel TEXT NOT NULL,
        campaign TEXT NOT NULL,
        creative TEXT NOT NULL,
        fen BIGINT NOT NULL,
        received_fen BIGINT NOT NULL,
        parts BIGINT NOT NULL,
        whole BIGINT NOT NULL,
        why TEXT[] NOT NULL,
        PRIMARY KEY (merchant, contract_number, model, ordinal)
    )
    """,
    """
    CREATE TABLE finance.restatement (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        contract_number TEXT NOT NULL,
        model TEXT NOT NULL,
        restated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        reasons TEXT[] NOT NULL,
        channel TEXT NOT NULL,
        campaign TEXT NOT NULL,
        creative TEXT NOT NULL,
        before_fen BIGINT NOT NULL,
        after_fen BIGINT NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX restatement_contract ON finance.restatement (merchant, contract_number)",
    """
    CREATE TABLE finance.attribution_run (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        rules_version TEXT NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deals INTEGER NOT NULL,
        written INTEGER NOT NULL,
        restated INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX attribution_run_merchant ON finance.attribution_run (merchant, id)",
)


def upgrade() -> None:
    """Campaigns, attribution and its restatements."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
