"""The terms of the record law that stand in `crm`, and how many leads have two contacts.

A record stands in `crm` by its first revision (`ordinal` 0). `hub.inbox.counts` says what a snapshot
and `since` are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from hub.crm.tables import lead, lead_revision
from hub.model.ids import uuid7_floor
from hub.model.outcome import IN_CRM

CRM_TERMS = tuple(outcome.value for outcome in IN_CRM)

# A lead is doubled if its keys, merges followed, lead to another contact than its own. Only pairs that
# differ at first sight are followed, so the cost is that of reading a day's leads and their keys.
_DOUBLED = sa.text("""
WITH RECURSIVE recent AS MATERIALIZED (
    SELECT l.id, l.merchant, l.contact_id, l.keys,
           floor(extract(epoch FROM coalesce(l.submitted_at, l.received_at)))::int8 AS at
    FROM crm.lead_revision r
    JOIN crm.lead l ON l.id = r.lead_id
    WHERE r.record_id >= :floor AND r.outcome = 'loaded'
), named AS MATERIALIZED (
    SELECT r.id, r.merchant, r.contact_id, r.at, u.blind
    FROM recent r CROSS JOIN LATERAL unnest(r.keys) AS u(blind)
), pair AS MATERIALIZED (
    SELECT n.id AS lead_id, n.contact_id AS own, k.contact_id AS other
    FROM named n JOIN crm.contact_key k ON k.merchant = n.merchant AND k.blind = n.blind AND NOT k.stopped
     AND n.at BETWEEN k.first_s AND k.last_s
     AND NOT EXISTS (SELECT 1 FROM crm.stopped_key s WHERE s.merchant = k.merchant AND s.blind = k.blind)
    WHERE k.contact_id <> n.contact_id
), chain (origin, id, next) AS (
    SELECT c.id, c.id, c.merged_into FROM crm.contact c
    JOIN (SELECT own FROM pair UNION SELECT other FROM pair) AS named (id) ON named.id = c.id
    UNION ALL
    SELECT chain.origin, c.id, c.merged_into FROM chain JOIN crm.contact c ON c.id = chain.next
)
SELECT (SELECT count(*) FROM recent) AS leads, (
    SELECT count(DISTINCT pair.lead_id) FROM pair
    JOIN chain mine ON mine.origin = pair.own AND mine.next IS NULL
    JOIN chain theirs ON theirs.origin = pair.other AND theirs.next IS NULL
    WHERE mine.id <> theirs.id
) AS doubled
""")


def outcome_terms(
    conn: sa.Connection, *, since: datetime | None = None
) -> dict[str, dict[str, int]]:
    """`loaded`, `revised`, `unchanged` and `superseded` by source."""
    query = sa.select(lead_revision.c.outcome, lead_revision.c.source_key, sa.func.count()).where(
        lead_revision.c.ordinal == 0
    )
    if since is not None:
        query = query.where(lead_revision.c.record_id >= uuid7_floor(since))
    terms: dict[str, dict[str, int]] = {term: {} for term in CRM_TERMS}
    for outcome, source_key, count in conn.execute(
        query.group_by(lead_revision.c.outcome, lead_revision.c.source_key)
    ):
        terms.setdefault(outcome, {})[source_key] = count
    return terms


def outcome_members(
    conn: sa.Connection,
    term: str,
    *,
    source_key: str | None = None,
    after: UUID | None = None,
    limit: int = 1000,
) -> list[UUID]:
    """Ids of the records with an outcome of `CRM_TERMS`, sorted: the page that follows `after`."""
    query = sa.select(lead_revision.c.record_id).where(
        lead_revision.c.ordinal == 0, lead_revision.c.outcome == term
    )
    if source_key is not None:
        query = query.where(lead_revision.c.source_key == source_key)
    if after is not None:
        query = query.where(lead_revision.c.record_id > after)
    return list(conn.execute(query.order_by(lead_revision.c.record_id).limit(limit)).scalars())


def record_standings(conn: sa.Connection, record_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The outcome of each of these records in `crm`; one without any is not in the result."""
    query = sa.select(lead_revision.c.record_id, lead_revision.c.outcome).where(
        lead_revision.c.ordinal == 0, lead_revision.c.record_id.in_(record_ids)
    )
    return {row[0]: [row[1]] for row in conn.execute(query)}


def revisions_beside(
    conn: sa.Connection, record_ids: Sequence[UUID]
) -> dict[UUID, tuple[UUID, ...]]:
    """The leads of these records: lead → the records of all its revisions, of these and of others."""
    ours = sa.select(lead_revision.c.lead_id).where(lead_revision.c.record_id.in_(record_ids))
    query = sa.select(lead.c.id, lead.c.revisions).where(lead.c.id.in_(ours))
    return {row.id: tuple(row.revisions) for row in conn.execute(query)}


def leads_submitted(
    conn: sa.Connection, source_key: str, start: datetime, end: datetime
) -> dict[UUID, tuple[UUID, ...]]:
    """A source's leads that were submitted in [start, end): lead → the records of its revisions."""
    query = sa.select(lead.c.id, lead.c.revisions).where(
        lead.c.source_key == source_key, lead.c.submitted_at >= start, lead.c.submitted_at < end
    )
    return {row.id: tuple(row.revisions) for row in conn.execute(query)}


def doubled_leads(conn: sa.Connection, *, since: datetime) -> tuple[int, int]:
    """Leads that arrived since, and how many of them have keys of another contact, too."""
    row = conn.execute(_DOUBLED, {"floor": uuid7_floor(since)}).one()
    return int(row.leads), int(row.doubled)
