"""Pushes whose signature failed: sealed, bounded by source, expiring, replayed once the secret is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from hub.model.delivery import HookRequest
from hub.privacy.keyring import KeyRing

KEPT_FOR = timedelta(days=14)
# Per source. When it is full, what comes later is not kept: the oldest are most likely the leads
# that came right after the secret was changed, and an alert has been open since the first.
MAX_COUNT = 5_000
MAX_BYTES = 64 * 1_048_576

_EXPIRE = "DELETE FROM inbox.rejected WHERE expires_at <= %s"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('inbox.rejected ' || %s, 0))"
_HELD = """
SELECT count(*), coalesce(sum(octet_length(sealed)), 0)
FROM inbox.rejected WHERE merchant = %s AND source_key = %s
"""
_KEEP = """
INSERT INTO inbox.rejected (id, merchant, source_key, reason, received_at, expires_at, sealed)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""
_PAGE = """
SELECT id, received_at, sealed FROM inbox.rejected
WHERE merchant = %s AND source_key = %s AND expires_at > %s AND id > %s
ORDER BY id LIMIT %s
"""
_FORGET = "DELETE FROM inbox.rejected WHERE id = ANY(%s)"
_FIRST = UUID(int=0)


class _Push(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of a request, as it is sealed."""

    method: str
    query: bytes
    headers: dict[str, str]
    body: bytes
    path_secret: str | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Push)


@dataclass(frozen=True, slots=True)
class Rejected:
    """One refused push to keep. `id` is the id of the delivery that it may become."""

    id: UUID
    merchant: str
    source_key: str
    reason: str
    received_at: datetime
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept push: its sealed request and when it came."""

    id: UUID
    received_at: datetime
    sealed: bytes


def seal_request(keyring: KeyRing, request: HookRequest, rejected_id: UUID) -> bytes:
    """All of `request`, sealed for the row of that id."""
    push = _Push(
        request.method, request.query, dict(request.headers), request.body, request.path_secret
    )
    return keyring.seal(_encoder.encode(push), rejected_id.bytes)


def unseal_request(keyring: KeyRing, kept: Kept) -> HookRequest:
    """The request as it was received.

    Raises:
        UnsealError: unknown key, altered, or sealed for another row.
    """
    push = _decoder.decode(keyring.unseal(kept.sealed, kept.id.bytes))
    return HookRequest(push.method, push.query, push.headers, push.body, push.path_secret)


async def keep_rejected(conn: psycopg.AsyncConnection[Any], rejected: Rejected) -> bool:
    """Keep a refused push if its source has room, and forget what has expired; in one transaction.

    Gives whether it was kept.
    """
    async with conn.transaction():
        # Two receivers would both see room for the last one.
        await conn.execute(_LOCK, (rejected.source_key,))
        await conn.execute(_EXPIRE, (rejected.received_at,))
        cursor = await conn.execute(_HELD, (rejected.merchant, rejected.source_key))
        count, size = await cursor.fetchone() or (0, 0)
        if count >= MAX_COUNT or size + len(rejected.sealed) > MAX_BYTES:
            return False
        await conn.execute(
            _KEEP,
            (rejected.id, rejected.merchant, rejected.source_key, rejected.reason,
             rejected.received_at, rejected.received_at + KEPT_FOR, rejected.sealed),
        )  # fmt: skip
        return True


def kept_pushes(
    conn: psycopg.Connection[Any],
    merchant: str,
    source_key: str,
    *,
    now: datetime,
    after: UUID | None = None,
    limit: int = 500,
) -> list[Kept]:
    """A page of a source's kept pushes that have not expired, oldest first."""
    rows = conn.execute(_PAGE, (merchant, source_key, now, after or _FIRST, limit))
    return [Kept(*row) for row in rows]


def forget(conn: psycopg.Connection[Any], ids: Sequence[UUID]) -> int:
    """Delete kept pushes, e.g. those that became deliveries; gives how many there were."""
    return conn.execute(_FORGET, (list(ids),)).rowcount
