"""Reads of companies: the newest, one with its statements, the leads in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

_DOWN = """
WITH RECURSIVE down AS (
    SELECT id FROM crm.company WHERE id = %(root)s
    UNION
    SELECT c.id FROM down JOIN crm.company c ON c.merged_into = down.id
)
"""
_COUNTED = """
SELECT root.id, root.merchant, counted.leads, counted.parties FROM ({roots}) AS root CROSS JOIN LATERAL (
    WITH RECURSIVE down AS (
        SELECT root.id
        UNION
        SELECT c.id FROM down JOIN crm.company c ON c.merged_into = down.id
    )
    SELECT (SELECT count(*) FROM crm.company_link l JOIN down ON down.id = l.company_id) AS leads,
           (SELECT count(*) FROM crm.company_party p JOIN down ON down.id = p.company_id) AS parties
) AS counted
"""
_ROOTS = """SELECT id, merchant FROM crm.company WHERE merged_into IS NULL
 AND (%(merchant)s::text IS NULL OR merchant = %(merchant)s) ORDER BY id DESC LIMIT %(most)s"""
_STATED = " WHERE counted.leads + counted.parties > 0 ORDER BY root.id DESC LIMIT %(limit)s"
_NEWEST = _COUNTED.format(roots=_ROOTS) + _STATED
_ONE = _COUNTED.format(roots="SELECT id, merchant FROM crm.company WHERE id = %(root)s")
_LEADS = f"""
{_DOWN}, linked AS (
    SELECT k.lead_id, k.evidence FROM crm.company_link k JOIN down ON down.id = k.company_id
    UNION ALL
    SELECT k.lead_id, NULL FROM crm.company_link k
    WHERE k.merchant = %(merchant)s AND k.domain = ANY(%(domains)s) AND k.company_id IS NULL
      AND cardinality(k.keys) = 0
)
SELECT l.id, l.contact_id, l.source_key, coalesce(l.submitted_at, l.received_at), linked.evidence, l.sealed
FROM linked JOIN crm.lead l ON l.id = linked.lead_id ORDER BY 4 DESC, 1 DESC LIMIT %(limit)s
"""  # noqa: S608 -- text of this module
_DOMAINS = f"""
{_DOWN} SELECT DISTINCT k.domain FROM crm.company_link k JOIN down ON down.id = k.company_id
WHERE k.domain IS NOT NULL
"""  # noqa: S608 -- text of this module
_PARTIES = f"""
{_DOWN} SELECT p.id, p.sealed FROM crm.company_party p JOIN down ON down.id = p.company_id
WHERE p.sealed IS NOT NULL ORDER BY p.id LIMIT 100
"""  # noqa: S608 -- text of this module
_LOOKED_AT = 4


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """A root company and how many leads and other documents state it."""

    id: UUID
    merchant: str
    leads: int
    parties: int


@dataclass(frozen=True, slots=True)
class CompanyLead:
    """A lead of a company; `evidence` is None for one that only its e-mail's domain leads here."""

    id: UUID
    contact_id: UUID
    source_key: str
    at: datetime
    evidence: str | None
    sealed: bytes


def newest_companies(
    conn: psycopg.Connection[Any], merchant: str | None, limit: int
) -> list[CompanyRow]:
    """Root companies that somebody states, newest first; looks at four times as many as are asked for."""
    given = {"merchant": merchant, "limit": limit, "most": limit * _LOOKED_AT}
    with conn.cursor(binary=True, row_factory=args_row(CompanyRow)) as cursor:
        return cursor.execute(_NEWEST.encode(), given).fetchall()


def company_head(conn: psycopg.Connection[Any], root: UUID) -> CompanyRow | None:
    """One root company, None if there is none."""
    with conn.cursor(binary=True, row_factory=args_row(CompanyRow)) as cursor:
        return cursor.execute(_ONE.encode(), {"root": root}).fetchone()


def company_leads(
    conn: psycopg.Connection[Any],
    root: UUID,
    merchant: str | None,
    domains: Sequence[bytes],
    limit: int,
) -> list[CompanyLead]:
    """The newest leads that state a company, and those that only one of `domains` leads to it."""
    given = {"root": root, "merchant": merchant, "domains": list(domains), "limit": limit}
    with conn.cursor(binary=True, row_factory=args_row(CompanyLead)) as cursor:
        return cursor.execute(_LEADS.encode(), given).fetchall()


def domains_of(conn: psycopg.Connection[Any], root: UUID) -> list[bytes]:
    """The domains of work e-mails beside which leads state this company."""
    rows = conn.execute(_DOMAINS.encode(), {"root": root}).fetchall()
    return [bytes(row[0]) for row in rows]


def party_statements(conn: psycopg.Connection[Any], root: UUID) -> list[tuple[UUID, bytes]]:
    """What documents other than leads say of a company: id and sealed statement."""
    rows = conn.execute(_PARTIES.encode(), {"root": root}).fetchall()
    return [(row[0], bytes(row[1])) for row in rows]
