"""Tables of schema `alerts`."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, Index, Integer, Table, Text
from sqlalchemy import text as sql

from hub.database.metadata import instant, metadata, serial, text

# One open row per dedupe key: a storm of ten thousand records is one alert with a count.
alert = Table(
    "alert",
    metadata,
    serial("id", primary_key=True),
    text("dedupe_key"),
    text("severity"),
    text("merchant", nullable=True),
    text("owner", nullable=True),
    text("summary"),
    text("action"),
    Column("count", Integer, nullable=False, server_default=sql("1")),
    instant("first_at", server_default=sql("now()")),
    instant("last_at", server_default=sql("now()")),
    instant("acknowledged_at", nullable=True),
    text("acknowledged_by", nullable=True),
    instant("closed_at", nullable=True),
    Index("alert_open", "dedupe_key", unique=True, postgresql_where=sql("closed_at IS NULL")),
    schema="alerts",
)

# Change notices (《字段变更须知》) for a merchant's operators; `delivered_at` is for the channels.
notice = Table(
    "notice",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("title"),
    text("body"),
    Column("findings", ARRAY(Text), nullable=False),
    text("written_by"),
    instant("created_at", server_default=sql("now()")),
    instant("delivered_at", nullable=True),
    schema="alerts",
)
