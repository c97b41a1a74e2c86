"""Erasing in the CRM: what goes with a person's leads, and the tombstones that keep their past from coming back.

The caller holds the merchant's lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.types.json import Jsonb

from hub.crm.tables import erasure

LEAD = 0xF1
"""The first byte of a tombstone that is the digest of the id of a lead, or of a business document."""

# Tables with a lead's id, and the word that a receipt has for their rows.
_OF_LEADS = (
    ("touchpoints", "DELETE FROM crm.touchpoint t USING crm.lead l WHERE l.id = ANY(%s)"
     " AND t.lead_id = l.id AND t.record_id = l.first_record_id"),
    ("interactions", "DELETE FROM crm.interaction WHERE lead_id = ANY(%s)"),
    ("revisions", "DELETE FROM crm.lead_revision r USING crm.lead l WHERE l.id = ANY(%s)"
     " AND r.record_id = ANY(l.revisions) AND r.lead_id = l.id"),
    ("company_links", "DELETE FROM crm.company_link WHERE lead_id = ANY(%s)"),
    ("pins", "DELETE FROM crm.pin WHERE lead_id = ANY(%s)"),
    ("leads", "DELETE FROM crm.lead WHERE id = ANY(%s)"),
)  # fmt: skip


def has_tombstones(conn: psycopg.Connection[Any], merchant: str) -> bool:
    """Whether anybody of this merchant was ever erased."""
    row = conn.execute(
        "SELECT EXISTS (SELECT 1 FROM crm.tombstone WHERE merchant = %s)", (merchant,)
    ).fetchone()
    return bool(row and row[0])


def find_tombstones(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> dict[bytes, datetime]:
    """Those of `keys` (blind keys and digests of leads) that were erased → when."""
    rows = conn.execute(
        "SELECT blind, erased_at FROM crm.tombstone WHERE merchant = %s AND blind = ANY(%s)",
        (merchant, list(keys)),
    ).fetchall()
    return {bytes(row[0]): row[1] for row in rows}


def find_erasures(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> dict[bytes, tuple[datetime, UUID]]:
    """Those of `keys` that were erased → when, and under which receipt."""
    rows = conn.execute(
        "SELECT blind, erased_at, erasure_id FROM crm.tombstone"
        " WHERE merchant = %s AND blind = ANY(%s)",
        (merchant, list(keys)),
    ).fetchall()
    return {bytes(row[0]): (row[1], row[2]) for row in rows}


def add_tombstones(
    conn: psycopg.Connection[Any],
    merchant: str,
    keys: Mapping[bytes, int],
    erased_at: datetime,
    erasure_id: UUID,
) -> None:
    """Remember that these keys (→ the index key of each) were erased; of two erasures the later counts."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crm.tombstone AS t (merchant, blind, index_key, erased_at, erasure_id)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (merchant, blind) DO UPDATE SET"
            " erased_at = greatest(t.erased_at, excluded.erased_at), erasure_id = excluded.erasure_id",
            [
                (merchant, key, index_key, erased_at, erasure_id)
                for key, index_key in sorted(keys.items())
            ],
        )


def index_keys_of_tombstones(conn: psycopg.Connection[Any]) -> set[int]:
    """The index keys that tombstones were made under: none of them may leave the key ring."""
    rows = conn.execute(
        "SELECT DISTINCT index_key FROM crm.tombstone WHERE index_key > 0"
    ).fetchall()
    return {int(row[0]) for row in rows}


def add_erasure(  # noqa: PLR0913 -- one row's columns
    conn: psycopg.Connection[Any],
    erasure_id: UUID,
    *,
    merchant: str,
    erased_at: datetime,
    by: str,
    reason: str,
    counts: Mapping[str, int],
) -> None:
    """Write the receipt."""
    conn.execute(
        "INSERT INTO crm.erasure (id, merchant, erased_at, requested_by, reason, counts)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (erasure_id, merchant, erased_at, by, reason, Jsonb(dict(counts))),
    )


def known_erasures(conn: sa.Connection, ids: Iterable[UUID]) -> set[UUID]:
    """Those of `ids` whose receipts this database has."""
    query = sa.select(erasure.c.id).where(erasure.c.id.in_(list(ids)))
    return set(conn.execute(query).scalars())


def count_erasures(conn: sa.Connection) -> int:
    """How many persons were ever erased."""
    return int(conn.execute(sa.select(sa.func.count()).select_from(erasure)).scalar_one())


def list_erasures(
    conn: sa.Connection, merchant: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """The newest receipts first."""
    query = sa.select(erasure).order_by(erasure.c.erased_at.desc()).limit(limit)
    if merchant is not None:
        query = query.where(erasure.c.merchant == merchant)
    return conn.execute(query).mappings().all()


def records_of_leads(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> set[UUID]:
    """Every record that made one of these leads or an interaction of it."""
    rows = conn.execute(
        "SELECT unnest(revisions) FROM crm.lead WHERE id = ANY(%s)"
        " UNION SELECT record_id FROM crm.interaction WHERE lead_id = ANY(%s)",
        (list(leads), list(leads)),
    ).fetchall()
    return {row[0] for row in rows}


def leads_of_records(conn: psycopg.Connection[Any], records: Sequence[UUID]) -> set[UUID]:
    """Every lead that one of these records made."""
    rows = conn.execute(
        "SELECT DISTINCT lead_id FROM crm.lead_revision WHERE record_id = ANY(%s)",
        (list(records),),
    ).fetchall()
    return {row[0] for row in rows}


def lead_times(
    conn: psycopg.Connection[Any], leads: Sequence[UUID]
) -> dict[UUID, tuple[datetime | None, datetime]]:
    """Lead → its own time, if it says one, and when it came."""
    rows = conn.execute(
        "SELECT id, submitted_at, received_at FROM crm.lead WHERE id = ANY(%s)", (list(leads),)
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def lead_ids(conn: psycopg.Connection[Any], merchant: str) -> list[UUID]:
    """The id of every lead of a merchant; reads the whole table: for erasures after a restore."""
    rows = conn.execute("SELECT id FROM crm.lead WHERE merchant = %s", (merchant,)).fetchall()
    return [row[0] for row in rows]


def sealed_leads(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> dict[UUID, bytes]:
    """Lead → its sealed document."""
    rows = conn.execute(
        "SELECT id, sealed FROM crm.lead WHERE id = ANY(%s)", (list(leads),)
    ).fetchall()
    return {row[0]: bytes(row[1]) for row in rows}


def lead_entities(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> dict[UUID, str]:
    """Lead → the entity of its key."""
    rows = conn.execute(
        "SELECT id, entity FROM crm.lead WHERE id = ANY(%s)", (list(leads),)
    ).fetchall()
    return dict(rows)


def remove_leads(
    conn: psycopg.Connection[Any], leads: Sequence[UUID], records: Sequence[UUID]
) -> dict[str, int]:
    """Take out leads with all that hangs on them, and what else `records` said; rows by kind."""
    counts = {
        name: conn.execute(each.encode(), (list(leads),)).rowcount for name, each in _OF_LEADS
    }
    counts["interactions"] += conn.execute(
        "DELETE FROM crm.interaction WHERE record_id = ANY(%s)", (list(records),)
    ).rowcount
    return counts


def remove_keys(conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]) -> int:
    """Take out every span of these keys; how many."""
    return conn.execute(
        "DELETE FROM crm.contact_key WHERE merchant = %s AND blind = ANY(%s)",
        (merchant, list(keys)),
    ).rowcount


def remove_stops(conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]) -> int:
    """Forget that people stopped these keys, which nobody has any more; how many."""
    return conn.execute(
        "DELETE FROM crm.stopped_key WHERE merchant = %s AND blind = ANY(%s)",
        (merchant, list(keys)),
    ).rowcount


def remove_contacts(
    conn: psycopg.Connection[Any], merchant: str, contacts: Sequence[UUID]
) -> tuple[int, int]:
    """Take out contacts and the spans that lead to them; how many of each."""
    spans = conn.execute(
        "DELETE FROM crm.contact_key WHERE merchant = %s AND contact_id = ANY(%s)",
        (merchant, list(contacts)),
    ).rowcount
    gone = conn.execute("DELETE FROM crm.contact WHERE id = ANY(%s)", (list(contacts),)).rowcount
    return gone, spans
