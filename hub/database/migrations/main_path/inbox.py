"""Schema `inbox` of revision 0001: deliveries, the queue, the archive and where its records stand."""

from __future__ import annotations

STATEMENTS = (
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
)
