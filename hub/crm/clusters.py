"""Clusters of leads: read whole, and written anew when a decision or a shared key takes them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from hub.crm.rotation import former

# While the blind index is rotated, keys as they are now: see `hub.crm.rotation`.
_KEYS = (
    "ARRAY(SELECT coalesce(p.new, u.key) FROM unnest(l.keys) AS u(key)"
    " LEFT JOIN crm.key_pair p ON p.merchant = l.merchant AND p.old = u.key)"
)
# From a root down to every contact that has become it.
_MEMBERS = f"""
WITH RECURSIVE down AS (
    SELECT id FROM crm.contact WHERE id = ANY(%s)
    UNION
    SELECT c.id FROM down JOIN crm.contact c ON c.merged_into = down.id
)
SELECT l.id, l.contact_id, {_KEYS}, floor(extract(epoch FROM coalesce(l.submitted_at, l.received_at)))::int8
FROM crm.lead l JOIN down ON down.id = l.contact_id ORDER BY l.id
"""  # noqa: S608 -- names of this module
_WITH_KEYS = f"""
SELECT l.id, l.contact_id, {_KEYS}, floor(extract(epoch FROM coalesce(l.submitted_at, l.received_at)))::int8
FROM crm.lead l WHERE l.merchant = %s AND l.keys && %s::bytea[] ORDER BY l.id
"""  # noqa: S608 -- names of this module
_CONTACTS = """
WITH RECURSIVE down AS (
    SELECT id FROM crm.contact WHERE id = ANY(%s)
    UNION
    SELECT c.id FROM down JOIN crm.contact c ON c.merged_into = down.id
)
SELECT id FROM down ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class ClusterLead:
    """A lead of a cluster: the contact it was given, its keys, its own time in epoch seconds."""

    id: UUID
    contact_id: UUID
    keys: list[bytes]
    at: int


def cluster_leads(conn: psycopg.Connection[Any], roots: Sequence[UUID]) -> list[ClusterLead]:
    """Every lead of the contacts that have become one of `roots`, by id."""
    with conn.cursor(binary=True, row_factory=args_row(ClusterLead)) as cursor:
        return cursor.execute(_MEMBERS.encode(), (list(roots),)).fetchall()


def cluster_contacts(conn: psycopg.Connection[Any], roots: Sequence[UUID]) -> list[UUID]:
    """Every contact that has become one of `roots`, themselves included, also those without a lead."""
    return [row[0] for row in conn.execute(_CONTACTS, (list(roots),)).fetchall()]


def move_leads(conn: psycopg.Connection[Any], moved: Mapping[UUID, UUID], now: datetime) -> None:
    """Give leads another contact."""
    if moved:
        conn.execute(
            "UPDATE crm.lead l SET contact_id = m.contact, loaded_at = %s"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS m(lead, contact) WHERE l.id = m.lead",
            (now, list(moved), list(moved.values())),
        )


def set_roots(conn: psycopg.Connection[Any], became: Mapping[UUID, UUID | None]) -> None:
    """Say what each contact is part of; None makes it a root again."""
    if became:
        conn.execute(
            "UPDATE crm.contact c SET merged_into = b.root"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS b(contact, root) WHERE c.id = b.contact",
            (list(became), list(became.values())),
        )


def point_spans(
    conn: psycopg.Connection[Any], merchant: str, spans: Sequence[tuple[bytes, int, UUID]]
) -> None:
    """Let spans of keys (key, number) lead to another contact."""
    if spans:
        conn.execute(
            "UPDATE crm.contact_key k SET contact_id = v.contact"
            " FROM unnest(%s::bytea[], %s::int2[], %s::uuid[]) AS v(blind, number, contact)"
            " WHERE k.merchant = %s AND k.blind = v.blind AND k.number = v.number",
            (*(list(column) for column in zip(*spans, strict=True)), merchant),
        )


def leads_with_keys(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> list[ClusterLead]:
    """Every lead of a merchant that names one of these keys. Reads the whole table: for rare decisions."""
    with conn.cursor(binary=True, row_factory=args_row(ClusterLead)) as cursor:
        wanted = [*keys, *former(conn, merchant, keys).values()]
        return cursor.execute(_WITH_KEYS.encode(), (merchant, wanted)).fetchall()


def contacts_of(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> list[UUID]:
    """The contacts that these leads were given."""
    rows = conn.execute(
        "SELECT DISTINCT contact_id FROM crm.lead WHERE id = ANY(%s)", (list(leads),)
    ).fetchall()
    return [row[0] for row in rows]
