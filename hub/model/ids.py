"""Ids: deliveries (UUIDv7), records (a delivery's id and an ordinal), leads (UUIDv5 of their key)."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

ORDINAL_BITS = 20
MAX_RECORDS_PER_DELIVERY = 1 << ORDINAL_BITS
_ORDINAL_MASK = MAX_RECORDS_PER_DELIVERY - 1
_LEAD_NAMESPACE = UUID("6f1d0c56-2f0b-5c0e-9d55-7a3f6d0e9c11").bytes


def uuid7(clock_ms: Callable[[], int] | None = None) -> UUID:
    """A time-ordered id; its first 48 bits are Unix milliseconds (RFC 9562 §5.7)."""
    ms = clock_ms() if clock_ms else time.time_ns() // 1_000_000
    value = int.from_bytes(ms.to_bytes(6, "big") + os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return UUID(int=value)


def uuid7_floor(instant: datetime) -> UUID:
    """The smallest UUIDv7 of `instant`: everything made at or after it compares greater."""
    ms = int(instant.timestamp() * 1000)
    return UUID(int=(ms << 80) | (0x7 << 76) | (0x2 << 62))


def uuid7_time(value: UUID) -> datetime:
    """The instant written in a UUIDv7, aware UTC."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def record_id(delivery_id: UUID, ordinal: int) -> UUID:
    """The id of the `ordinal`-th record of a delivery; sorts by delivery, then by ordinal.

    Deterministic, so that splitting a delivery twice names the same records.
    """
    if not 0 <= ordinal < MAX_RECORDS_PER_DELIVERY:
        raise ValueError(f"a delivery holds at most {MAX_RECORDS_PER_DELIVERY} records")
    return UUID(int=(delivery_id.int & ~_ORDINAL_MASK) | ordinal)


def record_span(delivery_id: UUID) -> tuple[UUID, UUID]:
    """The smallest and the largest id that a record of a delivery can have."""
    first = delivery_id.int & ~_ORDINAL_MASK
    return UUID(int=first), UUID(int=first | _ORDINAL_MASK)


def length_prefixed(*parts: str) -> bytes:
    """Parts, each behind its length in characters, so that no two different lists give the same bytes."""
    return "".join([f"{len(part)}:{part}" for part in parts]).encode()


def lead_id(merchant: str, source_key: str, entity: str, external_id: str, ordinal: int) -> UUID:
    """UUIDv5 of the lead key (design §8): the same lead always has the same id."""
    key = length_prefixed(merchant, source_key, entity, external_id, str(ordinal))
    digest = bytearray(hashlib.sha1(_LEAD_NAMESPACE + key, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))
