"""Tables of schema `alerts`."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

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
    # What the two are made of, in any language (`hub.alerts.sentences`).
    Column("facts", JSONB, nullable=False, server_default=sql("'{}'")),
    Column("count", Integer, nullable=False, server_default=sql("1")),
    instant("first_at", server_default=sql("now()")),
    instant("last_at", server_default=sql("now()")),
    instant("acknowledged_at", nullable=True),
    text("acknowledged_by", nullable=True),
    instant("closed_at", nullable=True),
    # Closed, and nobody is left who has to be told of it.
    instant("settled_at", nullable=True),
    Index("alert_open", "dedupe_key", unique=True, postgresql_where=sql("closed_at IS NULL")),
    Index("alert_unsettled", "id", postgresql_where=sql("settled_at IS NULL")),
    Index("alert_by_key", "dedupe_key", "id"),
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

# One message of an alert (or of a notice) to one recipient. `sending_at` is committed before a channel is
# asked: a row that has it and neither `sent_at` nor a failure was cut short, and goes again, marked.
message = Table(
    "message",
    metadata,
    serial("id", primary_key=True),
    Column("alert_id", BigInteger, nullable=True),
    Column("notice_id", BigInteger, nullable=True),
    text("event"),
    Column("step", Integer, nullable=False, server_default=sql("0")),
    text("recipient"),
    text("severity"),
    instant("created_at", server_default=sql("now()")),
    instant("not_before", server_default=sql("now()")),
    Column("attempts", Integer, nullable=False, server_default=sql("0")),
    instant("sending_at", nullable=True),
    instant("sent_at", nullable=True),
    text("sent_via", nullable=True),
    Column("is_repeat", Boolean, nullable=False, server_default=sql("false")),
    text("failure", nullable=True),
    instant("given_up_at", nullable=True),
    instant("tried_at", nullable=True),
    UniqueConstraint("alert_id", "event", "step", "recipient", "severity", name="message_once"),
    Index(
        "message_notice",
        "notice_id",
        unique=True,
        postgresql_where=sql("notice_id IS NOT NULL"),
    ),
    Index(
        "message_waiting",
        "not_before",
        postgresql_where=sql("sent_at IS NULL AND given_up_at IS NULL"),
    ),
    Index("message_sent", "sent_via", "sent_at"),
    schema="alerts",
)

# One try to send over one channel: a message, or several as one digest. What counts against the channel's rate.
# `failure` is the word of `hub.channels.base.Failure`, `said` its sentence; `ended_at` alone: it was taken.
attempt = Table(
    "attempt",
    metadata,
    serial("id", primary_key=True),
    text("channel"),
    Column("messages", ARRAY(BigInteger), nullable=False),
    instant("started_at"),
    instant("ended_at", nullable=True),
    text("failure", nullable=True),
    text("said", nullable=True),
    Index("attempt_channel", "channel", "started_at"),
    schema="alerts",
)

# Nobody is told of alerts whose key fits `pattern` until then.
silence = Table(
    "silence",
    metadata,
    serial("id", primary_key=True),
    text("pattern"),
    text("merchant", nullable=True),
    instant("until"),
    text("reason"),
    text("made_by"),
    instant("made_at", server_default=sql("now()")),
    instant("ended_at", nullable=True),
    schema="alerts",
)
