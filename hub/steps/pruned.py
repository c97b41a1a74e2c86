"""Records whose body was dropped (retention, an erasure) cannot be mapped anew: a rebuild takes what they had made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from hub.crm.erasure import lead_entities, sealed_leads
from hub.crm.leads import RevisionRow, revisions_of_records
from hub.crm.shadow import ShadowRevision
from hub.finance import documents
from hub.finance.documents import DocumentRevision
from hub.inbox.erasure import pruned_pages
from hub.inbox.records import ArchivedRecord
from hub.privacy.keyring import KeyRing
from hub.steps.lead_rows import revision_aad


def pruned_revisions(
    conn: psycopg.Connection[Any], keyring: KeyRing, size: int
) -> Iterator[tuple[int, list[ShadowRevision]]]:
    """Page by page: how many records were pruned, and the revisions that they had made."""
    for page in pruned_pages(conn, size):
        records = {record.id: record for record in page}
        rows = revisions_of_records(conn, list(records))
        leads = sorted({row.lead_id for row in rows})
        entities, sealed = lead_entities(conn, leads), sealed_leads(conn, leads)
        made = []
        for row in sorted(rows, key=lambda one: (one.record_id, one.ordinal)):
            plain = _plain(keyring, row, sealed[row.lead_id])
            made.append(
                _shadow(records[row.record_id], row, entities[row.lead_id], keyring, plain)
            )
        for one in documents.revisions_of_records(conn, list(records)):
            made.append(_document(records[one.record_id], one, keyring))
        yield len(page), made


def _plain(keyring: KeyRing, row: RevisionRow, leads_own: bytes) -> bytes:
    if row.sealed is None:
        return keyring.unseal(leads_own, row.lead_id.bytes)
    return keyring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))


def _shadow(
    record: ArchivedRecord, row: RevisionRow, entity: str, keyring: KeyRing, plain: bytes
) -> ShadowRevision:
    return ShadowRevision(
        row.lead_id, row.record_id, row.ordinal, row.merchant, row.source_key, entity,
        record.received_at, row.rank, row.mode, row.stream, row.keys,
        keyring.seal(plain, row.record_id.bytes),
    )  # fmt: skip


def _document(record: ArchivedRecord, row: DocumentRevision, keyring: KeyRing) -> ShadowRevision:
    plain = keyring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))
    return ShadowRevision(
        row.document_id, row.record_id, row.ordinal, row.merchant, row.source_key, row.entity,
        record.received_at, row.rank, row.mode, row.stream, [],
        keyring.seal(plain, row.record_id.bytes), is_document=True,
    )  # fmt: skip
