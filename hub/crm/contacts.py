"""Contacts and the keys that lead to them. Keys are never re-pointed; a merge sets `merged_into`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

_ROOTS = """
WITH RECURSIVE up AS (
    SELECT c.id AS start, c.id, c.merged_into FROM crm.contact c WHERE c.id = ANY(%s)
    UNION ALL
    SELECT up.start, c.id, c.merged_into FROM up JOIN crm.contact c ON c.id = up.merged_into
)
SELECT start, id FROM up WHERE merged_into IS NULL
"""


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What the store knows of keys: key → root contact, and the keys that no longer join."""

    roots: dict[bytes, UUID]
    stopped: frozenset[bytes]


def roots(conn: psycopg.Connection[Any], contact_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """What each contact has become: itself, or the contact it was merged into."""
    if not contact_ids:
        return {}
    with conn.cursor(binary=True) as cursor:
        return dict(cursor.execute(_ROOTS, (list(contact_ids),)).fetchall())


def known_keys(conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]) -> KnownKeys:
    """Those of `keys` that this merchant has seen."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "SELECT k.blind, k.contact_id, k.stopped, c.merged_into IS NOT NULL FROM crm.contact_key k"
            " JOIN crm.contact c ON c.id = k.contact_id"
            " WHERE k.merchant = %s AND k.blind = ANY(%s)",
            (merchant, list(keys)),
        ).fetchall()
    became = roots(conn, list({row[1] for row in rows if row[3]}))
    return KnownKeys(
        roots={bytes(blind): became.get(contact, contact) for blind, contact, *_ in rows},
        stopped=frozenset(bytes(row[0]) for row in rows if row[2]),
    )


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


def add_keys(conn: psycopg.Connection[Any], merchant: str, keys: Mapping[bytes, UUID]) -> None:
    """Remember on which contact a key was first seen."""
    if not keys:
        return
    with conn.cursor() as cursor, cursor.copy(
        "COPY crm.contact_key (merchant, blind, contact_id) FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(["text", "bytea", "uuid"])
        for blind, contact in sorted(keys.items()):
            copy.write_row((merchant, blind, contact))


def merge(conn: psycopg.Connection[Any], merges: Mapping[UUID, UUID]) -> None:
    """Write down what each loser has become."""
    if merges:
        conn.execute(
            "UPDATE crm.contact c SET merged_into = m.winner FROM unnest(%s::uuid[], %s::uuid[])"
            " AS m(loser, winner) WHERE c.id = m.loser",
            (list(merges), list(merges.values())),
        )
