"""Tables of schema `registry`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table
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
    # The raw contract that came with it; NULL: the shipped file that the document names.
    Column("contract", JSONB(none_as_null=True), nullable=True),
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

# One row per change of a source, however many records show it: `id` is a digest of the columns that say what
# changed. `merchant` is filled where the merchant has a mapping of its own, `source_key` where only one
# source shows it by its figures. Nothing personal stands here: a witness is masked.
finding = Table(
    "finding",
    metadata,
    text("id", primary_key=True),
    text("merchant", server_default=sql("''")),
    text("platform"),
    text("entity"),
    text("source_key", server_default=sql("''")),
    text("kind"),
    text("pointer"),
    text("severity"),
    text("breaks"),
    Column("detail", JSONB, nullable=False, server_default=sql("'{}'::jsonb")),
    instant("first_seen"),
    instant("last_seen"),
    Column("count", BigInteger, nullable=False, server_default=sql("0")),
    Column("reopened", Integer, nullable=False, server_default=sql("0")),
    text("owner", nullable=True),
    text("state"),
    text("mapping_version", nullable=True),
    text("solved_by", nullable=True),
    text("decided_by", nullable=True),
    text("reason", nullable=True),
    instant("decided_at", nullable=True),
    Index("finding_state", "state", "platform", "entity"),
    schema="registry",
)

# Which sources show a finding, and how often.
finding_source = Table(
    "finding_source",
    metadata,
    text("finding_id", primary_key=True),
    text("source_key", primary_key=True),
    text("merchant"),
    instant("first_seen"),
    instant("last_seen"),
    Column("count", BigInteger, nullable=False, server_default=sql("0")),
    schema="registry",
)

# The vendor's own field sheets (《星图线索字段说明V2.3.1》): the newest of an entity counts.
field_sheet = Table(
    "field_sheet",
    metadata,
    serial("id", primary_key=True),
    text("platform"),
    text("entity"),
    text("title"),
    Column("fields", JSONB, nullable=False),
    text("added_by"),
    instant("added_at", server_default=sql("now()")),
    schema="registry",
)
