"""Tables of schema `ops`."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    SmallInteger,
    Table,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from hub.database.metadata import identifier, instant, metadata, sealed, serial, text

# A loader holds the session advisory lock (LOADER_LOCK, id) while it lives.
loader = Table(
    "loader",
    metadata,
    serial("id", primary_key=True),
    text("name"),
    instant("started_at", server_default=sql("now()")),
    instant("seen_at", server_default=sql("now()")),
    schema="ops",
)

# What a loader has in hand, committed before it starts on it; left behind only by a loader that died.
claim = Table(
    "claim",
    metadata,
    Column("loader", BigInteger, primary_key=True),
    Column("lane", SmallInteger, nullable=False),
    Column("seqs", ARRAY(BigInteger), nullable=False),
    instant("claimed_at", server_default=sql("now()")),
    schema="ops",
)

# Counts per source, 30-second window, loader and mapping version. `latency` are histogram buckets of
# received → start of commit, upper bounds in hub.ops.windows.LATENCY_BOUNDS_MS.
window = Table(
    "window",
    metadata,
    text("merchant", primary_key=True),
    text("source_key", primary_key=True),
    instant("window_start", primary_key=True),
    Column("loader", BigInteger, primary_key=True),
    text("mapping_version", primary_key=True),
    Column("loaded", Integer, nullable=False, server_default=sql("0")),
    Column("revised", Integer, nullable=False, server_default=sql("0")),
    Column("unchanged", Integer, nullable=False, server_default=sql("0")),
    Column("superseded", Integer, nullable=False, server_default=sql("0")),
    Column("not_a_lead", Integer, nullable=False, server_default=sql("0")),
    Column("held", Integer, nullable=False, server_default=sql("0")),
    Column("waiting", Integer, nullable=False, server_default=sql("0")),
    Column("latency", ARRAY(Integer), nullable=False),
    instant("reported_at", nullable=True),
    Index("window_unreported", "window_start", postgresql_where=sql("reported_at IS NULL")),
    schema="ops",
)

# Where a pull goes on; written in the transaction that stores the page.
cursor = Table(
    "cursor",
    metadata,
    text("source_key", primary_key=True),
    text("stream", primary_key=True),
    Column("value", JSONB, nullable=False),
    instant("updated_at"),
    schema="ops",
)

# OAuth tokens, sealed. One writer: a row lock on the source's row.
token = Table(
    "token",
    metadata,
    text("source_key", primary_key=True),
    sealed(),
    instant("access_expires_at", nullable=True),
    instant("refresh_expires_at", nullable=True),
    Column("lost", Boolean, nullable=False, server_default=sql("false")),
    text("detail", server_default=sql("''")),
    instant("updated_at"),
    schema="ops",
)

# A browser on its way through a platform's consent page.
authorization_state = Table(
    "authorization_state",
    metadata,
    text("state", primary_key=True),
    text("source_key"),
    instant("expires_at"),
    schema="ops",
)

# Accounts that a grant covers or covered; `vanished_at` is when it no longer did.
granted_account = Table(
    "granted_account",
    metadata,
    text("source_key", primary_key=True),
    text("account", primary_key=True),
    text("name"),
    instant("first_seen"),
    instant("last_seen"),
    instant("vanished_at", nullable=True),
    schema="ops",
)

# What was used of a platform's daily allowance, all processes together.
quota = Table(
    "quota",
    metadata,
    text("name", primary_key=True),
    Column("day", Date, primary_key=True),
    Column("used", Integer, nullable=False),
    schema="ops",
)

# What a platform says it sent on a day against what came; `stated_by` is where the figure is from.
platform_count = Table(
    "platform_count",
    metadata,
    text("source_key", primary_key=True),
    Column("day", Date, primary_key=True),
    text("stated_by", primary_key=True),
    Column("stated", Integer, nullable=False),
    Column("arrived", Integer, nullable=False),
    Column("not_pushed", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("set_aside", Integer, nullable=False),
    instant("counted_at"),
    schema="ops",
)

audit = Table(
    "audit",
    metadata,
    serial("id", primary_key=True),
    instant("at", server_default=sql("now()")),
    text("who"),
    text("action"),
    text("target"),
    text("merchant", nullable=True),
    schema="ops",
)

# Processes other than loaders that say they live: receiver, notifier, dagster. `facts` are plain figures.
heartbeat = Table(
    "heartbeat",
    metadata,
    text("process", primary_key=True),
    text("instance", primary_key=True),
    instant("seen_at", server_default=sql("now()")),
    Column("facts", JSONB, nullable=False, server_default=sql("'{}'::jsonb")),
    schema="ops",
)

# What loaders saw of a change, in their own transactions; the evaluator takes the rows and adds them up.
sighting = Table(
    "sighting",
    metadata,
    serial("id", primary_key=True),
    text("finding_id"),
    text("merchant"),
    text("scope"),
    text("platform"),
    text("entity"),
    text("source_key"),
    text("kind"),
    text("pointer"),
    Column("detail", JSONB, nullable=False, server_default=sql("'{}'::jsonb")),
    text("mapping_version", nullable=True),
    Column("count", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    instant("seen_at"),
    schema="ops",
)

# What live payloads looked like to a loader since its last row; the evaluator takes the rows and adds them up.
profile_delta = Table(
    "profile_delta",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("platform"),
    text("entity"),
    text("source_key"),
    text("mapping_version"),
    Column("records", Integer, nullable=False),
    Column("body", JSONB, nullable=False),
    instant("taken_at"),
    schema="ops",
)

# What a source's payloads look like: `baseline` is what they are known to be, `recent` what is not yet judged.
profile = Table(
    "profile",
    metadata,
    text("source_key", primary_key=True),
    text("entity", primary_key=True),
    text("merchant"),
    text("platform"),
    Column("baseline", JSONB, nullable=False),
    Column("recent", JSONB, nullable=False),
    instant("recent_since"),
    instant("updated_at"),
    schema="ops",
)

# When a source's leads come: the longest gap by hour and kind of day, counts by hour.
arrivals = Table(
    "arrivals",
    metadata,
    text("source_key", primary_key=True),
    text("merchant"),
    Column("body", JSONB, nullable=False),
    instant("updated_at"),
    schema="ops",
)

# How a source's fields were filled by the leads of a day; see hub.steps.quality.days. Counts and anomaly words only.
quality_day = Table(
    "quality_day",
    metadata,
    text("merchant", primary_key=True),
    text("source_key", primary_key=True),
    Column("day", Date, primary_key=True),
    Column("leads", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("fields", JSONB, nullable=False),
    instant("counted_at"),
    schema="ops",
)

# Contacts of a merchant that stand twice, over the whole store, counted once a day.
doubled_contacts = Table(
    "doubled_contacts",
    metadata,
    text("merchant", primary_key=True),
    Column("day", Date, primary_key=True),
    Column("contacts", BigInteger, nullable=False),
    Column("doubled", BigInteger, nullable=False),
    instant("counted_at"),
    schema="ops",
)

# What tells each key of the ring from any other key: `use` is sealing, index or id. A ring that does not
# match is refused before anything is written.
key_check = Table(
    "key_check",
    metadata,
    text("use", primary_key=True),
    Column("key_id", Integer, primary_key=True, autoincrement=False),
    Column("value", BYTEA, nullable=False),
    instant("made_at", server_default=sql("now()")),
    schema="ops",
)

# One row: which index key blind keys are made under, and how far those of the key before it (`renews`) are moved.
# `stuck` counts leads with a key that their documents no longer give; `kept` says per retired key what is left.
index_rotation = Table(
    "index_rotation",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=sql("true")),
    Column("active", Integer, nullable=False),
    Column("renews", Integer),
    text("phase"),
    identifier("cursor", nullable=True),
    Column("leads", BigInteger, nullable=False, server_default=sql("0")),
    Column("stuck", BigInteger, nullable=False, server_default=sql("0")),
    Column("kept", JSONB, nullable=False, server_default=sql("'{}'::jsonb")),
    instant("started_at", nullable=True),
    instant("updated_at", server_default=sql("now()")),
    CheckConstraint("only_row", name="index_rotation_one_row"),
    schema="ops",
)

# Which rows of the views in schema `analyst` a database role sees. An empty source or province is every one.
row_rule = Table(
    "row_rule",
    metadata,
    text("role_name", primary_key=True),
    text("merchant", primary_key=True),
    text("source_key", primary_key=True, server_default=sql("''")),
    text("province_code", primary_key=True, server_default=sql("''")),
    schema="ops",
)
