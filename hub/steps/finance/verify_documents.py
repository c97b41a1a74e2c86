"""Business documents in a verification: their part of the content hash, and every fold made again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from hub.finance import documents, stored
from hub.finance.stored import StoredDocument
from hub.mapping.fold import Revision, canonical_bytes, fold, hash_of
from hub.privacy.keyring import KeyRing
from hub.steps.lead_rows import revision_aad

_CHUNK = 1000
_json = msgspec.json.Decoder()


def document_head(document: UUID, merchant: str, source_key: str, entity: str) -> bytes:
    """What the content hash takes of a document before its plain values; no key, no time of loading."""
    return canonical_bytes(["document", str(document), merchant, source_key, entity])


def document_parts(
    raw: psycopg.Connection[Any], keyring: KeyRing, unreadable: list[UUID]
) -> Iterator[tuple[bytes, bytes]]:
    """Head and plain values of every document, in order of id; those that cannot be opened are listed."""
    for row in stored.all_documents(raw):
        head = document_head(row.id, row.merchant, row.source_key, row.entity)
        yield head, _plain(keyring, row, unreadable)


def stale_documents(raw: psycopg.Connection[Any], keyring: KeyRing) -> int:
    """Documents that are not what their revisions fold to, and revisions' documents that are not there."""
    chunks = _chunks(stored.all_documents(raw))
    return stored.orphaned_revisions(raw) + sum(_stale_in(raw, keyring, one) for one in chunks)


def _stale_in(raw: psycopg.Connection[Any], keyring: KeyRing, chunk: list[StoredDocument]) -> int:
    found: defaultdict[UUID, list[Revision]] = defaultdict(list)
    records: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for row in documents.revisions_of_documents(raw, [one.id for one in chunk]):
        plain = keyring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))
        found[row.document_id].append(
            Revision(row.rank, row.mode, row.stream, _json.decode(plain))
        )
        records[row.document_id].add(row.record_id)
    return sum(
        1
        for one in chunk
        if records[one.id] != set(one.revisions) or not _is_fold(keyring, one, found[one.id])
    )


def _is_fold(keyring: KeyRing, one: StoredDocument, revisions: list[Revision]) -> bool:
    made = canonical_bytes(fold(revisions))
    return hash_of(made) == one.content_hash and made == _plain(keyring, one, [])


def _plain(keyring: KeyRing, row: StoredDocument, unreadable: list[UUID]) -> bytes:
    try:
        return keyring.unseal(row.sealed, row.id.bytes)
    except Exception:  # noqa: BLE001 -- every unreadable document is listed, whatever is wrong with it
        unreadable.append(row.id)
        return b""


def _chunks(rows: Iterable[StoredDocument]) -> Iterator[list[StoredDocument]]:
    chunk: list[StoredDocument] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    yield chunk
