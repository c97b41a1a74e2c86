"""Tables of schema `finance`."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Computed,
    Date,
    Index,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

from hub.database.metadata import identifier, instant, metadata, sealed, serial, text
from hub.finance import attribution_tables as attribution_tables
from hub.finance import gate_tables as gate_tables
from hub.finance.reconciliation_tables import LINKS

# A business document as its revisions fold to it: contract, invoice, receipt, opportunity … Plain columns and
# `facts` are the fields that name nobody (`x-pii: none`); all of it is in `sealed` (canonical JSON).
# `keys` are blind keys of the person, `party` those of the company that it names.
document = Table(
    "document",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("number", nullable=True),
    text("kind", nullable=True),
    text("state", nullable=True),
    Column("on_date", Date),
    Column("amount_fen", BigInteger),
    text("currency", nullable=True),
    text("contract_number", nullable=True),
    text("order_number", nullable=True),
    text("party_code", nullable=True),
    Column("party", ARRAY(BYTEA)),
    Column("keys", ARRAY(BYTEA)),
    Column("facts", JSONB, nullable=False),
    Column("marks", ARRAY(Text)),
    identifier("first_record_id"),
    instant("received_at"),
    instant("loaded_at"),
    text("mapping_version"),
    Column("revisions", ARRAY(UUID(as_uuid=True)), nullable=False),
    Column("content_hash", BYTEA, nullable=False),
    sealed(),
    Column("links", ARRAY(Text), Computed(LINKS, persisted=True)),
    Index("document_entity", "merchant", "entity"),
    Index("document_contract", "merchant", "contract_number"),
    Index("document_number", "merchant", "entity", "number"),
    # Without a pending list: every search would read all of it.
    Index(
        "document_links", "links", postgresql_using="gin", postgresql_with={"fastupdate": "off"}
    ),
    Index(
        "document_party", "party", postgresql_using="gin", postgresql_with={"fastupdate": "off"}
    ),
    schema="finance",
)

# One row per document that a record gave; every version is kept (`ordinal` 0 speaks for the record).
document_revision = Table(
    "document_revision",
    metadata,
    identifier("record_id", primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    identifier("document_id"),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("outcome"),
    Column("rank", BYTEA, nullable=False),
    text("mode"),
    text("stream"),
    text("mapping_version"),
    Column("content_hash", BYTEA, nullable=False),
    sealed(nullable=False),
    Index("document_revision_document", "document_id"),
    schema="finance",
)

# Documents that were loaded or revised since the last reconciliation, which takes the rows; `links` and `party`
# are what a document was tied by before, so that what it leaves is looked at again.
change = Table(
    "change",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("entity"),
    identifier("document_id"),
    Column("links", ARRAY(Text)),
    Column("party", ARRAY(BYTEA)),
    schema="finance",
)
