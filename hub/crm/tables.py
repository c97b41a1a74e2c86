"""Tables of schema `crm`.

Random-key indexes that a new lead touches: lead.id and contact_key; lead.contact_id only for a known contact.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Index, SmallInteger, Table, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

from hub.crm import campaign_tables as campaign_tables
from hub.database.metadata import identifier, instant, metadata, sealed, serial, text

# A lead as its revisions fold to it. Plain columns are those that reports need and that name nobody;
# all else is in `sealed` (canonical JSON). `keys` are the blind keys of all its revisions: the edges of identity.
lead = Table(
    "lead",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    identifier("contact_id"),
    identifier("first_record_id"),
    instant("submitted_at", nullable=True),
    instant("received_at"),
    instant("loaded_at"),
    text("mapping_version"),
    Column("intent", SmallInteger),
    text("province_code", nullable=True),
    text("city_code", nullable=True),
    Column("product_interest", ARRAY(Text)),
    text("campaign_id", nullable=True),
    text("utm_source", nullable=True),
    text("utm_medium", nullable=True),
    text("utm_campaign", nullable=True),
    text("utm_term", nullable=True),
    text("utm_content", nullable=True),
    text("utm_id", nullable=True),
    Column("ext", JSONB),
    Column("marks", ARRAY(Text)),
    Column("keys", ARRAY(BYTEA), nullable=False),
    Column("revisions", ARRAY(UUID(as_uuid=True)), nullable=False),
    Column("content_hash", BYTEA, nullable=False),
    sealed(),
    Index("lead_contact_id", "contact_id"),
    schema="crm",
)

# One row per lead that a record gave (`ordinal` 0 speaks for the record in the record law).
# `sealed` is None while the revision says just what its lead says: most leads have one revision only.
lead_revision = Table(
    "lead_revision",
    metadata,
    identifier("record_id", primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    identifier("lead_id"),
    text("merchant"),
    text("source_key"),
    text("outcome"),
    Column("rank", BYTEA, nullable=False),
    text("mode"),
    text("stream"),
    text("mapping_version"),
    Column("content_hash", BYTEA, nullable=False),
    Column("keys", ARRAY(BYTEA), nullable=False),
    sealed(),
    schema="crm",
)

contact = Table(
    "contact",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    instant("created_at"),
    identifier("merged_into", nullable=True),
    Index("contact_merged_into", "merged_into", postgresql_where=sql("merged_into IS NOT NULL")),
    schema="crm",
)

# A span: a stretch of time (epoch seconds, by the leads' own times) in which a key is one person's; `number`
# tells spans of one key apart. `blind` is one byte of kind and sixteen of HMAC. `beside` are strong keys that
# stood beside a weak one, `stopped` says that they are too many: then it joins nobody.
contact_key = Table(
    "contact_key",
    metadata,
    text("merchant", primary_key=True),
    Column("blind", BYTEA, primary_key=True),
    Column("number", SmallInteger, primary_key=True, server_default=sql("0")),
    identifier("contact_id"),
    Column("stopped", Boolean, nullable=False, server_default=sql("false")),
    Column("first_s", BigInteger, nullable=False, server_default=sql("0")),
    Column("last_s", BigInteger, nullable=False, server_default=sql("0")),
    Column("beside", ARRAY(BYTEA)),
    schema="crm",
)

# What people decided about identity; appended, never changed.
decision = Table(
    "decision",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("kind"),
    Column("body", JSONB, nullable=False),
    text("decided_by"),
    text("reason"),
    instant("decided_at", server_default=sql("now()")),
    schema="crm",
)

# Keys that a decision gave a lead, so that it stays with its side.
pin = Table(
    "pin",
    metadata,
    identifier("lead_id", primary_key=True),
    Column("key", BYTEA, primary_key=True),
    Column("decision_id", BigInteger, nullable=False),
    schema="crm",
)

# Keys that a decision lets join nobody.
stopped_key = Table(
    "stopped_key",
    metadata,
    text("merchant", primary_key=True),
    Column("blind", BYTEA, primary_key=True),
    Column("decision_id", BigInteger, nullable=False),
    schema="crm",
)

# `record_id` is the lead's first record, so that the key rises with time and a re-fold finds its rows.
touchpoint = Table(
    "touchpoint",
    metadata,
    identifier("record_id", primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    Column("slot", SmallInteger, primary_key=True),
    text("merchant"),
    identifier("lead_id"),
    text("kind"),
    instant("occurred_at"),
    text("campaign_id", nullable=True),
    text("utm_source", nullable=True),
    text("utm_medium", nullable=True),
    text("utm_campaign", nullable=True),
    sealed(),
    schema="crm",
)

interaction = Table(
    "interaction",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    text("source_key"),
    text("entity"),
    identifier("record_id"),
    identifier("lead_id", nullable=True),
    text("kind"),
    instant("occurred_at", nullable=True),
    sealed(),
    Index("interaction_lead_id", "lead_id", postgresql_where=sql("lead_id IS NOT NULL")),
    schema="crm",
)

# A company as the keys of its statements join them; its values are folded when it is read, as a contact's are.
company = Table(
    "company",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    instant("created_at"),
    identifier("merged_into", nullable=True),
    Index("company_merchant", "merchant", "id"),
    Index("company_merged_into", "merged_into", postgresql_where=sql("merged_into IS NOT NULL")),
    schema="crm",
)

# `beside` are credit codes that stood beside a name; with two of them it is `stopped`: two companies' name.
company_key = Table(
    "company_key",
    metadata,
    text("merchant", primary_key=True),
    Column("blind", BYTEA, primary_key=True),
    identifier("company_id"),
    Column("stopped", Boolean, nullable=False, server_default=sql("false")),
    Column("beside", ARRAY(BYTEA)),
    schema="crm",
)

# What a lead says of its company: the keys, the company that they lead to (none if they are two companies'),
# the strongest kind of key that does, and the domain of a work e-mail.
company_link = Table(
    "company_link",
    metadata,
    identifier("lead_id", primary_key=True),
    text("merchant"),
    identifier("company_id", nullable=True),
    text("evidence", nullable=True),
    Column("keys", ARRAY(BYTEA), nullable=False),
    Column("domain", BYTEA),
    Index("company_link_company_id", "company_id", postgresql_where=sql("company_id IS NOT NULL")),
    Index("company_link_keys", "keys", postgresql_using="gin"),
    Index("company_link_domain", "merchant", "domain", postgresql_where=sql("domain IS NOT NULL")),
    schema="crm",
)

# What others than leads (a contract, an invoice) say of a company. `sealed`: what it says, as JSON.
company_party = Table(
    "company_party",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    identifier("company_id", nullable=True),
    text("evidence", nullable=True),
    Column("keys", ARRAY(BYTEA), nullable=False),
    sealed(),
    Index("company_party_keys", "keys", postgresql_using="gin"),
    Index(
        "company_party_company_id", "company_id", postgresql_where=sql("company_id IS NOT NULL")
    ),
    schema="crm",
)

# While the blind index is rotated: a blind key under the index key before, and the same key under the new one.
# Spans and stopped keys of a pair stand under `new`; leads, revisions and `beside` may still say `old`.
key_pair = Table(
    "key_pair",
    metadata,
    text("merchant", primary_key=True),
    Column("old", BYTEA, primary_key=True),
    Column("new", BYTEA, nullable=False),
    schema="crm",
)

# What keeps an erased past from coming back: a blind key that only erased leads had, or a digest of an erased
# lead's id (first byte `hub.crm.erasure.LEAD`). `index_key` is the index key that it was made under, 0 for a digest.
tombstone = Table(
    "tombstone",
    metadata,
    text("merchant", primary_key=True),
    Column("blind", BYTEA, primary_key=True),
    Column("index_key", SmallInteger, nullable=False),
    instant("erased_at"),
    identifier("erasure_id"),
    schema="crm",
)

# Receipts: who asked, when, how much went; not whom.
erasure = Table(
    "erasure",
    metadata,
    identifier("id", primary_key=True),
    text("merchant"),
    instant("erased_at"),
    text("requested_by"),
    text("reason"),
    Column("counts", JSONB, nullable=False),
    schema="crm",
)
