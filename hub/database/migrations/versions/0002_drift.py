"""Drift: findings, what payloads look like, records to map anew, change notices."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE inbox.queue ADD COLUMN stands BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE inbox.held ADD COLUMN finding TEXT",
    "CREATE INDEX held_version ON inbox.held (source_key, entity, mapping_version)",
    "ALTER TABLE registry.mapping_publication ADD COLUMN contract JSONB",
    """
    CREATE TABLE inbox.marked (
        record_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        mapping_version TEXT NOT NULL,
        findings TEXT[] NOT NULL,
        PRIMARY KEY (record_id)
    )
    """,
    "CREATE INDEX marked_version ON inbox.marked (source_key, entity, mapping_version)",
    """
    CREATE TABLE registry.finding (
        id TEXT NOT NULL,
        merchant TEXT DEFAULT '' NOT NULL,
        platform TEXT NOT NULL,
        entity TEXT NOT NULL,
        source_key TEXT DEFAULT '' NOT NULL,
        kind TEXT NOT NULL,
        pointer TEXT NOT NULL,
        severity TEXT NOT NULL,
        breaks TEXT NOT NULL,
        detail JSONB DEFAULT '{}'::jsonb NOT NULL,
        first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        count BIGINT DEFAULT 0 NOT NULL,
        reopened INTEGER DEFAULT 0 NOT NULL,
        owner TEXT,
        state TEXT NOT NULL,
        mapping_version TEXT,
        solved_by TEXT,
        decided_by TEXT,
        reason TEXT,
        decided_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX finding_state ON registry.finding (state, platform, entity)",
    """
    CREATE TABLE registry.finding_source (
        finding_id TEXT NOT NULL,
        source_key TEXT NOT NULL,
        merchant TEXT NOT NULL,
        first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        count BIGINT DEFAULT 0 NOT NULL,
        PRIMARY KEY (finding_id, source_key)
    )
    """,
    """
    CREATE TABLE registry.field_sheet (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        platform TEXT NOT NULL,
        entity TEXT NOT NULL,
        title TEXT NOT NULL,
        fields JSONB NOT NULL,
        added_by TEXT NOT NULL,
        added_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ops.sighting (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        finding_id TEXT NOT NULL,
        merchant TEXT NOT NULL,
        scope TEXT NOT NULL,
        platform TEXT NOT NULL,
        entity TEXT NOT NULL,
        source_key TEXT NOT NULL,
        kind TEXT NOT NULL,
        pointer TEXT NOT NULL,
        detail JSONB DEFAULT '{}'::jsonb NOT NULL,
        mapping_version TEXT,
        count INTEGER NOT NULL,
        held INTEGER NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ops.profile_delta (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        platform TEXT NOT NULL,
        entity TEXT NOT NULL,
        source_key TEXT NOT NULL,
        mapping_version TEXT NOT NULL,
        records INTEGER NOT NULL,
        body JSONB NOT NULL,
        taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ops.profile (
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        merchant TEXT NOT NULL,
        platform TEXT NOT NULL,
        baseline JSONB NOT NULL,
        recent JSONB NOT NULL,
        recent_since TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (source_key, entity)
    )
    """,
    """
    CREATE TABLE ops.arrivals (
        source_key TEXT NOT NULL,
        merchant TEXT NOT NULL,
        body JSONB NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (source_key)
    )
    """,
    """
    CREATE TABLE alerts.notice (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        title TEXT NOT NULL,
        body TEXT NOT NULL,
        findings TEXT[] NOT NULL,
        written_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        delivered_at TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (id)
    )
    """,
)


def upgrade() -> None:
    """Add what drift needs; adds only, so that processes of the release before go on working."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
