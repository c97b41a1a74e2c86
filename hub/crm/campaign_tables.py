"""Tables of the campaign register: what marketing runs, under which ids platforms know it, what was found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Table

from hub.database.metadata import instant, metadata, text

# One campaign. `utm_campaign` (lower case) is its name everywhere; channel and form are parts of it.
campaign = Table(
    "campaign",
    metadata,
    text("merchant", primary_key=True),
    text("utm_campaign", primary_key=True),
    text("title", nullable=True),
    text("channel"),
    text("form"),
    text("utm_source"),
    text("utm_medium"),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Column("planned_fen", BigInteger),
    text("owner", nullable=True),
    text("registered_by"),
    instant("registered_at"),
    schema="crm",
)

# The id under which a platform account knows a campaign; `kind` is the lead's field: campaign_id or project_id.
campaign_platform_id = Table(
    "campaign_platform_id",
    metadata,
    text("merchant", primary_key=True),
    text("source_key", primary_key=True),
    text("kind", primary_key=True),
    text("platform_id", primary_key=True),
    text("utm_campaign"),
    schema="crm",
)

# A creative (素材包) of a campaign, by the platform's id of it or by utm_content.
campaign_creative = Table(
    "campaign_creative",
    metadata,
    text("merchant", primary_key=True),
    text("utm_campaign", primary_key=True),
    text("creative_id", primary_key=True),
    text("title", nullable=True),
    schema="crm",
)

# What the last look at the leads found that is no campaign; written whole each time.
campaign_finding = Table(
    "campaign_finding",
    metadata,
    text("merchant", primary_key=True),
    text("source_key", primary_key=True),
    text("kind", primary_key=True),
    text("claimed", primary_key=True),
    Column("leads", BigInteger, nullable=False),
    instant("first_at"),
    instant("last_at"),
    instant("seen_at"),
    schema="crm",
)
