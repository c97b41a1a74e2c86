"""The campaign register in the store: campaigns, their ids at platforms, creatives, what is no campaign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.attribution.register import Campaign, Register
from hub.crm.campaign_tables import (
    campaign,
    campaign_creative,
    campaign_finding,
    campaign_platform_id,
)

_FIELDS = (
    "utm_campaign", "channel", "form", "utm_source", "utm_medium", "title", "starts_on", "ends_on",
    "planned_fen", "owner",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """Leads of one source that name one thing which is no campaign."""

    merchant: str
    source_key: str
    kind: str
    claimed: str
    leads: int
    first_at: datetime
    last_at: datetime
    seen_at: datetime


def read_register(conn: sa.Connection, merchant: str) -> Register:
    """All that a merchant has registered."""
    columns = [campaign.c[name] for name in _FIELDS]
    rows = conn.execute(
        sa.select(*columns).where(campaign.c.merchant == merchant).order_by(*columns[:1])
    )
    found = {row.utm_campaign: Campaign(**row._mapping) for row in rows}
    ids, creatives = campaign_platform_id.c, campaign_creative.c
    by_id = conn.execute(sa.select(campaign_platform_id).where(ids.merchant == merchant))
    titles = conn.execute(sa.select(campaign_creative).where(creatives.merchant == merchant))
    return Register(
        found,
        {(row.source_key, row.kind, row.platform_id): row.utm_campaign for row in by_id},
        {(row.utm_campaign, row.creative_id): row.title for row in titles},
    )


def add_campaign(
    conn: sa.Connection, merchant: str, added: Campaign, *, by: str, at: datetime
) -> bool:
    """Register a campaign; False if its utm_campaign is taken."""
    values = {"merchant": merchant, **asdict(added), "registered_by": by, "registered_at": at}
    query = insert(campaign).values(values).on_conflict_do_nothing()
    return conn.execute(query.returning(campaign.c.utm_campaign)).first() is not None


def change_campaign(
    conn: sa.Connection, merchant: str, utm_campaign: str, values: dict[str, Any]
) -> bool:
    """Set columns of a campaign; False if there is none of that name."""
    where = (campaign.c.merchant == merchant) & (campaign.c.utm_campaign == utm_campaign)
    return conn.execute(campaign.update().where(where).values(values)).rowcount > 0


def tie_platform_id(
    conn: sa.Connection, merchant: str, key: tuple[str, str, str], utm_campaign: str
) -> str:
    """Tie (source key, field, id) to a campaign; the campaign that has it now, which may be another."""
    source_key, kind, platform_id = key
    table = campaign_platform_id
    values = {"merchant": merchant, "source_key": source_key, "kind": kind,
              "platform_id": platform_id, "utm_campaign": utm_campaign}  # fmt: skip
    conn.execute(insert(table).values(values).on_conflict_do_nothing())
    query = sa.select(table.c.utm_campaign).where(
        table.c.merchant == merchant, table.c.source_key == source_key, table.c.kind == kind,
        table.c.platform_id == platform_id,
    )  # fmt: skip
    return str(conn.execute(query).scalar_one())


def untie_platform_id(conn: sa.Connection, merchant: str, key: tuple[str, str, str]) -> bool:
    """Take a platform's id away from its campaign; False if it had none."""
    source_key, kind, platform_id = key
    table = campaign_platform_id
    where = sa.and_(
        table.c.merchant == merchant, table.c.source_key == source_key, table.c.kind == kind,
        table.c.platform_id == platform_id,
    )  # fmt: skip
    return conn.execute(table.delete().where(where)).rowcount > 0


def put_creative(
    conn: sa.Connection, merchant: str, utm_campaign: str, creative_id: str, title: str | None
) -> None:
    """Register a creative, or give it another title."""
    values = {"merchant": merchant, "utm_campaign": utm_campaign, "creative_id": creative_id}
    query = insert(campaign_creative).values(**values, title=title)
    conn.execute(
        query.on_conflict_do_update(
            index_elements=["merchant", "utm_campaign", "creative_id"], set_={"title": title}
        )
    )


def write_findings(
    conn: sa.Connection, merchant: str, found: Iterable[StoredFinding]
) -> list[tuple[str, str, str]]:
    """Replace a merchant's findings; (source, kind, claimed) of those that were not there before."""
    table = campaign_finding
    key = (table.c.source_key, table.c.kind, table.c.claimed)
    where = table.c.merchant == merchant
    before = {tuple(row) for row in conn.execute(sa.select(*key).where(where))}
    conn.execute(table.delete().where(where))
    rows = [asdict(one) for one in found]
    if rows:
        conn.execute(table.insert(), rows)
    now = [(row["source_key"], row["kind"], row["claimed"]) for row in rows]
    return [one for one in now if one not in before]


def read_findings(conn: sa.Connection, merchant: str | None = None) -> Sequence[StoredFinding]:
    """What the last look found, most leads first."""
    query = sa.select(campaign_finding).order_by(
        campaign_finding.c.leads.desc(), campaign_finding.c.claimed
    )
    if merchant is not None:
        query = query.where(campaign_finding.c.merchant == merchant)
    return [StoredFinding(**row._mapping) for row in conn.execute(query)]
