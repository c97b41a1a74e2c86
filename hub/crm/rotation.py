"""Blind keys on their way from one index key to the next. The caller holds the merchants' locks.

A pair (`crm.key_pair`) is one key under both index keys. Once a pair is there, spans and stopped keys stand
under the new one; leads, revisions and `beside` may still say the old one, so who reads those asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from hub.privacy.keyring import is_under

_MOVE_SPANS = """
UPDATE crm.contact_key k SET blind = p.new FROM unnest(%s::bytea[], %s::bytea[]) AS p(old, new)
WHERE k.merchant = %s AND k.blind = p.old
"""
_MOVE_STOPS = """
UPDATE crm.stopped_key s SET blind = p.new FROM unnest(%s::bytea[], %s::bytea[]) AS p(old, new)
WHERE s.merchant = %s AND s.blind = p.old
"""
# Companies' keys are few, so they are moved wherever they stand.
_MOVE_COMPANIES = """
UPDATE crm.company_key k SET blind = p.new FROM unnest(%(old)s::bytea[], %(new)s::bytea[]) AS p(old, new)
WHERE k.merchant = %(merchant)s AND k.blind = p.old
"""
_MOVE_DOMAINS = """
UPDATE crm.company_link l SET domain = p.new FROM unnest(%(old)s::bytea[], %(new)s::bytea[]) AS p(old, new)
WHERE l.merchant = %(merchant)s AND l.domain = p.old
"""
_MOVE_STATED = """
UPDATE crm.{table} l SET keys = ARRAY(
    SELECT coalesce(p.new, u.key) FROM unnest(l.keys) AS u(key)
    LEFT JOIN unnest(%(old)s::bytea[], %(new)s::bytea[]) AS p(old, new) ON p.old = u.key ORDER BY 1
) WHERE l.merchant = %(merchant)s AND l.keys && %(old)s::bytea[]
"""
_MOVE_COMPANIES_BESIDE = """
UPDATE crm.company_key k SET beside = ARRAY(
    SELECT coalesce(p.new, u.key) FROM unnest(k.beside) AS u(key)
    LEFT JOIN unnest(%(old)s::bytea[], %(new)s::bytea[]) AS p(old, new) ON p.old = u.key ORDER BY 1
) WHERE k.merchant = %(merchant)s AND k.beside && %(old)s::bytea[] AND k.blind IN (
    SELECT unnest(keys) FROM crm.company_link WHERE merchant = %(merchant)s AND keys && %(new)s::bytea[]
    UNION SELECT unnest(keys) FROM crm.company_party WHERE merchant = %(merchant)s AND keys && %(new)s::bytea[]
)
"""
_DROP_SPANS = """
DELETE FROM crm.contact_key k USING (
    SELECT blind, number FROM crm.contact_key
    WHERE merchant = %(merchant)s AND blind >= %(low)s AND blind < %(high)s
    ORDER BY blind, number LIMIT %(limit)s
) AS gone WHERE k.merchant = %(merchant)s AND k.blind = gone.blind AND k.number = gone.number
"""
_SPANS_BESIDE = """
SELECT blind, number, beside FROM crm.contact_key
WHERE merchant = %s AND (blind, number) > (%s, %s) AND beside IS NOT NULL
ORDER BY blind, number LIMIT %s
"""


@dataclass(slots=True)  # one per lead of a batch
class KeyedLead:
    """A lead with what its keys are made of: its stored keys, its records, its sealed document."""

    id: UUID
    merchant: str
    keys: list[bytes]
    revisions: list[UUID]
    sealed: bytes


def renewed(
    conn: psycopg.Connection[Any], merchant: str, keys: Iterable[bytes]
) -> dict[bytes, bytes]:
    """Old → new, for those of `keys` that a pair is known of."""
    rows = conn.execute(
        "SELECT old, new FROM crm.key_pair WHERE merchant = %s AND old = ANY(%s)",
        (merchant, list(keys)),
    ).fetchall()
    return {bytes(old): bytes(new) for old, new in rows}


def former(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> dict[bytes, bytes]:
    """New → old, for those of `keys` that a pair is known of. Reads all pairs: for rare decisions."""
    rows = conn.execute(
        "SELECT new, old FROM crm.key_pair WHERE merchant = %s AND new = ANY(%s)",
        (merchant, list(keys)),
    ).fetchall()
    return {bytes(new): bytes(old) for new, old in rows}


def all_pairs(conn: psycopg.Connection[Any]) -> dict[tuple[str, bytes], bytes]:
    """(merchant, old) → new, of every pair."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute("SELECT merchant, old, new FROM crm.key_pair")
        return {(row[0], bytes(row[1])): bytes(row[2]) for row in rows}


def adopt(conn: psycopg.Connection[Any], merchant: str, pairs: Mapping[bytes, bytes]) -> None:
    """Remember pairs, and let the spans and stopped keys of them stand under the new key."""
    if not pairs:
        return
    old = sorted(pairs)
    columns = (old, [pairs[key] for key in old])
    conn.execute(
        "INSERT INTO crm.key_pair (merchant, old, new)"
        " SELECT %s, p.old, p.new FROM unnest(%s::bytea[], %s::bytea[]) AS p(old, new)"
        " ON CONFLICT DO NOTHING",
        (merchant, *columns),
    )
    conn.execute(_MOVE_SPANS, (*columns, merchant))
    adopt_stops(conn, merchant, pairs)


def adopt_stops(
    conn: psycopg.Connection[Any], merchant: str, pairs: Mapping[bytes, bytes]
) -> None:
    """Let stopped keys stand under the new key, also those that were left under a key long before."""
    if pairs:
        old = sorted(pairs)
        conn.execute(_MOVE_STOPS, (old, [pairs[key] for key in old], merchant))


def adopt_companies(
    conn: psycopg.Connection[Any], merchant: str, pairs: Mapping[bytes, bytes]
) -> None:
    """Let companies' keys, and all that states them, stand under the new key."""
    if not pairs:
        return
    old = sorted(pairs)
    arguments = {"merchant": merchant, "old": old, "new": [pairs[key] for key in old]}
    conn.execute(_MOVE_COMPANIES, arguments)
    conn.execute(_MOVE_DOMAINS, arguments)
    for table in ("company_link", "company_party"):
        conn.execute(_MOVE_STATED.format(table=table).encode(), arguments)
    conn.execute(_MOVE_COMPANIES_BESIDE, arguments)


def parties_after(
    conn: psycopg.Connection[Any], after: UUID, limit: int
) -> list[tuple[UUID, str, bytes]]:
    """The next documents that state a company: id, merchant, sealed."""
    rows = conn.execute(
        "SELECT id, merchant, sealed FROM crm.company_party WHERE id > %s ORDER BY id LIMIT %s",
        (after, limit),
    ).fetchall()
    return [(row[0], row[1], bytes(row[2])) for row in rows]


def merchants(conn: psycopg.Connection[Any]) -> list[str]:
    """Every merchant that has a contact's key or a stopped one, by skipping through the index."""
    rows = conn.execute(
        "WITH RECURSIVE m(merchant) AS ("
        " (SELECT min(merchant) FROM crm.contact_key) UNION ALL"
        " SELECT (SELECT min(k.merchant) FROM crm.contact_key k WHERE k.merchant > m.merchant) FROM m"
        " WHERE m.merchant IS NOT NULL)"
        " SELECT merchant FROM m WHERE merchant IS NOT NULL UNION SELECT merchant FROM crm.stopped_key"
        " ORDER BY 1"
    ).fetchall()
    return [row[0] for row in rows]


def leads_after(
    conn: psycopg.Connection[Any], after: UUID | None, limit: int
) -> list[tuple[UUID, str]]:
    """The next leads by id, each with its merchant."""
    return conn.execute(
        "SELECT id, merchant FROM crm.lead WHERE id > %s ORDER BY id LIMIT %s",
        (after or UUID(int=0), limit),
    ).fetchall()


def count_leads(conn: psycopg.Connection[Any]) -> int:
    """About how many leads there are, for a progress bar."""
    row = conn.execute(
        "SELECT reltuples::int8 FROM pg_class WHERE oid = 'crm.lead'::regclass"
    ).fetchone()
    return max(0, int(row[0])) if row else 0


def keyed_leads(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> list[KeyedLead]:
    """Leads as they are under the merchants' locks."""
    with conn.cursor(binary=True, row_factory=args_row(KeyedLead)) as cursor:
        return cursor.execute(
            "SELECT id, merchant, keys, revisions, sealed FROM crm.lead WHERE id = ANY(%s) ORDER BY id",
            (list(ids),),
        ).fetchall()


def write_lead_keys(
    conn: psycopg.Connection[Any], rows: Sequence[tuple[UUID, list[bytes]]]
) -> None:
    """Give leads their keys under the new index key."""
    if rows:
        with conn.cursor() as cursor:
            cursor.executemany(
                "UPDATE crm.lead SET keys = %s WHERE id = %s",
                [(sorted(keys), lead) for lead, keys in rows],
            )


def write_revision_keys(
    conn: psycopg.Connection[Any], rows: Sequence[tuple[UUID, int, list[bytes]]]
) -> None:
    """Give revisions (record, ordinal) theirs."""
    if rows:
        with conn.cursor() as cursor:
            cursor.executemany(
                "UPDATE crm.lead_revision SET keys = %s WHERE record_id = %s AND ordinal = %s",
                [(keys, record, ordinal) for record, ordinal, keys in rows],
            )


def drop_spans_under(
    conn: psycopg.Connection[Any], merchant: str, index_id: int, limit: int
) -> int:
    """Remove spans under the key before: no lead has their keys any more. How many were removed."""
    low, high = _range_of(index_id)
    arguments = {"merchant": merchant, "low": low, "high": high, "limit": limit}
    return conn.execute(_DROP_SPANS, arguments).rowcount


def renew_beside(
    conn: psycopg.Connection[Any],
    merchant: str,
    after: tuple[bytes, int],
    index_id: int,
    limit: int,
) -> tuple[bytes, int] | None:
    """The next spans' strong keys under the new key; those that no lead has are dropped. The last span seen."""
    rows = conn.execute(_SPANS_BESIDE, (merchant, *after, limit)).fetchall()
    if not rows:
        return None
    named = {bytes(key) for row in rows for key in row[2] if is_under(bytes(key), index_id)}
    pairs = renewed(conn, merchant, named) if named else {}
    changed = []
    for blind, number, beside in rows:
        keys = {pairs.get(bytes(key), bytes(key)) for key in beside}
        kept = sorted(key for key in keys if not is_under(key, index_id))
        if kept != sorted(map(bytes, beside)):
            changed.append((kept or None, merchant, blind, number))
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE crm.contact_key SET beside = %s WHERE merchant = %s AND blind = %s AND number = %s",
            changed,
        )
    return bytes(rows[-1][0]), rows[-1][1]


def count_stops_under(conn: psycopg.Connection[Any], index_id: int) -> int:
    """Stopped keys that no lead has any more, so that only that index key knows them."""
    low, high = _range_of(index_id)
    row = conn.execute(
        "SELECT count(*) FROM crm.stopped_key WHERE blind >= %s AND blind < %s", (low, high)
    ).fetchone()
    return int(row[0]) if row else 0


def forget_pairs(conn: psycopg.Connection[Any]) -> None:
    """Drop all pairs: nothing says an old key any more."""
    conn.execute("TRUNCATE crm.key_pair")


def _range_of(index_id: int) -> tuple[bytes, bytes]:
    """First bytes of blind keys under an index key, pins left out: from, and below."""
    return (b"\x40", b"\x80") if index_id % 2 == 0 else (b"\x00", b"\x40")
