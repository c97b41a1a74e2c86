"""Rebuild CRM and books from the archive into a shadow, and their content hash: promise 6, tried on the real store.

Each record is mapped under the version that is written down for it; leads and business documents are folded and
contacts resolved from nothing else. What a person discarded or erased stays out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy as sa

from hub.crm import shadow
from hub.crm.shadow import ShadowRevision
from hub.database import sessions
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError, RecordError
from hub.identity.edges import Node
from hub.inbox.reading import archive_pages
from hub.inbox.records import ArchivedRecord
from hub.mapping.compile import CompiledMapping
from hub.mapping.fold import Revision, canonical_bytes, fold
from hub.model.ids import lead_id
from hub.model.lead import Mapped, MappedDocument, MappedLead, RecordContext
from hub.privacy.keyring import KeyRing
from hub.registry.extensions import extensions_by_merchant
from hub.registry.files import schema_files
from hub.settings import HubSettings
from hub.steps.finance.fold_documents import document_id
from hub.steps.finance.verify_documents import document_head
from hub.steps.fold_leads import blind_key
from hub.steps.identity.decided import clusters_of
from hub.steps.keys.index_ring import canonical_keys
from hub.steps.lead_rows import touchpoints_of
from hub.steps.mappings import compile_version
from hub.steps.prepare import read_payload
from hub.steps.pruned import pruned_revisions

_CHUNK = 1000


@dataclass(slots=True)
class Rebuilt:
    """What the archive gave. `held`, `not_a_lead`: records that gave nothing; `pruned`: without a body by now,
    so that what they had made is taken as it stands."""

    content_hash: str = ""
    leads: int = 0
    documents: int = 0
    records: int = 0
    held: int = 0
    not_a_lead: int = 0
    pruned: int = 0
    unmappable: list[str] = field(default_factory=list)


def rebuild(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    *,
    snapshot: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Rebuilt:
    """Map, fold and resolve the whole archive anew in one snapshot; nothing of the store is changed.

    Args:
        engine: The store; the shadow is a temporary table of one session.
        keyring: To open records and to blind keys.
        settings: Where the shipped contracts are.
        snapshot: What another session exported, to see the same as it does.
        progress: Called with the number of records mapped so far.
    """
    with store_errors(), engine.connect() as plain:
        conn = plain.execution_options(isolation_level="REPEATABLE READ")
        with conn.begin() as transaction:
            raw = driver(conn)
            if snapshot is not None:
                sessions.use_snapshot(raw, snapshot)
            shadow.create_shadow(raw)
            ring, pairs = canonical_keys(raw, keyring)
            maker = _Maker(conn, ring, settings)
            result = Rebuilt()
            for page in archive_pages(raw, _CHUNK):
                shadow.add_to_shadow(raw, list(maker.revisions(page, result)))
                progress(result.records)
            for pruned, made in pruned_revisions(raw, keyring, _CHUNK):
                result.pruned += pruned
                shadow.add_to_shadow(raw, made)
            _hash(raw, ring, pairs, result)
            transaction.rollback()
    return result


class _Maker:
    """Records → revisions, each under the mapping version that is written down for it."""

    def __init__(self, conn: sa.Connection, keyring: KeyRing, settings: HubSettings) -> None:
        self._conn = conn
        self._keyring = keyring
        self._files = schema_files(settings)
        self._extensions = extensions_by_merchant(conn)
        self._compiled: dict[tuple[str, str], CompiledMapping | None] = {}

    def revisions(self, page: list[ArchivedRecord], result: Rebuilt) -> Iterator[ShadowRevision]:
        """Every revision that these records make; those that make none are counted."""
        for record in page:
            result.records += 1
            mapped = self._mapped(record, result)
            if mapped is None:
                result.held += 1
            elif mapped.not_a_lead is not None or not (mapped.leads or mapped.documents):
                result.not_a_lead += 1
            else:
                for ordinal, lead in enumerate(mapped.leads):
                    yield self._revision(record, ordinal, lead)
                for ordinal, document in enumerate(mapped.documents):
                    yield self._document(record, ordinal, document)

    def _mapped(self, record: ArchivedRecord, result: Rebuilt) -> Mapped | None:
        mapping = self._mapping(record, result)
        if mapping is None or record.sealed is None:
            return None
        payload = self._keyring.unseal(record.sealed, record.id.bytes)
        context = RecordContext(
            record.merchant, record.source_key, mapping.platform, record.entity, record.via,
            record.id, record.received_at,
        )  # fmt: skip
        try:
            return mapping.map(read_payload(payload), context, self._keyring.synthetic_id)
        except RecordError:
            return None
        except Exception:  # noqa: BLE001 -- a bug on one record held it then, and holds it now
            return None

    def _mapping(self, record: ArchivedRecord, result: Rebuilt) -> CompiledMapping | None:
        if record.mapping_version is None:
            return None
        key = (record.merchant, record.mapping_version)
        if key not in self._compiled:
            self._compiled[key] = self._compile(*key)
            if self._compiled[key] is None:
                result.unmappable.append(record.mapping_version)
        return self._compiled[key]

    def _compile(self, merchant: str, version: str) -> CompiledMapping | None:
        fields = tuple(self._extensions.get(merchant, ()))
        try:
            return compile_version(self._conn, self._files, version, merchant, fields)
        except ConfigError:
            return None

    def _revision(self, record: ArchivedRecord, ordinal: int, lead: MappedLead) -> ShadowRevision:
        identifier = lead_id(
            record.merchant, record.source_key, lead.key_entity, lead.external_id, lead.ordinal
        )
        keys = [blind_key(self._keyring, record.merchant, key) for key in lead.keys]
        return ShadowRevision(
            identifier, record.id, ordinal, record.merchant, record.source_key, lead.key_entity,
            record.received_at, lead.rank, lead.mode, lead.stream, keys,
            self._keyring.seal(canonical_bytes(lead.doc), record.id.bytes),
        )  # fmt: skip

    def _document(
        self, record: ArchivedRecord, ordinal: int, made: MappedDocument
    ) -> ShadowRevision:
        return ShadowRevision(
            document_id(record.merchant, record.source_key, made), record.id, ordinal,
            record.merchant, record.source_key, made.entity, record.received_at, made.rank,
            made.mode, made.stream, [], self._keyring.seal(canonical_bytes(made.doc), record.id.bytes),
            is_document=True,
        )  # fmt: skip


def _hash(
    raw: psycopg.Connection[Any],
    keyring: KeyRing,
    pairs: Mapping[tuple[str, bytes], bytes],
    result: Rebuilt,
) -> None:
    """The content hash of the shadow, over the same bytes as `hub verify` takes from the store."""
    names = clusters_of(raw, _nodes(raw, keyring, pairs))
    digest = hashlib.sha256()
    for lead, group in groupby(shadow.shadow_revisions(raw), key=lambda row: row.lead_id):
        for part in lead_parts(keyring, list(group), names[lead]):
            digest.update(part)
        result.leads += 1
    every = shadow.shadow_revisions(raw, of_documents=True)
    for document, group in groupby(every, key=lambda row: row.lead_id):
        rows = list(group)
        first = rows[0]
        digest.update(document_head(document, first.merchant, first.source_key, first.entity))
        digest.update(canonical_bytes(fold_of(keyring, rows)))
        result.documents += 1
    result.content_hash = digest.hexdigest()


def _nodes(
    raw: psycopg.Connection[Any], keyring: KeyRing, pairs: Mapping[tuple[str, bytes], bytes]
) -> dict[str, list[Node]]:
    """Merchant → its leads as identity sees them: the keys of all revisions, the time that they fold to."""
    found: dict[str, list[Node]] = {}
    for lead, group in groupby(shadow.shadow_revisions(raw), key=lambda row: row.lead_id):
        rows = list(group)
        submitted = fold_of(keyring, rows).get("submitted_at")
        came = datetime.fromisoformat(submitted) if submitted else rows[0].received_at
        merchant = rows[0].merchant
        keys = list(dict.fromkeys(pairs.get((merchant, k), k) for row in rows for k in row.keys))
        node = Node(lead, keys, math.floor(came.timestamp()))
        found.setdefault(merchant, []).append(node)
    return found


def fold_of(keyring: KeyRing, rows: list[ShadowRevision]) -> Mapping[str, Any]:
    """The document that the revisions of a lead, or of a business document, fold to."""
    docs = [_json(keyring.unseal(row.sealed, row.record_id.bytes)) for row in rows]
    return fold(
        [
            Revision(row.rank, row.mode, row.stream, doc)
            for row, doc in zip(rows, docs, strict=True)
        ]
    )


def lead_parts(keyring: KeyRing, rows: list[ShadowRevision], contact: UUID) -> tuple[bytes, bytes]:
    """What the content hash takes of one lead: its head, and its document."""
    first = rows[0]
    doc = fold_of(keyring, rows)
    points = sorted((kind, at.isoformat()) for kind, at in touchpoints_of(doc, first.received_at))
    head = [
        str(first.lead_id), first.merchant, first.source_key, first.entity, str(contact),
        [list(point) for point in points],
    ]  # fmt: skip
    return canonical_bytes(head), canonical_bytes(doc)


_json: Callable[[bytes], Mapping[str, Any]] = msgspec.json.Decoder().decode
