"""The main path: inbox, registry, crm, alerts, ops."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS inbox",
    "CREATE SCHEMA IF NOT EXISTS registry",
    "CREATE SCHEMA IF NOT EXISTS crm",
    "CREATE SCHEMA IF NOT EXISTS finance",
    "CREATE SCHEMA IF NOT EXISTS alerts",
    "CREATE SCHEMA IF NOT EXISTS ops",
    """
    CREATE TABLE inbox.acknowledged (
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        receiver TEXT NOT NULL,
        window_start TIMESTAMP WITH TIME ZONE NOT NULL,
        deliveries INTEGER NOT NULL,
        PRIMARY KEY (merchant, source_key, receiver, window_start)
    )
    """,
    """
    CREATE TABLE inbox.delivery (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        via TEXT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        duplicate_of UUID,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE inbox.delivery_key (
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        key BYTEA NOT NULL,
        delivery_id UUID NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (merchant, source_key, key)
    )
    """,
    "CREATE INDEX delivery_key_expires_at ON inbox.delivery_key (expires_at)",
    """
    CREATE TABLE inbox.discarded (
        record_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        reason TEXT NOT NULL,
        decided_by TEXT NOT NULL,
        decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (record_id)
    )
    """,
    """
    CREATE TABLE inbox.erased (
        record_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (record_id)
    )
    """,
    """
    CREATE TABLE inbox.held (
        record_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        reason TEXT NOT NULL,
        path TEXT NOT NULL,
        detail TEXT NOT NULL,
        mapping_version TEXT,
        held_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (record_id)
    )
    """,
    "CREATE INDEX held_source ON inbox.held (merchant, source_key, reason)",
    """
    CREATE TABLE inbox.not_a_lead (
        record_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        reason TEXT NOT NULL,
        mapping_version TEXT,
        decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (record_id)
    )
    """,
    """
    CREATE TABLE inbox.outcome_change (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        record_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        was TEXT NOT NULL,
        became TEXT NOT NULL,
        reason TEXT NOT NULL,
        decided_by TEXT NOT NULL,
        mapping_version TEXT,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX outcome_change_record ON inbox.outcome_change (record_id)",
    """
    CREATE TABLE inbox.queue (
        lane SMALLINT NOT NULL,
        seq BIGINT GENERATED ALWAYS AS IDENTITY,
        item_id UUID NOT NULL,
        is_record BOOLEAN NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        via TEXT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        suspect INTEGER DEFAULT 0 NOT NULL,
        kills SMALLINT DEFAULT 0 NOT NULL,
        sealed BYTEA,
        PRIMARY KEY (lane, seq)
    )
    """,
    "CREATE INDEX queue_suspect ON inbox.queue (lane, seq) WHERE suspect > 0",
    """
    CREATE TABLE inbox.record (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        via TEXT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        mapping_version TEXT,
        sealed BYTEA,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE inbox.rejected (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        reason TEXT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        sealed BYTEA NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX rejected_expires_at ON inbox.rejected (expires_at)",
    "CREATE INDEX rejected_source ON inbox.rejected (merchant, source_key, received_at)",
    """
    CREATE TABLE inbox.waiting (
        record_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        needs TEXT NOT NULL,
        tries SMALLINT DEFAULT 0 NOT NULL,
        waiting_since TIMESTAMP WITH TIME ZONE NOT NULL,
        not_before TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (record_id)
    )
    """,
    """
    CREATE TABLE registry.extension_field (
        merchant TEXT NOT NULL,
        entity TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        label_zh TEXT NOT NULL,
        pii TEXT NOT NULL,
        indexed BOOLEAN DEFAULT false NOT NULL,
        PRIMARY KEY (merchant, entity, name)
    )
    """,
    """
    CREATE TABLE registry.mapping_publication (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT DEFAULT '' NOT NULL,
        platform TEXT NOT NULL,
        entity TEXT NOT NULL,
        version TEXT NOT NULL,
        document JSONB NOT NULL,
        published_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        published_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX mapping_publication_live ON registry.mapping_publication (merchant, platform, entity, id)",
    """
    CREATE TABLE registry.merchant (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE registry.source (
        source_key TEXT NOT NULL,
        merchant TEXT NOT NULL,
        platform TEXT NOT NULL,
        account TEXT,
        name TEXT NOT NULL,
        enabled BOOLEAN DEFAULT true NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (source_key)
    )
    """,
    "CREATE UNIQUE INDEX source_account ON registry.source (platform, account)",
    """
    CREATE TABLE crm.contact (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        merged_into UUID,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX contact_merged_into ON crm.contact (merged_into) WHERE merged_into IS NOT NULL",
    """
    CREATE TABLE crm.contact_key (
        merchant TEXT NOT NULL,
        blind BYTEA NOT NULL,
        contact_id UUID NOT NULL,
        stopped BOOLEAN DEFAULT false NOT NULL,
        PRIMARY KEY (merchant, blind)
    )
    """,
    """
    CREATE TABLE crm.interaction (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        record_id UUID NOT NULL,
        lead_id UUID,
        kind TEXT NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE,
        sealed BYTEA,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE crm.lead (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        contact_id UUID NOT NULL,
        first_record_id UUID NOT NULL,
        submitted_at TIMESTAMP WITH TIME ZONE,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        loaded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        mapping_version TEXT NOT NULL,
        intent SMALLINT,
        province_code TEXT,
        city_code TEXT,
        product_interest TEXT[],
        campaign_id TEXT,
        utm_source TEXT,
        utm_medium TEXT,
        utm_campaign TEXT,
        utm_term TEXT,
        utm_content TEXT,
        utm_id TEXT,
        ext JSONB,
        marks TEXT[],
        keys BYTEA[] NOT NULL,
        revisions UUID[] NOT NULL,
        content_hash BYTEA NOT NULL,
        sealed BYTEA,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX lead_contact_id ON crm.lead (contact_id)",
    """
    CREATE TABLE crm.lead_revision (
        record_id UUID NOT NULL,
        ordinal SMALLINT NOT NULL,
        lead_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        outcome TEXT NOT NULL,
        rank BYTEA NOT NULL,
        mode TEXT NOT NULL,
        stream TEXT NOT NULL,
        mapping_version TEXT NOT NULL,
        content_hash BYTEA NOT NULL,
        keys BYTEA[] NOT NULL,
        sealed BYTEA,
        PRIMARY KEY (record_id, ordinal)
    )
    """,
    """
    CREATE TABLE crm.touchpoint (
        record_id UUID NOT NULL,
        ordinal SMALLINT NOT NULL,
        slot SMALLINT NOT NULL,
        merchant TEXT NOT NULL,
        lead_id UUID NOT NULL,
        kind TEXT NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        campaign_id TEXT,
        utm_source TEXT,
        utm_medium TEXT,
        utm_campaign TEXT,
        sealed BYTEA,
        PRIMARY KEY (record_id, ordinal, slot)
    )
    """,
    """
    CREATE TABLE alerts.alert (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        dedupe_key TEXT NOT NULL,
        severity TEXT NOT NULL,
        merchant TEXT,
        owner TEXT,
        summary TEXT NOT NULL,
        action TEXT NOT NULL,
        count INTEGER DEFAULT 1 NOT NULL,
        first_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        last_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        acknowledged_at TIMESTAMP WITH TIME ZONE,
        acknowledged_by TEXT,
        closed_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (id)
    )
    """,
    "CREATE UNIQUE INDEX alert_open ON alerts.alert (dedupe_key) WHERE closed_at IS NULL",
    """
    CREATE TABLE ops.audit (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        merchant TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ops.authorization_state (
        state TEXT NOT NULL,
        source_key TEXT NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (state)
    )
    """,
    """
    CREATE TABLE ops.claim (
        loader BIGSERIAL NOT NULL,
        lane SMALLINT NOT NULL,
        seqs BIGINT[] NOT NULL,
        claimed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (loader)
    )
    """,
    """
    CREATE TABLE ops.cursor (
        source_key TEXT NOT NULL,
        stream TEXT NOT NULL,
        value JSONB NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (source_key, stream)
    )
    """,
    """
    CREATE TABLE ops.heartbeat (
        process TEXT NOT NULL,
        instance UUID NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        facts JSONB DEFAULT '{}'::jsonb NOT NULL,
        PRIMARY KEY (process, instance)
    )
    """,
    """
    CREATE TABLE ops.loader (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        name TEXT NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ops.token (
        source_key TEXT NOT NULL,
        sealed BYTEA,
        access_expires_at TIMESTAMP WITH TIME ZONE,
        refresh_expires_at TIMESTAMP WITH TIME ZONE,
        lost BOOLEAN DEFAULT false NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (source_key)
    )
    """,
    """
    CREATE TABLE ops."window" (
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        window_start TIMESTAMP WITH TIME ZONE NOT NULL,
        loader BIGINT NOT NULL,
        mapping_version TEXT NOT NULL,
        loaded INTEGER DEFAULT 0 NOT NULL,
        revised INTEGER DEFAULT 0 NOT NULL,
        unchanged INTEGER DEFAULT 0 NOT NULL,
        superseded INTEGER DEFAULT 0 NOT NULL,
        not_a_lead INTEGER DEFAULT 0 NOT NULL,
        held INTEGER DEFAULT 0 NOT NULL,
        waiting INTEGER DEFAULT 0 NOT NULL,
        latency INTEGER[] NOT NULL,
        reported_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (merchant, source_key, window_start, loader, mapping_version)
    )
    """,
    'CREATE INDEX window_unreported ON ops."window" (window_start) WHERE reported_at IS NULL',
)


def upgrade() -> None:
    """Create every schema, table and index."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
