"""Deals, their shares and restatements in the store; activities and spend as attribution reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.rows import args_row

from hub.finance.attribution_tables import attribution_run, deal, restatement, share
from hub.finance.tables import document

_LOCK = 0x61747472  # "attr": apart from the loaders' lock and from reconciliation's


@dataclass(frozen=True, slots=True)
class DealRow:
    """A row of `finance.deal`; see `hub.finance.attribution_tables`."""

    merchant: str
    contract_number: str
    document_id: UUID
    opportunity_number: str | None
    contact_id: UUID | None
    via: str
    on_date: date | None
    standing: str
    signed_fen: int
    refunded_fen: int
    value_fen: int
    received_fen: int
    touch_digest: bytes
    cell_digest: bytes
    rules_version: str
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A row of `finance.share`."""

    merchant: str
    contract_number: str
    model: str
    ordinal: int
    touch_id: str | None
    kind: str | None
    occurred_at: datetime | None
    lead_id: UUID | None
    referrer_id: UUID | None
    channel: str
    campaign: str
    creative: str
    fen: int
    received_fen: int
    parts: int
    whole: int
    why: list[str]


@dataclass(frozen=True, slots=True)
class RestatementRow:
    """A row to append to `finance.restatement`."""

    merchant: str
    contract_number: str
    model: str
    restated_at: datetime
    reasons: list[str]
    channel: str
    campaign: str
    creative: str
    before_fen: int
    after_fen: int


@dataclass(frozen=True, slots=True)
class Activity:
    """A sales activity: whom it names by blind keys, which opportunity; `at` in epoch seconds."""

    id: UUID
    source_key: str
    kind: str | None
    opportunity: str | None
    keys: list[bytes] | None
    at: int | None


@dataclass(frozen=True, slots=True)
class Spend:
    """One line of spending."""

    source_key: str
    currency: str | None
    amount_fen: int | None
    channel: str | None
    creative_id: str | None
    utm_campaign: str | None
    campaign_id: str | None


@dataclass(frozen=True, slots=True)
class OpportunityRow:
    """An opportunity: what leads to its person, what it says of a campaign, sealed for the lead that it names."""

    id: UUID
    source_key: str
    number: str | None
    on_date: date | None
    keys: list[bytes] | None
    utm_campaign: str | None
    campaign_id: str | None
    withheld: list[str] | None
    lead_source: str | None
    sealed: bytes


def lock(conn: psycopg.Connection[Any], merchant: str) -> None:
    """Let nobody else attribute this merchant's deals until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, merchant))


def deals(conn: sa.Connection, merchant: str) -> dict[str, DealRow]:
    """All deals as they were last told, by contract number."""
    rows = conn.execute(sa.select(deal).where(deal.c.merchant == merchant))
    return {row.contract_number: DealRow(**row._mapping) for row in rows}


def deal_of(conn: sa.Connection, merchant: str, contract: str) -> DealRow | None:
    """One deal as it was last told."""
    where = (deal.c.merchant == merchant) & (deal.c.contract_number == contract)
    row = conn.execute(sa.select(deal).where(where)).one_or_none()
    return DealRow(**row._mapping) if row else None


def contracts_of_opportunity(conn: sa.Connection, merchant: str, opportunity: str) -> list[UUID]:
    """Contracts that name an opportunity, and those that were matched to it."""
    query = sa.text(
        "SELECT id FROM finance.document WHERE merchant = :merchant AND entity = 'contract'"
        " AND links && ARRAY[:link] UNION SELECT c.id FROM finance.document o"
        " JOIN finance.match m ON m.document_id = o.id"
        " JOIN finance.document c ON c.merchant = o.merchant AND c.entity = 'contract'"
        " AND c.number = m.contract_number"
        " WHERE o.merchant = :merchant AND o.entity = 'opportunity' AND o.number = :number"
    )
    given = {"merchant": merchant, "link": f"opportunity:{opportunity}", "number": opportunity}
    return list(conn.execute(query, given).scalars())


def shares_of(conn: sa.Connection, merchant: str, contracts: Sequence[str]) -> list[ShareRow]:
    """The shares of these deals, by model and order of time."""
    query = (
        sa.select(share)
        .where(share.c.merchant == merchant, share.c.contract_number.in_(contracts))
        .order_by(share.c.contract_number, share.c.model, share.c.ordinal)
    )
    return [ShareRow(**row._mapping) for row in conn.execute(query)]


def shares_between(
    conn: sa.Connection, merchant: str, model: str, since: date, until: date
) -> list[ShareRow]:
    """Shares under one model of deals signed from `since` to before `until`."""
    query = (
        sa.select(share)
        .join(deal, sa.and_(deal.c.merchant == share.c.merchant,
                            deal.c.contract_number == share.c.contract_number))
        .where(share.c.merchant == merchant, share.c.model == model,
               deal.c.on_date >= since, deal.c.on_date < until)
    )  # fmt: skip
    return [ShareRow(**row._mapping) for row in conn.execute(query)]


def write_deals(conn: sa.Connection, rows: Sequence[DealRow], shares: Sequence[ShareRow]) -> None:
    """Write deals with their shares, in place of what was told of them before."""
    for start in range(0, len(rows), 1000):
        part = rows[start : start + 1000]
        numbers = [row.contract_number for row in part]
        for table in (share, deal):
            conn.execute(
                table.delete().where(
                    table.c.merchant == part[0].merchant, table.c.contract_number.in_(numbers)
                )
            )
    if rows:
        conn.execute(deal.insert(), [asdict(row) for row in rows])
    if shares:
        conn.execute(share.insert(), [asdict(row) for row in shares])


def add_restatements(conn: sa.Connection, rows: Sequence[RestatementRow]) -> None:
    """Append to the record of what changed."""
    if rows:
        conn.execute(restatement.insert(), [asdict(row) for row in rows])


def restatements_of(
    conn: sa.Connection, merchant: str, contract: str, limit: int = 200
) -> list[sa.RowMapping]:
    """What changed of a deal, newest first."""
    rows = conn.execute(
        sa.select(restatement)
        .where(restatement.c.merchant == merchant, restatement.c.contract_number == contract)
        .order_by(restatement.c.id.desc())
        .limit(limit)
    )
    return list(rows.mappings())


def add_run(conn: sa.Connection, values: dict[str, Any]) -> None:
    """Remember a run."""
    conn.execute(attribution_run.insert().values(values))


def last_run(conn: sa.Connection, merchant: str) -> sa.RowMapping | None:
    """The newest run, None if there was none."""
    run = attribution_run
    query = sa.select(run).where(run.c.merchant == merchant).order_by(run.c.id.desc()).limit(1)
    return conn.execute(query).mappings().one_or_none()


def activities(
    conn: psycopg.Connection[Any],
    merchant: str,
    only: tuple[Sequence[bytes], Sequence[str]] | None = None,
) -> list[Activity]:
    """A merchant's activities; `only` those that name one of these keys or opportunity numbers."""
    query = (
        "SELECT id, source_key, kind, facts ->> 'opportunity_number', keys,"
        " coalesce(extract(epoch FROM (facts ->> 'occurred_at')::timestamptz)::int8,"
        " extract(epoch FROM on_date::timestamp AT TIME ZONE 'Asia/Shanghai')::int8)"
        " FROM finance.document WHERE merchant = %s AND entity = 'activity'"
    )
    parameters: list[Any] = [merchant]
    if only is not None:
        keys, numbers = only
        query += " AND (keys && %s::bytea[] OR links && %s::text[])"
        parameters += [list(keys), [f"opportunity:{number}" for number in numbers]]
    with conn.cursor(binary=True, row_factory=args_row(Activity)) as cursor:
        return cursor.execute((query + " ORDER BY id").encode(), parameters).fetchall()


def opportunities(conn: psycopg.Connection[Any], merchant: str) -> Iterator[OpportunityRow]:
    """Every opportunity of a merchant, in pages within the open transaction."""
    with conn.cursor("hub_opportunities", binary=True, row_factory=args_row(OpportunityRow)) as cursor:  # type: psycopg.ServerCursor[OpportunityRow]  # fmt: skip
        cursor.itersize = 2000
        cursor.execute(
            "SELECT id, source_key, number, on_date, keys, facts ->> 'utm_campaign',"
            " facts ->> 'campaign_id', ARRAY(SELECT jsonb_array_elements_text(facts -> 'withheld')),"
            " facts ->> 'lead_source', sealed"
            " FROM finance.document WHERE merchant = %s AND entity = 'opportunity' ORDER BY id",
            (merchant,),
        )
        yield from cursor


def spending(
    conn: psycopg.Connection[Any], merchant: str, since: date, until: date
) -> list[Spend]:
    """What was spent from `since` to before `until`."""
    with conn.cursor(binary=True, row_factory=args_row(Spend)) as cursor:
        return cursor.execute(
            "SELECT source_key, currency, amount_fen, facts ->> 'channel', facts ->> 'creative_id',"
            " facts ->> 'utm_campaign', facts ->> 'campaign_id' FROM finance.document"
            " WHERE merchant = %s AND entity = 'spend' AND on_date >= %s AND on_date < %s",
            (merchant, since, until),
        ).fetchall()


def stated_campaigns(
    conn: psycopg.Connection[Any], ids: Iterable[UUID]
) -> dict[UUID, tuple[str, str | None, str | None]]:
    """Documents that state a campaign themselves → their source, utm_campaign, campaign_id."""
    rows = conn.execute(
        "SELECT id, source_key, facts ->> 'utm_campaign', facts ->> 'campaign_id'"
        " FROM finance.document WHERE id = ANY(%s) AND facts ?| ARRAY['utm_campaign', 'campaign_id']",
        (list(ids),),
    ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def newest_loads(
    conn: sa.Connection, merchant: str, entities: Sequence[str]
) -> dict[str, datetime | None]:
    """When the newest document of each entity was loaded, None if there is none."""
    row = document.c
    query = (
        sa.select(row.entity, sa.func.max(row.loaded_at))
        .where(row.merchant == merchant, row.entity.in_(entities))
        .group_by(row.entity)
    )
    found = {one[0]: one[1] for one in conn.execute(query)}
    return {entity: found.get(entity) for entity in entities}


def stages(conn: sa.Connection, merchant: str, opportunity: str) -> list[sa.RowMapping]:
    """The opportunity and its activities, in order of time: whole rows."""
    links = sa.cast([f"opportunity:{opportunity}"], sa.ARRAY(sa.Text))
    row = document.c
    at = sa.func.coalesce(row.facts["occurred_at"].astext, sa.cast(row.on_date, sa.Text))
    query = (
        sa.select(document)
        .where(row.merchant == merchant, row.entity.in_(("opportunity", "activity")),
               row.links.op("&&")(links))
        .order_by(row.entity.desc(), at, row.id)
    )  # fmt: skip
    return list(conn.execute(query).mappings())
