"""Tables of the gate and of metric values."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from hub.database.metadata import instant, metadata, serial, text

# What each metric came to when it was last computed; `apart` is other currencies, `aside` what is never summed.
metric_value = Table(
    "metric_value",
    metadata,
    text("merchant", primary_key=True),
    text("metric", primary_key=True),
    text("period", primary_key=True),
    text("version"),
    text("digest"),
    Column("amount_fen", BigInteger, nullable=False),
    Column("documents", BigInteger, nullable=False),
    Column("apart", JSONB, nullable=False),
    Column("aside", JSONB, nullable=False),
    instant("computed_at"),
    schema="finance",
)

# One reading an hour: the figure, finance's record of the same contracts, the residual; or why there is none.
gate_reading = Table(
    "gate_reading",
    metadata,
    text("merchant", primary_key=True),
    text("metric", primary_key=True),
    text("period", primary_key=True),
    instant("hour", primary_key=True),
    instant("at"),
    text("version"),
    Column("numerator_fen", BigInteger),
    Column("denominator_fen", BigInteger),
    Column("residual_fen", BigInteger),
    text("unknown", nullable=True),
    text("detail"),
    schema="finance",
)

# Where readings leave a gate; whoever asks looks at the overrides and the clock, too.
gate = Table(
    "gate",
    metadata,
    text("merchant", primary_key=True),
    text("metric", primary_key=True),
    text("period", primary_key=True),
    instant("shut_since", nullable=True),
    instant("over_since", nullable=True),
    Column("known", Integer, nullable=False),
    Column("is_healthy", Boolean, nullable=False),
    instant("evaluated_at"),
    Index("gate_shut", "merchant", postgresql_where=sql("shut_since IS NOT NULL")),
    schema="finance",
)

# A named person opened a gate; appended, never changed.
gate_override = Table(
    "gate_override",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("metric"),
    text("period"),
    instant("at"),
    instant("expires_at"),
    text("by"),
    text("reason"),
    Index("gate_override_gate", "merchant", "metric", "period"),
    schema="finance",
)
