"""One merchant's business documents of a batch into `finance`: fold, write. Runs under the merchant's lock.

A document is the pure fold over the set of its revisions, as a lead is; it has no identity of its own, only
keys that lead to a person (`keys`) and to a company (`party`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from hub.finance import documents
from hub.finance.documents import DocumentRevision, DocumentRow, KnownDocument
from hub.mapping.fold import Revision, canonical_bytes, fold, hash_of, outcome_of
from hub.model.ids import lead_id, uuid7
from hub.model.lead import MappedDocument
from hub.model.outcome import Outcome
from hub.privacy.keyring import KeyRing
from hub.steps.erasure.document_tombstones import Said, without_erased_persons
from hub.steps.finance.document_keys import NAME_A_CUSTOMER, document_keys, open_facts, stated
from hub.steps.identity.companies import CompanyDesk, ensure_company
from hub.steps.keys.index_ring import BlindKeys
from hub.steps.lead_rows import revision_aad
from hub.steps.prepare import Work

_json = msgspec.json.Decoder()


@dataclass(slots=True)
class _Version:
    """One revision of a document within a batch, from the store or from a record of the batch."""

    record_id: UUID
    ordinal: int
    revision: Revision
    hash: bytes
    made_by: str


@dataclass(slots=True)
class _Candidate:
    """One document that a record of this batch gave."""

    work: Work
    ordinal: int
    mapped: MappedDocument
    id: UUID
    plain: bytes
    hash: bytes
    outcome: str = ""


@dataclass(slots=True)
class _State:
    """A document while its batch is folded: what was there, and what came."""

    id: UUID
    known: KnownDocument | None
    versions: list[_Version] = field(default_factory=list)
    came: list[_Candidate] = field(default_factory=list)

    @property
    def newest(self) -> _Version | None:
        """The revision with the highest rank."""
        return max(self.versions, key=lambda one: one.revision.rank, default=None)

    def records(self) -> list[UUID]:
        """The records of its revisions, oldest first."""
        return sorted({version.record_id for version in self.versions})


class DocumentBatch:
    """The business documents of one merchant in one batch. Build it before the lock, `load` it under the lock."""

    def __init__(self, keyring: KeyRing, merchant: str, works: Sequence[Work]) -> None:
        self._keyring = keyring
        self._merchant = merchant
        self._works = works
        self._outcome_before: dict[UUID, str] = {}
        self._candidates = [
            _candidate(work, n, mapped)
            for work in works
            if work.mapped is not None
            for n, mapped in enumerate(work.mapped.documents)
        ]

    def load(self, conn: psycopg.Connection[Any], now: datetime) -> None:
        """Fold and write; every work's outcome is set."""
        self._forget_erased(conn)
        states = self._states(conn)
        for candidate in self._candidates:
            self._decide(states[candidate.id], candidate)
        self._write(conn, states.values(), now)
        for candidate in self._candidates:
            if candidate.ordinal == 0:
                candidate.work.outcome = candidate.outcome

    def refold(self, conn: psycopg.Connection[Any], ids: Sequence[UUID], now: datetime) -> None:
        """Fold and write documents whose revisions were changed in the store."""
        states = {
            one: _State(one, row) for one, row in documents.known_documents(conn, ids).items()
        }
        for revision in documents.revisions_of_documents(conn, list(states)) if states else ():
            states[revision.document_id].versions.append(self._opened(revision))
        self._write(conn, states.values(), now)

    def _forget_erased(self, conn: psycopg.Connection[Any]) -> None:
        """What speaks of an erased past loads without the person, and its record keeps no body."""
        said = [Said(c.id, c.mapped, c.work.received_at) for c in self._candidates]
        left = without_erased_persons(conn, self._keyring, self._merchant, said)
        for candidate, mapped in zip(self._candidates, left, strict=True):
            if mapped is not candidate.mapped:
                candidate.mapped, candidate.plain = mapped, canonical_bytes(mapped.doc)
                candidate.hash = hash_of(candidate.plain)
                candidate.work.is_redacted, candidate.work.tried = True, None

    def _states(self, conn: psycopg.Connection[Any]) -> dict[UUID, _State]:
        """Every document that this batch touches, with its revisions; replayed records give theirs up."""
        replayed = [work.record_id for work in self._works if work.is_archived]
        before = documents.revisions_of_records(conn, replayed) if replayed else []
        if before:
            documents.remove_revisions(conn, [row.record_id for row in before])
        self._outcome_before = {row.record_id: row.outcome for row in before if row.ordinal == 0}
        wanted = dict.fromkeys(candidate.id for candidate in self._candidates)
        wanted.update(dict.fromkeys(row.document_id for row in before))
        known = documents.known_documents(conn, list(wanted))
        states = {one: _State(one, known.get(one)) for one in wanted}
        for row in documents.revisions_of_documents(conn, list(known)) if known else ():
            states[row.document_id].versions.append(self._opened(row))
        return states

    def _opened(self, row: DocumentRevision) -> _Version:
        plain = self._keyring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))
        revision = Revision(row.rank, row.mode, row.stream, _json.decode(plain))
        return _Version(
            row.record_id, row.ordinal, revision, row.content_hash, row.mapping_version
        )

    def _decide(self, state: _State, candidate: _Candidate) -> None:
        """The outcome of one revision; mapped anew, it keeps its outcome."""
        mapped, work = candidate.mapped, candidate.work
        revision = Revision(mapped.rank, mapped.mode, mapped.stream, mapped.doc)
        kept, newest = self._outcome_before.get(work.record_id), state.newest
        candidate.outcome = kept or outcome_of(
            revision,
            candidate.hash,
            (newest.revision, newest.hash) if newest else None,
            (known.revision for known in state.versions),
        )
        state.versions.append(
            _Version(
                work.record_id, candidate.ordinal, revision, candidate.hash, work.mapping or ""
            )
        )
        state.came.append(candidate)

    def _write(
        self, conn: psycopg.Connection[Any], states: Iterable[_State], now: datetime
    ) -> None:
        rows, touched, gone = [], [], []
        spoken: list[tuple[UUID, dict[str, Any]]] = []
        for state in states:
            if not state.versions:
                gone.append(state.id)
                continue
            doc = fold(version.revision for version in state.versions)
            plain = canonical_bytes(doc)
            if state.known and state.known.content_hash == hash_of(plain):
                touched.append((state.id, state.records()))
            else:
                rows.append(self._row(state, doc, plain, now))
                if rows[-1].entity in NAME_A_CUSTOMER and (rows[-1].party or state.known):
                    spoken.append((state.id, stated(doc)))
        BlindKeys(self._keyring, self._merchant).settle(conn, self._said(states), ())
        documents.write_documents(conn, rows, gone)
        desk = CompanyDesk(self._merchant, self._keyring, now, uuid7)
        for party, said in sorted(spoken, key=lambda one: one[0]):
            ensure_company(conn, desk, party, said)
        documents.touch_documents(conn, touched)
        documents.add_revisions(conn, self._revision_rows())

    def _row(
        self, state: _State, doc: Mapping[str, Any], plain: bytes, now: datetime
    ) -> DocumentRow:
        newest = state.newest
        known, records = state.known, state.records()
        first = state.came[0] if state.came else None
        source_key = first.work.source_key if first else known.source_key if known else ""
        received = known.received_at if known else first.work.received_at if first else now
        on_date, facts = doc.get("on_date"), open_facts(doc)
        keys = document_keys(self._keyring, self._merchant, doc)
        return DocumentRow(
            id=state.id,
            merchant=self._merchant,
            source_key=source_key,
            entity=first.mapped.entity if first else known.entity if known else "",
            number=doc.get("number"),
            kind=facts.get("kind"),
            state=facts.get("state"),
            on_date=date.fromisoformat(on_date) if on_date else None,
            amount_fen=doc.get("amount_fen"),
            currency=facts.get("currency"),
            contract_number=doc.get("contract_number"),
            order_number=doc.get("order_number"),
            party_code=facts.get("party_code"),
            party=keys.party or None,
            keys=keys.person or None,
            facts=facts,
            marks=doc.get("marks"),
            first_record_id=known.first_record_id if known else records[0],
            received_at=received,
            loaded_at=now,
            mapping_version=newest.made_by if newest else "",
            revisions=records,
            content_hash=hash_of(plain),
            sealed=self._keyring.seal(plain, state.id.bytes),
        )

    def _said(self, states: Iterable[_State]) -> list[dict[str, Any]]:
        """Whom the documents speak of; empty unless the blind index is being rotated."""
        if self._keyring.renews is None:
            return []
        return [stated(version.revision.doc) for state in states for version in state.versions]

    def _revision_rows(self) -> Iterable[DocumentRevision]:
        pairs = [(c.plain, revision_aad(c.work.record_id, c.ordinal)) for c in self._candidates]
        for c, sealed in zip(self._candidates, self._keyring.seal_many(pairs), strict=True):
            work, mapped = c.work, c.mapped
            yield DocumentRevision(
                work.record_id, c.ordinal, c.id, self._merchant, work.source_key, mapped.entity,
                c.outcome, mapped.rank, mapped.mode, mapped.stream, work.mapping or "", c.hash,
                sealed,
            )  # fmt: skip


def with_documents(works: Iterable[Work]) -> dict[str, list[Work]]:
    """Works that gave documents, or that had given some and no longer do, by merchant in sorted order."""
    found: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        again_none = work.is_archived and work.outcome == Outcome.NOT_A_LEAD
        if again_none or (work.mapped is not None and work.mapped.documents):
            found[work.merchant].append(work)
    return dict(sorted(found.items()))


def document_id(merchant: str, source_key: str, mapped: MappedDocument) -> UUID:
    """The id of a document: that of a lead key under its own entity."""
    return lead_id(
        merchant, source_key, f"document/{mapped.entity}", mapped.external_id, mapped.ordinal
    )


def _candidate(work: Work, ordinal: int, mapped: MappedDocument) -> _Candidate:
    plain = canonical_bytes(mapped.doc)
    own = document_id(work.merchant, work.source_key, mapped)
    return _Candidate(work, ordinal, mapped, own, plain, hash_of(plain))
