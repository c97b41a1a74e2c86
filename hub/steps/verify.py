"""Verify: both conservation laws, the content hash of leads and business documents, and (deep) every fold and
every contact made again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy as sa

from hub.crm import leads, reading
from hub.crm.reading import StoredLead, root_of
from hub.database import sessions
from hub.database.engine import driver, store_errors
from hub.identity.edges import Node
from hub.mapping.fold import Revision, canonical_bytes, content_hash, fold
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.finance.verify_documents import document_parts, stale_documents
from hub.steps.identity.decided import clusters_of
from hub.steps.keys.index_ring import canonical_keys
from hub.steps.laws import Law, read_delivery_law, read_record_law, snapshot
from hub.steps.lead_rows import revision_aad
from hub.steps.rebuild import Rebuilt, rebuild
from hub.steps.spool_drain import count_spooled

_json = msgspec.json.Decoder()
_CHUNK = 1000


@dataclass(slots=True)
class Verification:
    """What a verification found. `stale`, `stale_documents` and `misplaced` are counted only when it was deep."""

    delivery_law: Law
    record_law: Law
    content_hash: str
    leads: int
    contacts: int
    documents: int = 0
    stale: int = 0
    stale_documents: int = 0
    misplaced: int = 0
    deep: bool = False
    unreadable: list[UUID] = field(default_factory=list)
    rebuilt: Rebuilt | None = None

    @property
    def holds(self) -> bool:
        """Whether everything that was checked is as promised."""
        laws = self.delivery_law.is_balanced and self.record_law.is_balanced
        astray = self.stale or self.stale_documents or self.misplaced or self.unreadable
        return laws and self.is_same_state and not astray

    @property
    def is_same_state(self) -> bool:
        """Whether the archive gives the same CRM again; true as long as nobody tried."""
        return self.rebuilt is None or self.rebuilt.content_hash == self.content_hash


def verify(
    engine: sa.Engine,
    keyring: KeyRing,
    *,
    spool: Path | None = None,
    deep: bool = False,
    settings: HubSettings | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Check the whole store in one snapshot.

    Args:
        engine: The store.
        keyring: To open the sealed leads: the hash is over plain values.
        spool: The folder of this machine's spools: what lies there was acknowledged, too.
        deep: Also fold every lead and document from its revisions and resolve every contact from its keys, anew.
        settings: Also rebuild the CRM from the archive into a shadow, and compare the content hashes.
        progress: Called with the number of leads and documents, then of records read so far.
    """
    with store_errors(), snapshot(engine) as conn:
        result = verify_snapshot(conn, keyring, spool=spool, deep=deep, progress=progress)
        if settings is not None:
            exported = sessions.export_snapshot(driver(conn))
            result.rebuilt = rebuild(
                engine, keyring, settings, snapshot=exported, progress=progress
            )
    return result


def verify_snapshot(
    conn: sa.Connection,
    keyring: KeyRing,
    *,
    spool: Path | None = None,
    deep: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """The same of what one open transaction sees (`hub.steps.laws.snapshot`); without a rebuild."""
    raw = driver(conn)
    result = Verification(
        read_delivery_law(conn, count_spooled(conn, spool) if spool else {}),
        read_record_law(conn),
        "",
        0,
        0,
        deep=deep,
    )
    merged = reading.merged_contacts(conn)
    _, pairs = canonical_keys(raw, keyring)
    named, nodes, truth = _names(raw, merged, pairs)
    result.contacts = len(set(named.values()))
    if deep:
        names = clusters_of(raw, nodes)
        result.misplaced = sum(1 for lead, name in names.items() if truth[lead] != name)
        result.stale = _count_stale(raw, keyring)
        result.stale_documents = stale_documents(raw, keyring)
    _hash(raw, keyring, named, result, progress)
    return result


def _names(
    raw: psycopg.Connection[Any],
    merged: dict[UUID, UUID],
    pairs: Mapping[tuple[str, bytes], bytes],
) -> tuple[dict[UUID, UUID], dict[str, list[Node]], dict[UUID, UUID]]:
    """Root contact → its smallest lead; merchant → its leads as identity sees them; lead → its contact's name."""
    named: dict[UUID, UUID] = {}
    nodes: dict[str, list[Node]] = {}
    roots: dict[UUID, UUID] = {}
    for lead in reading.all_leads(raw):
        root = roots[lead.id] = root_of(merged, lead.contact_id)
        named.setdefault(root, lead.id)
        at = math.floor((lead.submitted_at or lead.received_at).timestamp())
        keys = [pairs.get((lead.merchant, key), key) for key in lead.keys] if pairs else lead.keys
        nodes.setdefault(lead.merchant, []).append(Node(lead.id, keys, at))
    return named, nodes, {lead: named[root] for lead, root in roots.items()}


def _hash(
    raw: psycopg.Connection[Any],
    keyring: KeyRing,
    named: dict[UUID, UUID],
    result: Verification,
    progress: Callable[[int], None],
) -> None:
    """SHA-256 over all leads in order of id (plain values, contacts by their smallest lead), then all documents."""
    name_of = _contact_names(raw, named)
    points = reading.touchpoint_counts(raw)
    digest = hashlib.sha256()
    for lead in reading.all_leads(raw):
        plain = _plain(keyring, lead, result)
        seen = [(kind, at.isoformat()) for kind, at in points.get(lead.id, [])]
        digest.update(
            canonical_bytes(
                [
                    str(lead.id),
                    lead.merchant,
                    lead.source_key,
                    lead.entity,
                    str(name_of(lead)),
                    seen,
                ]
            )
        )
        digest.update(plain)
        result.leads += 1
        if result.leads % _CHUNK == 0:
            progress(result.leads)
    for head, plain in document_parts(raw, keyring, result.unreadable):
        digest.update(head)
        digest.update(plain)
        result.documents += 1
        if result.documents % _CHUNK == 0:
            progress(result.leads + result.documents)
    result.content_hash = digest.hexdigest()


def _contact_names(
    raw: psycopg.Connection[Any], named: dict[UUID, UUID]
) -> Callable[[StoredLead], UUID]:
    merged = {
        row[0]: row[1]
        for row in raw.execute(
            "SELECT id, merged_into FROM crm.contact WHERE merged_into IS NOT NULL"
        )
    }
    return lambda lead: named[root_of(merged, lead.contact_id)]


def _plain(keyring: KeyRing, lead: StoredLead, result: Verification) -> bytes:
    try:
        return keyring.unseal(lead.sealed, lead.id.bytes)
    except Exception:  # noqa: BLE001 -- every unreadable lead is listed, whatever is wrong with it
        result.unreadable.append(lead.id)
        return b""


def _count_stale(raw: psycopg.Connection[Any], keyring: KeyRing) -> int:
    """Leads whose stored content is not what their revisions fold to."""
    stale = 0
    chunk: list[StoredLead] = []
    for lead in reading.all_leads(raw):
        chunk.append(lead)
        if len(chunk) == _CHUNK:
            stale += _stale_in(raw, keyring, chunk)
            chunk = []
    return stale + _stale_in(raw, keyring, chunk)


def _stale_in(raw: psycopg.Connection[Any], keyring: KeyRing, chunk: list[StoredLead]) -> int:
    records = [record for lead in chunk for record in lead.revisions]
    found: dict[UUID, list[Revision]] = {lead.id: [] for lead in chunk}
    counted: dict[UUID, int] = dict.fromkeys(found, 0)
    sealed = {lead.id: lead.sealed for lead in chunk}
    for row in leads.revisions_of_records(raw, records):
        if row.lead_id in found:
            plain = _plain_revision(keyring, row, sealed[row.lead_id])
            found[row.lead_id].append(
                Revision(row.rank, row.mode, row.stream, _json.decode(plain))
            )
            counted[row.lead_id] += 1
    return sum(
        1
        for lead in chunk
        if counted[lead.id] < len(lead.revisions)
        or content_hash(fold(found[lead.id])) != lead.content_hash
    )


def _plain_revision(keyring: KeyRing, row: leads.RevisionRow, leads_own: bytes) -> bytes:
    """A revision's document; one without a content of its own says what its lead says."""
    if row.sealed is None:
        return keyring.unseal(leads_own, row.lead_id.bytes)
    return keyring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))
