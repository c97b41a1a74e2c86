"""Tables of attribution: deals as they were last told, their shares, and what restated them."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, Date, Index, Integer, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import BYTEA

from hub.database.metadata import identifier, instant, metadata, serial, text

# One contract as its shares were computed. `value_fen` is what was signed less refunds (0 once it is void),
# `received_fen` what came less refunds. `via` says what led to the contact. The digests are of the parts that
# shares depend on: who, which touches, which cells.
deal = Table(
    "deal",
    metadata,
    text("merchant", primary_key=True),
    text("contract_number", primary_key=True),
    identifier("document_id"),
    text("opportunity_number", nullable=True),
    identifier("contact_id", nullable=True),
    text("via"),
    Column("on_date", Date),
    text("standing"),
    Column("signed_fen", BigInteger, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False),
    Column("value_fen", BigInteger, nullable=False),
    Column("received_fen", BigInteger, nullable=False),
    Column("touch_digest", BYTEA, nullable=False),
    Column("cell_digest", BYTEA, nullable=False),
    text("rules_version"),
    instant("computed_at"),
    Index("deal_contact", "contact_id"),
    Index("deal_day", "merchant", "on_date"),
    schema="finance",
)

# What one touch gets of a deal under one model: `parts` of `whole`, in fen; the cell is channel, campaign, creative.
share = Table(
    "share",
    metadata,
    text("merchant", primary_key=True),
    text("contract_number", primary_key=True),
    text("model", primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    text("touch_id", nullable=True),
    text("kind", nullable=True),
    instant("occurred_at", nullable=True),
    identifier("lead_id", nullable=True),
    identifier("referrer_id", nullable=True),
    text("channel"),
    text("campaign"),
    text("creative"),
    Column("fen", BigInteger, nullable=False),
    Column("received_fen", BigInteger, nullable=False),
    Column("parts", BigInteger, nullable=False),
    Column("whole", BigInteger, nullable=False),
    Column("why", ARRAY(Text), nullable=False),
    schema="finance",
)

# One cell of a deal whose fen changed; appended, never changed.
restatement = Table(
    "restatement",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("contract_number"),
    text("model"),
    instant("restated_at"),
    Column("reasons", ARRAY(Text), nullable=False),
    text("channel"),
    text("campaign"),
    text("creative"),
    Column("before_fen", BigInteger, nullable=False),
    Column("after_fen", BigInteger, nullable=False),
    Index("restatement_contract", "merchant", "contract_number"),
    schema="finance",
)

# When attribution last looked at everything.
attribution_run = Table(
    "attribution_run",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("rules_version"),
    instant("finished_at"),
    Column("deals", Integer, nullable=False),
    Column("written", Integer, nullable=False),
    Column("restated", Integer, nullable=False),
    Index("attribution_run_merchant", "merchant", "id"),
    schema="finance",
)
