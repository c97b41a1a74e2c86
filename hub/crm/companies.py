"""Companies, the keys that lead to them, and who states them. The caller holds the merchant's lock to write.

A statement is what one lead (`crm.company_link`) or another document (`crm.company_party`) says of a company:
its keys. As with contacts, a merge re-points nothing, and what is taken apart is made anew from its statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from hub.identity.resolve import KeySpan
from hub.identity.rules import kind_of
from hub.model.lead import CompanyKeyKind

BY_DOMAIN = CompanyKeyKind.EMAIL_DOMAIN.name.lower()
_NONE: frozenset[bytes] = frozenset()
_ROOTS = """
WITH RECURSIVE up AS (
    SELECT c.id AS start, c.id, c.merged_into FROM crm.company c WHERE c.id = ANY(%s)
    UNION ALL
    SELECT up.start, c.id, c.merged_into FROM up JOIN crm.company c ON c.id = up.merged_into
)
SELECT start, id FROM up WHERE merged_into IS NULL
"""
_DOWN = """
WITH RECURSIVE down AS (
    SELECT id FROM crm.company WHERE id = ANY(%(roots)s)
    UNION
    SELECT c.id FROM down JOIN crm.company c ON c.merged_into = down.id
)
"""
_MEMBERS = f"""
{_DOWN}
SELECT l.lead_id, true, l.company_id, l.keys FROM crm.company_link l JOIN down ON down.id = l.company_id
UNION ALL
SELECT p.id, false, p.company_id, p.keys FROM crm.company_party p JOIN down ON down.id = p.company_id
"""  # noqa: S608 -- names of this module
_HOLDERS = """
SELECT lead_id, true, company_id, keys FROM crm.company_link
WHERE merchant = %(merchant)s AND keys && %(keys)s::bytea[]
UNION ALL
SELECT id, false, company_id, keys FROM crm.company_party
WHERE merchant = %(merchant)s AND keys && %(keys)s::bytea[]
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a lead, or another document (`is_lead` false), says of a company, and the company it was given."""

    id: UUID
    is_lead: bool
    company_id: UUID | None
    keys: list[bytes]


@dataclass(frozen=True, slots=True)
class Link:
    """A row of `crm.company_link`. `evidence`: the strongest kind of key that leads to the company."""

    lead_id: UUID
    company_id: UUID | None
    evidence: str | None
    keys: list[bytes]
    domain: bytes | None


def roots(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """What each company has become: itself, or the company it was merged into."""
    if not ids:
        return {}
    with conn.cursor(binary=True) as cursor:
        return dict(cursor.execute(_ROOTS, (list(ids),)).fetchall())


def known_keys(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> list[KeySpan]:
    """Those of `keys` that this merchant has seen, each with the root company that it leads to."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "SELECT blind, company_id, beside, stopped FROM crm.company_key"
            " WHERE merchant = %s AND blind = ANY(%s)",
            (merchant, list(keys)),
        ).fetchall()
    became = roots(conn, list({row[1] for row in rows}))
    return [
        KeySpan(
            bytes(blind), 0, 0, 0, became[company],
            frozenset(map(bytes, beside)) if beside else _NONE, stopped,
        )
        for blind, company, beside, stopped in rows
    ]  # fmt: skip


def find_company(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> UUID | None:
    """The company that these keys lead to, by the strongest of them; None if none does.

    A name or an old tax number leads nowhere if it is two companies', or if it is known beside another credit
    code than one of `keys`.
    """
    codes = {key for key in keys if kind_of(key) == CompanyKeyKind.CREDIT_CODE}
    for span in sorted(known_keys(conn, merchant, keys), key=lambda one: kind_of(one.key)):
        contradicts = bool(codes and span.beside and not codes & span.beside)
        if not span.is_shared and not contradicts:
            return span.contact
    return None


def links_of(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> dict[UUID, Link]:
    """What these leads say of companies; those that say nothing are not in the result."""
    with conn.cursor(binary=True, row_factory=args_row(Link)) as cursor:
        cursor.execute(
            "SELECT lead_id, company_id, evidence, keys, domain FROM crm.company_link"
            " WHERE lead_id = ANY(%s)",
            (list(leads),),
        )
        return {row.lead_id: row for row in cursor}


def add_companies(
    conn: psycopg.Connection[Any], merchant: str, ids: Sequence[UUID], now: datetime
) -> None:
    """Create companies."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crm.company (id, merchant, created_at) VALUES (%s, %s, %s)",
            [(company, merchant, now) for company in ids],
        )


def merge(conn: psycopg.Connection[Any], became: Mapping[UUID, UUID | None]) -> None:
    """Say what each company is part of; None makes it one of its own again."""
    if became:
        conn.execute(
            "UPDATE crm.company c SET merged_into = b.root"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS b(company, root) WHERE c.id = b.company",
            (list(became), list(became.values())),
        )


def write_keys(conn: psycopg.Connection[Any], merchant: str, spans: Sequence[KeySpan]) -> None:
    """Add keys, or write them as they are now."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crm.company_key (merchant, blind, company_id, stopped, beside)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (merchant, blind) DO UPDATE SET"
            " company_id = excluded.company_id, stopped = excluded.stopped, beside = excluded.beside",
            [
                (merchant, one.key, one.contact, one.is_shared, sorted(one.beside) or None)
                for one in sorted(spans, key=lambda one: one.key)
            ],
        )


def remove_keys(conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]) -> None:
    """Forget keys that nobody states any more."""
    if keys:
        conn.execute(
            "DELETE FROM crm.company_key WHERE merchant = %s AND blind = ANY(%s)",
            (merchant, list(keys)),
        )


def write_links(conn: psycopg.Connection[Any], merchant: str, links: Sequence[Link]) -> None:
    """Add what leads say of companies, or write it anew."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crm.company_link (lead_id, merchant, company_id, evidence, keys, domain)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (lead_id) DO UPDATE SET"
            " company_id = excluded.company_id, evidence = excluded.evidence, keys = excluded.keys,"
            " domain = excluded.domain",
            [
                (one.lead_id, merchant, one.company_id, one.evidence, one.keys, one.domain)
                for one in sorted(links, key=lambda one: one.lead_id)
            ],
        )


def remove_links(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> None:
    """Forget what these leads said of companies."""
    if leads:
        conn.execute("DELETE FROM crm.company_link WHERE lead_id = ANY(%s)", (list(leads),))


def write_party(
    conn: psycopg.Connection[Any], merchant: str, party: Statement, evidence: str, sealed: bytes
) -> None:
    """Add what a document other than a lead says of a company, or write it anew; `sealed`: what it says."""
    conn.execute(
        "INSERT INTO crm.company_party (id, merchant, company_id, evidence, keys, sealed)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET"
        " company_id = excluded.company_id, evidence = excluded.evidence, keys = excluded.keys,"
        " sealed = excluded.sealed",
        (party.id, merchant, party.company_id, evidence or None, party.keys, sealed),
    )


def party(conn: psycopg.Connection[Any], party_id: UUID) -> Statement | None:
    """What a document other than a lead said of a company, None if it said nothing yet."""
    with conn.cursor(binary=True, row_factory=args_row(Statement)) as cursor:
        return cursor.execute(
            "SELECT id, false, company_id, keys FROM crm.company_party WHERE id = %s", (party_id,)
        ).fetchone()


def remove_party(conn: psycopg.Connection[Any], party_id: UUID) -> None:
    """Forget what a document said."""
    conn.execute("DELETE FROM crm.company_party WHERE id = %s", (party_id,))


def members(conn: psycopg.Connection[Any], companies: Sequence[UUID]) -> list[Statement]:
    """Every statement that stands under a root company or one that became it."""
    with conn.cursor(binary=True, row_factory=args_row(Statement)) as cursor:
        return cursor.execute(_MEMBERS.encode(), {"roots": list(companies)}).fetchall()


def holders(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> list[Statement]:
    """Every statement of a merchant that has one of these keys."""
    with conn.cursor(binary=True, row_factory=args_row(Statement)) as cursor:
        return cursor.execute(
            _HOLDERS.encode(), {"merchant": merchant, "keys": list(keys)}
        ).fetchall()


def became_root(conn: psycopg.Connection[Any], companies: Sequence[UUID]) -> list[UUID]:
    """Every company that has become one of these roots, themselves included."""
    query = f"{_DOWN} SELECT id FROM down ORDER BY id"  # noqa: S608 -- names of this module
    return [row[0] for row in conn.execute(query.encode(), {"roots": list(companies)}).fetchall()]


def place_statements(
    conn: psycopg.Connection[Any],
    placed: Sequence[tuple[Statement, UUID | None, str | None]],
) -> None:
    """Give statements another company (None: no company) and evidence."""
    for table, column, is_lead in (("link", "lead_id", True), ("party", "id", False)):
        rows = [(c, e, one.id) for one, c, e in placed if one.is_lead is is_lead]
        with conn.cursor() as cursor:
            cursor.executemany(
                f"UPDATE crm.company_{table} SET company_id = %s, evidence = %s"  # noqa: S608 -- names of this module
                f" WHERE {column} = %s".encode(),
                rows,
            )


def companies_of_domains(
    conn: psycopg.Connection[Any], merchant: str, domains: Sequence[bytes]
) -> dict[bytes, UUID]:
    """Domain of a work e-mail → the one company of those who state a company beside it; others are left out."""
    rows = conn.execute(
        "SELECT DISTINCT domain, company_id FROM crm.company_link"
        " WHERE merchant = %s AND domain = ANY(%s) AND company_id IS NOT NULL",
        (merchant, list(domains)),
    ).fetchall()
    became = roots(conn, list({row[1] for row in rows}))
    tied: dict[bytes, set[UUID]] = {}
    for domain, company in rows:
        tied.setdefault(bytes(domain), set()).add(became[company])
    return {domain: min(found) for domain, found in tied.items() if len(found) == 1}
