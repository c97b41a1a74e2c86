"""Schema `ops` of revision 0001: loaders, windows, cursors, tokens, audit."""

from __future__ import annotations

STATEMENTS = (
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
