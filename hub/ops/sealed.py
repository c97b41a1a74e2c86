"""The tables of schema `ops` that hold sealed values, and what each value is tied to."""

from __future__ import annotations

from hub.database.sealed_rows import SealedTable


def _source(source_key: str) -> bytes:
    return source_key.encode()


SEALED_TABLES = (SealedTable("ops", "token", ("source_key",), _source),)
