"""Tables of schema `registry`."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from hub.database.metadata import instant, metadata, serial, text

merchant = Table(
    "merchant",
    metadata,
    text("id", primary_key=True),
    text("name"),
    instant("created_at", server_default=sql("now()")),
    schema="registry",
)

# One row per platform account. `source_key` never changes; `name` is what people see.
source = Table(
    "source",
    metadata,
    text("source_key", primary_key=True),
    text("merchant"),
    text("platform"),
    text("account", nullable=True),
    text("name"),
    Column("enabled", Boolean, nullable=False, server_default=sql("true")),
    instant("created_at", server_default=sql("now()")),
    Index("source_account", "platform", "account", unique=True),
    schema="registry",
)

# Every publication of a mapping; the newest row of (merchant, platform, entity) is live. merchant '' means all.
mapping_publication = Table(
    "mapping_publication",
    metadata,
    serial("id", primary_key=True),
    text("merchant", server_default=sql("''")),
    text("platform"),
    text("entity"),
    text("version"),
    Column("document", JSONB, nullable=False),
    text("published_by"),
    text("reason"),
    instant("published_at", server_default=sql("now()")),
    Index("mapping_publication_live", "merchant", "platform", "entity", "id"),
    schema="registry",
)

extension_field = Table(
    "extension_field",
    metadata,
    text("merchant", primary_key=True),
    text("entity", primary_key=True),
    text("name", primary_key=True),
    text("type"),
    text("label_zh"),
    text("pii"),
    Column("indexed", Boolean, nullable=False, server_default=sql("false")),
    schema="registry",
)
