"""Arrays of uuid and bytea for COPY, packed without the general dumper's search for types and dimensions.

A lead carries its keys and its revisions as arrays, so this is done three times for every lead.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.postgres import types
from psycopg.pq import Format

_BYTEA, _UUID = types["bytea"].oid, types["uuid"].oid
_HEADER = struct.Struct(">iiiii")
_UUID_LENGTH = (16).to_bytes(4, "big")


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = types["uuid"].array_oid

    def dump(self, obj: Sequence[UUID]) -> Buffer | None:
        """A one-dimensional uuid[] in PostgreSQL's binary form."""
        head = _HEADER.pack(1 if obj else 0, 0, _UUID, len(obj), 1)
        return head[: 20 if obj else 12] + b"".join([_UUID_LENGTH + u.bytes for u in obj])


class _ByteaArrayDumper(Dumper):
    format = Format.BINARY
    oid = types["bytea"].array_oid

    def dump(self, obj: Sequence[bytes]) -> Buffer | None:
        """A one-dimensional bytea[] in PostgreSQL's binary form."""
        head = _HEADER.pack(1 if obj else 0, 0, _BYTEA, len(obj), 1)
        return head[: 20 if obj else 12] + b"".join([len(b).to_bytes(4, "big") + b for b in obj])


def use_fast_arrays(cursor: psycopg.Cursor[Any]) -> None:
    """Let COPY of this cursor pack `uuid[]` and `bytea[]` columns by the dumpers above."""
    cursor.adapters.register_dumper(None, _UuidArrayDumper)
    cursor.adapters.register_dumper(None, _ByteaArrayDumper)
