"""Reads for the quality of fields and of identity: leads by when they came, contacts of several leads, doubles.

A lead came when the record came that made it (`first_record_id`, a time-ordered id): so a day is read by an
index, and a day that is over stays over. By the leads' own times the whole table of leads is read.
All reads belong into one snapshot, which the caller opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.rows import args_row

from hub.model.ids import uuid7_floor

# Columns of both: id, merchant, source_key, contact_id, at (what the scope goes by), received_at, sealed.
# A record may give one lead twice.
_CAME = """
SELECT DISTINCT ON (r.record_id, l.id)
       l.id, l.merchant, l.source_key, l.contact_id, l.received_at AS at, l.received_at{sealed}
FROM crm.lead_revision r JOIN crm.lead l ON l.id = r.lead_id AND l.first_record_id = r.record_id
WHERE r.record_id >= %(first_id)s AND r.record_id < %(end_id)s
  AND (%(source)s::text IS NULL OR r.source_key = %(source)s)
  AND (%(merchant)s::text IS NULL OR r.merchant = %(merchant)s)
"""
_SUBMITTED = """
SELECT l.id, l.merchant, l.source_key, l.contact_id, coalesce(l.submitted_at, l.received_at) AS at,
       l.received_at{sealed}
FROM crm.lead l
WHERE coalesce(l.submitted_at, l.received_at) >= %(since)s
  AND coalesce(l.submitted_at, l.received_at) < %(until)s
  AND (%(source)s::text IS NULL OR l.source_key = %(source)s)
  AND (%(merchant)s::text IS NULL OR l.merchant = %(merchant)s)
"""
_ROOTS = """
, up (origin, id, next) AS (
    SELECT c.id, c.id, c.merged_into FROM crm.contact c
    JOIN (SELECT DISTINCT contact_id FROM came) AS named ON named.contact_id = c.id
    WHERE c.merged_into IS NOT NULL
    UNION ALL
    SELECT up.origin, c.id, c.merged_into FROM up JOIN crm.contact c ON c.id = up.next
), root AS (SELECT origin, id FROM up WHERE next IS NULL)
"""
_REPEATED = """
SELECT merchant, source_key, sum(leads)::int8, sum(leads - persons)::int8 FROM (
    SELECT merchant, source_key, (at AT TIME ZONE 'Asia/Shanghai')::date AS day,
           count(*) AS leads, count(DISTINCT coalesce(root.id, contact_id)) AS persons
    FROM came LEFT JOIN root ON root.origin = came.contact_id GROUP BY 1, 2, 3
) AS days GROUP BY 1, 2
"""
# Contacts with more than one lead, or that are more than one contact, each by its root.
_SEVERAL = """
SELECT DISTINCT coalesce(root.id, named.contact_id) AS id
FROM (SELECT DISTINCT contact_id FROM came) AS named LEFT JOIN root ON root.origin = named.contact_id
WHERE root.id IS NOT NULL
   OR EXISTS (SELECT 1 FROM crm.contact c WHERE c.merged_into = named.contact_id)
   OR EXISTS (SELECT 1 FROM crm.lead o WHERE o.contact_id = named.contact_id OFFSET 1)
"""
_OF_ROOTS = sa.text("""
WITH RECURSIVE down (root, id) AS (
    SELECT id, id FROM crm.contact WHERE id = ANY(CAST(:roots AS uuid[]))
    UNION
    SELECT down.root, c.id FROM down JOIN crm.contact c ON c.merged_into = down.id
)
SELECT down.root, l.id, l.merchant, l.source_key, l.first_record_id, l.submitted_at, l.received_at, l.sealed
FROM down JOIN crm.lead l ON l.contact_id = down.id ORDER BY down.root, l.id
""")
# As `hub.crm.counts` does it for a day, but over all leads: how many customers have keys of another customer.
# `named` stands apart so that a table without statistics is not searched by merchant alone, lead by lead.
_DOUBLED = sa.text("""
WITH RECURSIVE named AS MATERIALIZED (
    SELECT l.merchant, l.contact_id AS own, u.blind,
           floor(extract(epoch FROM coalesce(l.submitted_at, l.received_at)))::int8 AS at
    FROM crm.lead l CROSS JOIN LATERAL unnest(l.keys) AS u(blind)
), pair AS MATERIALIZED (
    SELECT n.merchant, n.own, k.contact_id AS other
    FROM named n JOIN crm.contact_key k ON k.merchant = n.merchant AND k.blind = n.blind AND NOT k.stopped
     AND n.at BETWEEN k.first_s AND k.last_s
     AND NOT EXISTS (SELECT 1 FROM crm.stopped_key s WHERE s.merchant = k.merchant AND s.blind = k.blind)
    WHERE k.contact_id <> n.own
), chain (origin, id, next) AS (
    SELECT c.id, c.id, c.merged_into FROM crm.contact c
    JOIN (SELECT own FROM pair UNION SELECT other FROM pair) AS named (id) ON named.id = c.id
    UNION ALL
    SELECT chain.origin, c.id, c.merged_into FROM chain JOIN crm.contact c ON c.id = chain.next
), double AS (
    SELECT pair.merchant, mine.id FROM pair
    JOIN chain mine ON mine.origin = pair.own AND mine.next IS NULL
    JOIN chain theirs ON theirs.origin = pair.other AND theirs.next IS NULL
    WHERE mine.id <> theirs.id
)
SELECT c.merchant, count(*) AS contacts,
       (SELECT count(DISTINCT d.id) FROM double d WHERE d.merchant = c.merchant) AS doubled
FROM crm.contact c WHERE c.merged_into IS NULL GROUP BY c.merchant
""")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which leads: those that came at or after `since` and before `until`; None: of every source, merchant.

    With `by_own_time` it is the leads' own times that count: when they were submitted, by their own words.
    """

    since: datetime
    until: datetime
    source_key: str | None = None
    merchant: str | None = None
    by_own_time: bool = False

    @property
    def leads(self) -> str:
        """The query for its leads; `{sealed}` is for a further column."""
        return _SUBMITTED if self.by_own_time else _CAME

    def has(self, lead: sa.RowMapping) -> bool:
        """Whether a row of `leads_of_roots` is within its time; source and merchant apart."""
        if self.by_own_time:
            at: datetime = lead["submitted_at"] or lead["received_at"]
            return self.since <= at < self.until
        first: UUID = lead["first_record_id"]
        return uuid7_floor(self.since) <= first < uuid7_floor(self.until)


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class CameLead:
    """A lead that came in a scope."""

    id: UUID
    merchant: str
    source_key: str
    contact_id: UUID
    at: datetime
    received_at: datetime
    sealed: bytes


def leads_that_came(
    conn: psycopg.Connection[Any], scope: Scope, *, batch: int = 2000
) -> Iterator[CameLead]:
    """The leads of a scope, in no order, read in batches within the open transaction."""
    with conn.cursor(name="hub_leads_came", binary=True, row_factory=args_row(CameLead)) as cursor:  # type: psycopg.ServerCursor[CameLead]
        cursor.itersize = batch
        cursor.execute(scope.leads.format(sealed=", l.sealed"), _bound(scope))
        yield from cursor


def repeated_leads(
    conn: psycopg.Connection[Any], scope: Scope
) -> dict[tuple[str, str], tuple[int, int]]:
    """(merchant, source) → leads of the scope, and how many came again from one person on one day in China."""
    rows = conn.execute(_within(scope, _REPEATED), _bound(scope)).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def contacts_of_several(
    conn: psycopg.Connection[Any], scope: Scope, *, batch: int = 500
) -> Iterator[list[UUID]]:
    """Contacts of the scope that have several leads, from whenever, by their roots and in batches."""
    with conn.cursor(name="hub_contacts_of_several", binary=True) as cursor:
        cursor.execute(_within(scope, _SEVERAL), _bound(scope))
        while rows := cursor.fetchmany(batch):
            yield [row[0] for row in rows]


def leads_of_roots(conn: sa.Connection, roots: Sequence[UUID]) -> Sequence[sa.RowMapping]:
    """Every lead of the contacts that have become one of `roots` (column `root`), contact by contact."""
    return conn.execute(_OF_ROOTS, {"roots": list(roots)}).mappings().all()


def doubled_contacts(conn: sa.Connection) -> dict[str, tuple[int, int]]:
    """Merchant → its contacts, and how many of them have a key that is another contact's at that time.

    Reads every lead's keys: for once a day.
    """
    return {row.merchant: (int(row.contacts), int(row.doubled)) for row in conn.execute(_DOUBLED)}


def _within(scope: Scope, query: str) -> str:
    """A query over the leads of a scope (`came`) and the contacts that theirs have become (`root`)."""
    return (
        f"WITH RECURSIVE came AS MATERIALIZED ({scope.leads.format(sealed='')}) {_ROOTS} {query}"
    )


def _bound(scope: Scope) -> dict[str, object]:
    return {
        "since": scope.since,
        "until": scope.until,
        "first_id": uuid7_floor(scope.since),
        "end_id": uuid7_floor(scope.until),
        "source": scope.source_key,
        "merchant": scope.merchant,
    }
