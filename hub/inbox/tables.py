"""Tables of schema `inbox`."""

from __future__ import annotations

from sqlalchemy import ARRAY, Boolean, Column, Index, Integer, SmallInteger, Table, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import BYTEA

from hub.database.metadata import identifier, instant, metadata, sealed, serial, text

# One row per acknowledged delivery; a duplicate is a row whose payload was never stored.
delivery = Table(
    "delivery",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("via"),
    instant("received_at"),
    identifier("duplicate_of", nullable=True),
    schema="inbox",
)

# Apart from `delivery`, so that keys can be forgotten while the ledger stays.
delivery_key = Table(
    "delivery_key",
    metadata,
    text("merchant", primary_key=True),
    text("source_key", primary_key=True),
    Column("key", BYTEA, primary_key=True),
    identifier("delivery_id"),
    instant("expires_at"),
    Index("delivery_key_expires_at", "expires_at"),
    schema="inbox",
)

# What a loader has to do. A delivery's sealed envelope lives here only, so it goes when it is split;
# a row with `is_record` names a record of the archive.
queue = Table(
    "queue",
    metadata,
    Column("lane", SmallInteger, primary_key=True),
    serial("seq", primary_key=True),
    identifier("item_id"),
    Column("is_record", Boolean, nullable=False),
    text("merchant"),
    text("source_key"),
    text("via"),
    instant("received_at"),
    Column("suspect", Integer, nullable=False, server_default=sql("0")),
    Column("kills", SmallInteger, nullable=False, server_default=sql("0")),
    # The record stands somewhere else already, and is only mapped anew: the law does not count it as queued.
    Column("stands", Boolean, nullable=False, server_default=sql("false")),
    sealed(),
    Index("queue_suspect", "lane", "seq", postgresql_where=sql("suspect > 0")),
    schema="inbox",
)

# The archive. `sealed` is None once the record's person is erased.
record = Table(
    "record",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("via"),
    instant("received_at"),
    text("mapping_version", nullable=True),
    sealed(),
    schema="inbox",
)

held = Table(
    "held",
    metadata,
    identifier("record_id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("reason"),
    text("path"),
    text("detail"),
    text("mapping_version", nullable=True),
    instant("held_at"),
    text("finding", nullable=True),
    Index("held_source", "merchant", "source_key", "reason"),
    Index("held_version", "source_key", "entity", "mapping_version"),
    schema="inbox",
)

# Records that were loaded with the mark of a drift finding: mapped anew once another version is live.
marked = Table(
    "marked",
    metadata,
    identifier("record_id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("mapping_version"),
    Column("findings", ARRAY(Text), nullable=False),
    Index("marked_version", "source_key", "entity", "mapping_version"),
    schema="inbox",
)

# Records that need the network before they can be mapped. One that `stands` is loaded as it is and only
# asked about once more: the law does not count it as waiting.
waiting = Table(
    "waiting",
    metadata,
    identifier("record_id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("needs"),
    Column("tries", SmallInteger, nullable=False, server_default=sql("0")),
    instant("waiting_since"),
    instant("not_before"),
    Column("stands", Boolean, nullable=False, server_default=sql("false")),
    Index("waiting_due", "source_key", "not_before"),
    schema="inbox",
)

# Which record holds the answer to a question that may be asked again: `digest` is keyed.
resolution = Table(
    "resolution",
    metadata,
    text("source_key", primary_key=True),
    Column("digest", BYTEA, primary_key=True),
    identifier("record_id"),
    schema="inbox",
)

not_a_lead = Table(
    "not_a_lead",
    metadata,
    identifier("record_id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("reason"),
    text("mapping_version", nullable=True),
    instant("decided_at"),
    schema="inbox",
)

discarded = Table(
    "discarded",
    metadata,
    identifier("record_id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    text("reason"),
    text("decided_by"),
    instant("decided_at"),
    schema="inbox",
)

erased = Table(
    "erased",
    metadata,
    identifier("record_id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    instant("decided_at"),
    schema="inbox",
)

outcome_change = Table(
    "outcome_change",
    metadata,
    serial("id", primary_key=True),
    identifier("record_id"),
    text("merchant"),
    text("source_key"),
    text("was"),
    text("became"),
    text("reason"),
    text("decided_by"),
    text("mapping_version", nullable=True),
    instant("changed_at"),
    Index("outcome_change_record", "record_id"),
    schema="inbox",
)

# Pushes whose signature failed: sealed, bounded, expiring; replayed once the secret is put right.
rejected = Table(
    "rejected",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("reason"),
    instant("received_at"),
    instant("expires_at"),
    sealed(nullable=False),
    Index("rejected_source", "merchant", "source_key", "received_at"),
    Index("rejected_expires_at", "expires_at"),
    schema="inbox",
)

# What each receiver acknowledged, counted in the transaction that stored it.
acknowledged = Table(
    "acknowledged",
    metadata,
    text("merchant", primary_key=True),
    text("source_key", primary_key=True),
    text("receiver", primary_key=True),
    instant("window_start", primary_key=True),
    Column("deliveries", Integer, nullable=False),
    schema="inbox",
)
