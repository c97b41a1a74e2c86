"""What the touches of contacts are made from: leads with their sealed documents, interactions of leads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

_LEADS = """
WITH RECURSIVE down AS (
    SELECT id AS root, id FROM crm.contact WHERE id = ANY(%s)
    UNION
    SELECT down.root, c.id FROM down JOIN crm.contact c ON c.merged_into = down.id
)
SELECT down.root, l.id, l.source_key, l.received_at, l.sealed
FROM crm.lead l JOIN down ON down.id = l.contact_id ORDER BY l.id
"""
_SUBMITTED = """
WITH RECURSIVE up AS (
    SELECT c.id AS start, c.id, c.merged_into FROM crm.contact c WHERE c.merchant = %(merchant)s
    UNION ALL
    SELECT up.start, c.id, c.merged_into FROM up JOIN crm.contact c ON c.id = up.merged_into
)
SELECT up.id, l.id, l.source_key, l.received_at, l.sealed
FROM crm.lead l JOIN up ON up.start = l.contact_id AND up.merged_into IS NULL
WHERE l.merchant = %(merchant)s AND coalesce(l.submitted_at, l.received_at) >= %(since)s
  AND coalesce(l.submitted_at, l.received_at) < %(until)s
"""
_COLLEAGUES = """
WITH RECURSIVE up AS (
    SELECT p.id AS document, c.id, c.merged_into
    FROM crm.company_party p JOIN crm.company c ON c.id = p.company_id WHERE p.id = ANY(%s)
    UNION ALL
    SELECT up.document, c.id, c.merged_into FROM up JOIN crm.company c ON c.id = up.merged_into
), down AS (
    SELECT document, id FROM up WHERE merged_into IS NULL
    UNION
    SELECT down.document, c.id FROM down JOIN crm.company c ON c.merged_into = down.id
)
SELECT DISTINCT down.document, l.contact_id
FROM down JOIN crm.company_link k ON k.company_id = down.id JOIN crm.lead l ON l.id = k.lead_id
"""
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class TouchLead:
    """A lead of a root contact, still sealed."""

    root: UUID
    id: UUID
    source_key: str
    received_at: datetime
    sealed: bytes


@dataclass(frozen=True, slots=True)
class TouchInteraction:
    """An interaction that a lead had."""

    id: UUID
    lead_id: UUID
    source_key: str
    kind: str
    occurred_at: datetime


def leads_of_roots(conn: psycopg.Connection[Any], roots: Sequence[UUID]) -> list[TouchLead]:
    """Every lead of these root contacts and of all that has become them, by id."""
    with conn.cursor(binary=True, row_factory=args_row(TouchLead)) as cursor:
        return cursor.execute(_LEADS, (list(roots),)).fetchall()


def leads_submitted(
    conn: psycopg.Connection[Any], merchant: str, since: datetime, until: datetime
) -> Iterator[TouchLead]:
    """A merchant's leads by their own time (until excluded), read in pages within the open transaction."""
    with conn.cursor(
        "hub_leads_submitted", binary=True, row_factory=args_row(TouchLead)
    ) as cursor:  # type: psycopg.ServerCursor[TouchLead]
        cursor.itersize = _PAGE
        cursor.execute(_SUBMITTED, {"merchant": merchant, "since": since, "until": until})
        yield from cursor


def interactions_of(
    conn: psycopg.Connection[Any], leads: Sequence[UUID]
) -> list[TouchInteraction]:
    """The interactions of these leads that have a time, by id."""
    with conn.cursor(binary=True, row_factory=args_row(TouchInteraction)) as cursor:
        return cursor.execute(
            "SELECT id, lead_id, source_key, kind, occurred_at FROM crm.interaction"
            " WHERE lead_id = ANY(%s) AND occurred_at IS NOT NULL ORDER BY id",
            (list(leads),),
        ).fetchall()


def contacts_of_leads(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> dict[UUID, UUID]:
    """Lead → the contact that it was given; leads that are not there are left out."""
    rows = conn.execute("SELECT id, contact_id FROM crm.lead WHERE id = ANY(%s)", (list(leads),))
    return {row[0]: row[1] for row in rows}


def people_of_parties(
    conn: psycopg.Connection[Any], documents: Sequence[UUID]
) -> list[tuple[UUID, UUID]]:
    """(Document, contact) for every contact whose leads name the company that is a document's party."""
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(_COLLEAGUES, (list(documents),)).fetchall()


def newest_load(conn: psycopg.Connection[Any], merchant: str) -> datetime | None:
    """When the newest lead was loaded: what reports are fresh as of."""
    row = conn.execute(
        "SELECT max(loaded_at) FROM crm.lead WHERE merchant = %s", (merchant,)
    ).fetchone()
    found: datetime | None = row[0] if row else None
    return found
