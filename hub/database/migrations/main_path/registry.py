"""Schema `registry` of revision 0001: merchants, sources, publications, extension fields."""

from __future__ import annotations

STATEMENTS = (
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
)
