"""Erase a person from the books: documents stay with numbers, amounts and dates; what is the person's own goes.

Every revision is opened once: a phone stands in remarks, too, and revisions have no keys. Their records lose their
bodies; outcomes stay, and a rebuild takes what they had made as it stands now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from hub.crm.erasure import LEAD
from hub.finance import documents
from hub.finance import erasure as finance
from hub.finance.documents import DocumentRevision
from hub.inbox import erasure as inbox
from hub.mapping.fold import canonical_bytes, hash_of
from hub.privacy.keyring import KeyRing
from hub.steps.erasure.redact_document import (
    Redaction,
    happened_at,
    names_key,
    persons_name,
    private_texts,
    redacted,
)
from hub.steps.erasure.scan import Person
from hub.steps.erasure.tombstones import is_past, lead_digest
from hub.steps.finance.fold_documents import DocumentBatch
from hub.steps.keys.index_ring import ring_for
from hub.steps.lead_rows import revision_aad

_json = msgspec.json.Decoder()


@dataclass(slots=True)
class ErasedDocuments:
    """What an erasure did to the books. `theirs`: documents to be kept without the person from now on.

    `same_name`: documents that state the same name and nothing else of the person: a person has to look at them.
    """

    documents: int = 0
    revisions: int = 0
    bodies: int = 0
    same_name: int = 0
    theirs: set[UUID] = field(default_factory=set)

    def counts(self) -> dict[str, int]:
        """Rows by the words of a receipt."""
        return {
            "documents": self.documents,
            "document_revisions": self.revisions,
            "document_bodies": self.bodies,
            "documents_of_same_name": self.same_name,
        }


@dataclass(slots=True)
class _Found:
    """What the scan saw. `named`: by key; `shown`: one of their values in a text; `by_name`: whoever has that name."""

    named: set[UUID] = field(default_factory=set)
    shown: set[UUID] = field(default_factory=set)
    by_name: defaultdict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))


class DocumentErasure:
    """One person out of one merchant's books, in an open transaction under the merchant's lock."""

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        keyring: KeyRing,
        person: Person,
        at: datetime,
        stand_in: str,
    ) -> None:
        self._conn, self._person, self._at = conn, person, at
        self._ring = ring_for(conn, keyring)
        self._merchant = person.merchant
        self._digests = {key for key in person.keys if key[0] == LEAD}
        self._names = set(person.names)
        self._stand_in = stand_in
        self._result = ErasedDocuments()

    def run(self) -> ErasedDocuments:
        """Scan, redact, fold again; nothing of the person is in the books then."""
        found = self._scan()
        near = self._near(found)
        about = Redaction(self._stand_in, frozenset(self._names), self._person.is_in_text)
        changed = self._redact(found.named | found.shown | near, about, found.named, near)
        documents_changed = sorted({row.document_id for row, _ in changed})
        self._write(changed)
        DocumentBatch(self._ring, self._merchant, []).refold(
            self._conn, documents_changed, self._at
        )
        records = sorted({row.record_id for row, _ in changed})
        named_so = {one for name in self._names for one in found.by_name.get(name, ())}
        self._result.bodies = inbox.prune(self._conn, records)
        self._result.documents = len(documents_changed)
        self._result.revisions = len(changed)
        self._result.same_name = len(named_so - set(documents_changed) - found.named)
        return self._result

    def _scan(self) -> _Found:
        found = _Found()
        for page in finance.revision_pages(self._conn, self._merchant):
            for row in page:
                self._look(row, found)
        return found

    def _look(self, row: DocumentRevision, found: _Found) -> None:
        doc = self._opened(row)
        name = persons_name(doc)
        if names_key(doc, self._person.has) or self._is_buried(row.document_id):
            found.named.add(row.document_id)
            if name is not None:
                self._names.add(name)
        elif any(self._person.is_in_text(text) for text in private_texts(doc)):
            found.shown.add(row.document_id)
        if name is not None:
            found.by_name[name].add(row.document_id)

    def _is_buried(self, document: UUID) -> bool:
        """Whether an earlier erasure, read from the log, had named this document."""
        return bool(self._digests) and (
            lead_digest(self._ring, self._merchant, document) in self._digests
        )

    def _near(self, found: _Found) -> set[UUID]:
        """Documents of the same deals, and of the deals of those that state the same name."""
        near: set[UUID] = set()
        edge = set(found.named)
        while edge:
            seen = finance.of_same_deals(self._conn, self._merchant, edge) - near - found.named
            near |= seen
            theirs = {one for name in self._names for one in found.by_name.get(name, ())}
            edge = seen & theirs
        return near

    def _redact(
        self, wanted: Iterable[UUID], about: Redaction, named: set[UUID], near: set[UUID]
    ) -> list[tuple[DocumentRevision, bytes]]:
        """The revisions of the past that change, each with its new canonical JSON."""
        rows: defaultdict[UUID, list[tuple[DocumentRevision, Mapping[str, Any]]]] = defaultdict(
            list
        )
        for row in documents.revisions_of_documents(self._conn, sorted(wanted)):
            rows[row.document_id].append((row, self._opened(row)))
        received = inbox.arrivals(
            self._conn, [row.record_id for each in rows.values() for row, _ in each]
        )
        changed = []
        for document, revisions in sorted(rows.items()):
            past = [
                (row, doc) for row, doc in revisions
                if is_past(happened_at(doc), received[row.record_id], self._at, same_lead=True)
            ]  # fmt: skip
            is_theirs = document in named or (
                document in near
                and any(redacted(doc, about, is_named=False) != doc for _, doc in past)
            )
            mine = [(row, doc, redacted(doc, about, is_named=is_theirs)) for row, doc in past]
            changed += [(row, canonical_bytes(left)) for row, doc, left in mine if left != doc]
            if is_theirs and past:
                self._result.theirs.add(document)
        return changed

    def _write(self, changed: list[tuple[DocumentRevision, bytes]]) -> None:
        pairs = [(plain, revision_aad(row.record_id, row.ordinal)) for row, plain in changed]
        sealed = self._ring.seal_many(pairs)
        finance.rewrite_revisions(
            self._conn,
            [
                (row.record_id, row.ordinal, hash_of(plain), each)
                for (row, plain), each in zip(changed, sealed, strict=True)
            ],
        )

    def _opened(self, row: DocumentRevision) -> Mapping[str, Any]:
        plain = self._ring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))
        doc: Mapping[str, Any] = _json.decode(plain)
        return doc
