"""Schema `alerts` of revision 0001: the alert outbox."""

from __future__ import annotations

STATEMENTS = (
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
)
