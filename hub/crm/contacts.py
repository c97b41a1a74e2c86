"""Contacts and the spans of keys that lead to them. The caller holds the merchant's lock.

A merge re-points nothing: it sets `merged_into`. Only a cluster that is made anew (`hub.crm.clusters`) does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from hub.database.arrays import use_fast_arrays
from hub.identity.resolve import KeySpan

_NONE: frozenset[bytes] = frozenset()
_SPAN_TYPES = ["text", "bytea", "int2", "int8", "int8", "uuid", "bytea[]", "bool"]

# While the blind index is rotated, keys as they are now: see `hub.crm.rotation`.
_BESIDE = (
    "CASE WHEN k.beside IS NOT NULL THEN ARRAY(SELECT coalesce(p.new, u.key) FROM unnest(k.beside) AS u(key)"
    " LEFT JOIN crm.key_pair p ON p.merchant = k.merchant AND p.old = u.key) END"
)
_ROOTS = """
WITH RECURSIVE up AS (
    SELECT c.id AS start, c.id, c.merged_into FROM crm.contact c WHERE c.id = ANY(%s)
    UNION ALL
    SELECT up.start, c.id, c.merged_into FROM up JOIN crm.contact c ON c.id = up.merged_into
)
SELECT start, id FROM up WHERE merged_into IS NULL
"""


def roots(conn: psycopg.Connection[Any], contact_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """What each contact has become: itself, or the contact it was merged into."""
    if not contact_ids:
        return {}
    with conn.cursor(binary=True) as cursor:
        return dict(cursor.execute(_ROOTS, (list(contact_ids),)).fetchall())


def known_spans(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> list[KeySpan]:
    """Every span of those of `keys` that this merchant has seen, each with its root contact."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            f"SELECT k.blind, k.number, k.first_s, k.last_s, k.contact_id, {_BESIDE}, k.stopped,"  # noqa: S608
            " c.merged_into IS NOT NULL FROM crm.contact_key k"
            " JOIN crm.contact c ON c.id = k.contact_id"
            " WHERE k.merchant = %s AND k.blind = ANY(%s)",
            (merchant, list(keys)),
        ).fetchall()
    became = roots(conn, list({row[4] for row in rows if row[7]}))
    return [
        KeySpan(
            bytes(blind), number, first, last, became.get(contact, contact),
            frozenset(map(bytes, beside)) if beside else _NONE, is_shared,
        )
        for blind, number, first, last, contact, beside, is_shared, _ in rows
    ]  # fmt: skip


def holders(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> dict[bytes, UUID]:
    """Key → the contact that has it now: that of its newest span; keys that join nobody are left out."""
    found: dict[bytes, KeySpan] = {}
    for span in known_spans(conn, merchant, keys):
        newest = found.get(span.key)
        if not span.is_shared and (newest is None or newest.last < span.last):
            found[span.key] = span
    stopped = stopped_keys(conn, merchant, list(found))
    return {key: span.contact for key, span in found.items() if key not in stopped}


def stopped_keys(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> frozenset[bytes]:
    """Those of `keys` that a person has decided to join nobody."""
    rows = conn.execute(
        "SELECT blind FROM crm.stopped_key WHERE merchant = %s AND blind = ANY(%s)",
        (merchant, list(keys)),
    ).fetchall()
    return frozenset(bytes(row[0]) for row in rows)


def add_contacts(
    conn: psycopg.Connection[Any], merchant: str, ids: Sequence[UUID], now: datetime
) -> None:
    """Create contacts."""
    if not ids:
        return
    with conn.cursor() as cursor, cursor.copy(
        "COPY crm.contact (id, merchant, created_at) FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(["uuid", "text", "timestamptz"])
        for contact in ids:
            copy.write_row((contact, merchant, now))


def write_spans(
    conn: psycopg.Connection[Any], merchant: str, spans: Sequence[KeySpan], gone: Sequence[KeySpan]
) -> None:
    """Take out `gone`, add those of `spans` that are new, and write the others as they are now."""
    if gone:
        conn.execute(
            "DELETE FROM crm.contact_key k USING unnest(%s::bytea[], %s::int2[]) AS g(blind, number)"
            " WHERE k.merchant = %s AND k.blind = g.blind AND k.number = g.number",
            ([span.key for span in gone], [span.number for span in gone], merchant),
        )
    new = [span for span in spans if span.is_new]
    if new:
        with conn.cursor() as cursor:
            use_fast_arrays(cursor)
            with cursor.copy(
                "COPY crm.contact_key (merchant, blind, number, first_s, last_s, contact_id, beside,"
                " stopped) FROM STDIN (FORMAT BINARY)"
            ) as copy:
                copy.set_types(_SPAN_TYPES)
                for span in sorted(new, key=lambda one: (one.key, one.number)):
                    copy.write_row(
                        (merchant, span.key, span.number, span.first, span.last, span.contact,
                         sorted(span.beside) or None, span.is_shared)
                    )  # fmt: skip
    _rewrite(conn, merchant, [span for span in spans if not span.is_new])


def _rewrite(conn: psycopg.Connection[Any], merchant: str, spans: Sequence[KeySpan]) -> None:
    if not spans:
        return
    conn.execute(
        "UPDATE crm.contact_key k SET first_s = v.first, last_s = v.last, stopped = v.shared"
        " FROM unnest(%s::bytea[], %s::int2[], %s::int8[], %s::int8[], %s::bool[])"
        " AS v(blind, number, first, last, shared)"
        " WHERE k.merchant = %s AND k.blind = v.blind AND k.number = v.number",
        (
            [span.key for span in spans], [span.number for span in spans],
            [span.first for span in spans], [span.last for span in spans],
            [span.is_shared for span in spans], merchant,
        ),
    )  # fmt: skip
    beside = [span for span in spans if span.is_beside_changed]
    if beside:
        with conn.cursor() as cursor:
            cursor.executemany(
                "UPDATE crm.contact_key SET beside = %s WHERE merchant = %s AND blind = %s"
                " AND number = %s",
                [(sorted(span.beside), merchant, span.key, span.number) for span in beside],
            )


def merge(conn: psycopg.Connection[Any], merges: Mapping[UUID, UUID]) -> None:
    """Write down what each loser has become."""
    if merges:
        conn.execute(
            "UPDATE crm.contact c SET merged_into = m.winner FROM unnest(%s::uuid[], %s::uuid[])"
            " AS m(loser, winner) WHERE c.id = m.loser",
            (list(merges), list(merges.values())),
        )
