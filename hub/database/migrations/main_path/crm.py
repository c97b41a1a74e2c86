"""Schema `crm` of revision 0001: leads, revisions, contacts, touchpoints, interactions."""

from __future__ import annotations

STATEMENTS = (
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
)
