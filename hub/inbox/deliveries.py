"""Store deliveries: the ledger, their keys, the queue and the count of what was acknowledged.

One statement for any number of deliveries. It is idempotent on the delivery's id: a retry after a
COMMIT that nobody answered, or a spooled delivery that was stored after all, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from hub.model.delivery import Delivery

# Keys go in sorted, so that two receivers with the same keys wait for each other instead of
# deadlocking. A known key is "updated" to what it was, because only then does PostgreSQL tell us its
# row when another transaction committed it after this statement began; DO NOTHING would hide it, and
# a retry whose first COMMIT is still under way would be taken for a new delivery.
# `leads` is false for a second delivery with the same key in one call: a row may be touched once.
STORE = """
WITH input AS MATERIALIZED (
    SELECT * FROM unnest(
        %(id)b::uuid[], %(merchant)b::text[], %(source_key)b::text[], %(via)b::text[],
        %(lane)b::int2[], %(received_at)b::timestamptz[], %(key)b::bytea[],
        %(expires_at)b::timestamptz[], %(sealed)b::bytea[], %(leads)b::bool[])
    AS t(id, merchant, source_key, via, lane, received_at, key, expires_at, sealed, leads)
), known AS (
    INSERT INTO inbox.delivery_key AS k (merchant, source_key, key, delivery_id, expires_at)
    SELECT merchant, source_key, key, id, expires_at FROM input WHERE leads
    ORDER BY merchant, source_key, key
    ON CONFLICT (merchant, source_key, key) DO UPDATE SET (delivery_id, expires_at) = (
        SELECT CASE WHEN fresh THEN k.delivery_id ELSE excluded.delivery_id END,
               CASE WHEN fresh THEN k.expires_at ELSE excluded.expires_at END
        FROM (SELECT i.received_at < k.expires_at AS fresh
              FROM input i WHERE i.id = excluded.delivery_id) AS compared)
    RETURNING merchant, source_key, key, delivery_id
), stored AS (
    INSERT INTO inbox.delivery (id, merchant, source_key, via, received_at, duplicate_of)
    SELECT i.id, i.merchant, i.source_key, i.via, i.received_at, nullif(k.delivery_id, i.id)
    FROM input i JOIN known k USING (merchant, source_key, key)
    ORDER BY i.id
    ON CONFLICT (id) DO NOTHING
    RETURNING id, duplicate_of
), queued AS (
    INSERT INTO inbox.queue
        (lane, item_id, is_record, merchant, source_key, via, received_at, sealed)
    SELECT i.lane, i.id, false, i.merchant, i.source_key, i.via, i.received_at, i.sealed
    FROM stored s JOIN input i USING (id) WHERE s.duplicate_of IS NULL
    ORDER BY i.received_at, i.id
), counted AS (
    INSERT INTO inbox.acknowledged AS a (merchant, source_key, receiver, window_start, deliveries)
    SELECT i.merchant, i.source_key, %(receiver)s::text,
           date_bin('30 seconds', i.received_at, 'epoch'), count(*)
    FROM stored s JOIN input i USING (id)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (merchant, source_key, receiver, window_start)
    DO UPDATE SET deliveries = a.deliveries + excluded.deliveries
)
SELECT id, duplicate_of FROM stored
"""
# Apart, since only a later statement sees what another transaction has just committed.
_STORED_BEFORE = "SELECT id, duplicate_of FROM inbox.delivery WHERE id = ANY(%s)"
# Rows that somebody is working with are left for the next time.
_FORGET_KEYS = """
DELETE FROM inbox.delivery_key WHERE ctid IN (
    SELECT ctid FROM inbox.delivery_key WHERE expires_at < %s
    ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""
# A delivery may lie in a spool for days; its duplicate must still be known when it is drained.
KEYS_KEPT_AFTER_EXPIRY = timedelta(days=7)
_IDS_KNOWN = "SELECT id FROM inbox.delivery WHERE id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a delivery: `duplicate_of` names the one that has its payload, if it is not this.

    `is_new` is false where the same id had been stored before: then nothing changed.
    """

    id: UUID
    duplicate_of: UUID | None
    is_new: bool = True


def store_deliveries(
    conn: psycopg.Connection[Any], deliveries: Sequence[Delivery], *, receiver: str = "puller"
) -> list[Stored]:
    """Store deliveries in the caller's transaction; gives their fate, in the order given.

    A key that is known and was not expired when the delivery was received makes it a duplicate: a
    row in the ledger without payload or queue row. `receiver` is under which `acknowledged` counts.
    """
    if not deliveries:
        return []
    fates = _new(conn.execute(STORE, parameters(deliveries, receiver)).fetchall())
    missing = _missing(deliveries, fates)
    if missing:
        fates |= _old(conn.execute(_STORED_BEFORE, (missing,)).fetchall())
    return [fates[delivery.id] for delivery in deliveries]


async def store_deliveries_async(
    conn: psycopg.AsyncConnection[Any], deliveries: Sequence[Delivery], *, receiver: str
) -> list[Stored]:
    """`store_deliveries` for an event loop."""
    if not deliveries:
        return []
    cursor = await conn.execute(STORE, parameters(deliveries, receiver))
    fates = _new(await cursor.fetchall())
    missing = _missing(deliveries, fates)
    if missing:
        cursor = await conn.execute(_STORED_BEFORE, (missing,))
        fates |= _old(await cursor.fetchall())
    return [fates[delivery.id] for delivery in deliveries]


def known_ids(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> set[UUID]:
    """Those of `ids` that are in the ledger."""
    return {row[0] for row in conn.execute(_IDS_KNOWN, (list(ids),))}


def forget_expired_keys(
    conn: psycopg.Connection[Any], now: datetime, *, limit: int = 10_000
) -> int:
    """Delete keys that expired a week ago, at most `limit`; gives how many. The ledger stays."""
    return conn.execute(_FORGET_KEYS, (now - KEYS_KEPT_AFTER_EXPIRY, limit)).rowcount


def parameters(deliveries: Sequence[Delivery], receiver: str) -> dict[str, Any]:
    """The arrays that `STORE` takes: one entry a delivery, an id given twice only once."""
    once = {delivery.id: delivery for delivery in deliveries}.values()
    keys: set[tuple[str, str, bytes]] = set()
    leads: list[bool] = []
    for delivery in once:
        key = (delivery.merchant, delivery.source_key, delivery.delivery_key)
        leads.append(key not in keys)
        keys.add(key)
    return {
        "id": [d.id for d in once],
        "merchant": [d.merchant for d in once],
        "source_key": [d.source_key for d in once],
        "via": [d.via.value for d in once],
        "lane": [int(d.lane) for d in once],
        "received_at": [d.received_at for d in once],
        "key": [d.delivery_key for d in once],
        "expires_at": [d.key_expires_at for d in once],
        "sealed": [d.sealed for d in once],
        "leads": leads,
        "receiver": receiver,
    }


def _new(rows: Sequence[tuple[UUID, UUID | None]]) -> dict[UUID, Stored]:
    return {own_id: Stored(own_id, duplicate_of) for own_id, duplicate_of in rows}


def _old(rows: Sequence[tuple[UUID, UUID | None]]) -> dict[UUID, Stored]:
    return {own_id: Stored(own_id, duplicate_of, is_new=False) for own_id, duplicate_of in rows}


def _missing(deliveries: Sequence[Delivery], fates: Mapping[UUID, Stored]) -> list[UUID]:
    if len(fates) == len(deliveries):
        return []
    return [delivery.id for delivery in deliveries if delivery.id not in fates]
