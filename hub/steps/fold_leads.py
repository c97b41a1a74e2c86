"""One merchant's leads of a batch into the CRM: fold, resolve identity, write. Runs under the merchant's lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from hub.crm import contacts, leads, touchpoints
from hub.crm.leads import KnownLead, RevisionRow
from hub.crm.touchpoints import TouchpointRow
from hub.identity.resolve import Claimant, resolve
from hub.mapping.fold import Revision, canonical_bytes, content_hash, fold, hash_of
from hub.model.ids import lead_id
from hub.model.lead import IdentityKey, KeyKind, MappedLead, RevisionMode
from hub.model.outcome import Outcome
from hub.privacy.keyring import KeyRing
from hub.steps.prepare import Work

_json = msgspec.json.Decoder()
_HASHED = "sha256:"


@dataclass(slots=True)
class Candidate:
    """One lead that a record of this batch gave."""

    work: Work
    ordinal: int
    mapped: MappedLead
    lead: UUID
    keys: list[bytes]
    plain: bytes
    hash: bytes
    outcome: str = ""


# A revision, its content hash, the mapping version that made it.
KnownRevision = tuple[Revision, bytes, str]


@dataclass(slots=True)
class LeadState:
    """A lead while its batch is folded: what was there, and what came."""

    id: UUID
    known: KnownLead | None = None
    revisions: dict[tuple[UUID, int], KnownRevision] = field(default_factory=dict)
    keys: set[bytes] = field(default_factory=set)
    came: list[Candidate] = field(default_factory=list)
    entity: str = "lead"

    def latest(self) -> KnownRevision:
        """The newest revision."""
        if len(self.revisions) == 1:
            return next(iter(self.revisions.values()))
        return max(self.revisions.values(), key=lambda known: known[0].rank)

    def folded(self) -> tuple[Mapping[str, Any], bytes, bytes]:
        """The lead as all its revisions make it: document, canonical bytes, content hash."""
        if len(self.revisions) == 1 and self.came:
            only = self.came[0]
            return only.mapped.doc, only.plain, only.hash
        doc = fold(revision for revision, *_ in self.revisions.values())
        plain = canonical_bytes(doc)
        return doc, plain, hash_of(plain)


class MerchantBatch:
    """The leads of one merchant in one batch. Build it before the lock, `load` it under the lock."""

    def __init__(self, keyring: KeyRing, merchant: str, works: Sequence[Work]) -> None:
        self._keyring = keyring
        self._merchant = merchant
        self._works = works
        self._outcome_before: dict[UUID, str] = {}
        self._candidates = [
            self._candidate(work, n, mapped)
            for work in works
            if work.mapped is not None
            for n, mapped in enumerate(work.mapped.leads)
        ]
        self._sealed = [
            keyring.seal(c.plain, _revision_aad(c.work.record_id, c.ordinal))
            for c in self._candidates
        ]

    def load(
        self, conn: psycopg.Connection[Any], now: datetime, new_id: Callable[[], UUID]
    ) -> None:
        """Fold, resolve and write; every work's outcome is set."""
        states = self._states(conn)
        for candidate in self._candidates:
            self._decide(states[candidate.lead], candidate)
        contact_of = self._resolve(conn, states, now, new_id)
        self._write(conn, states, contact_of, now)
        for candidate in self._candidates:
            if candidate.ordinal == 0:
                candidate.work.outcome = candidate.outcome

    def _candidate(self, work: Work, ordinal: int, mapped: MappedLead) -> Candidate:
        identifier = lead_id(
            work.merchant, work.source_key, mapped.key_entity, mapped.external_id, mapped.ordinal
        )
        keys = [self._blind(key) for key in mapped.keys]
        plain = canonical_bytes(mapped.doc)
        return Candidate(work, ordinal, mapped, identifier, keys, plain, hash_of(plain))

    def _blind(self, key: IdentityKey) -> bytes:
        if key.kind is KeyKind.MOBILE and key.value.startswith(_HASHED):
            return self._keyring.blind_phone_hash(self._merchant, key.value[len(_HASHED) :])
        return self._keyring.blind(self._merchant, key)

    def _states(self, conn: psycopg.Connection[Any]) -> dict[UUID, LeadState]:
        """Every lead that this batch touches, with the revisions it has; replayed records give theirs up."""
        replayed = {work.record_id for work in self._works if work.sealed is None}
        before = leads.revisions_of_records(conn, list(replayed)) if replayed else []
        if before:
            leads.remove_revisions(conn, [row.record_id for row in before])
        self._outcome_before = {row.record_id: row.outcome for row in before if row.ordinal == 0}
        wanted = {c.lead for c in self._candidates} | {row.lead_id for row in before}
        known = leads.known_leads(conn, list(wanted))
        states = {
            identifier: LeadState(identifier, known.get(identifier)) for identifier in wanted
        }
        earlier = [record for lead in known.values() for record in lead.revisions]
        for row in leads.revisions_of_records(conn, earlier) if earlier else ():
            if row.lead_id in states:
                self._remember(states[row.lead_id], row)
        return states

    def _remember(self, state: LeadState, row: RevisionRow) -> None:
        plain = self._keyring.unseal(row.sealed, _revision_aad(row.record_id, row.ordinal))
        revision = Revision(row.rank, row.mode, row.stream, _json.decode(plain))
        state.revisions[row.record_id, row.ordinal] = (
            revision,
            row.content_hash,
            row.mapping_version,
        )
        state.keys.update(row.keys)

    def _decide(self, state: LeadState, candidate: Candidate) -> None:
        """The outcome of one revision, and the revision into its lead; mapped anew, it keeps its outcome."""
        mapped = candidate.mapped
        revision = Revision(mapped.rank, mapped.mode, mapped.stream, mapped.doc)
        candidate.outcome = self._outcome_before.get(candidate.work.record_id) or _outcome(
            state, revision, candidate.hash
        )
        made_by = candidate.work.mapping or ""
        state.revisions[candidate.work.record_id, candidate.ordinal] = (
            revision,
            candidate.hash,
            made_by,
        )
        state.keys.update(candidate.keys)
        state.came.append(candidate)
        state.entity = mapped.key_entity

    def _resolve(
        self,
        conn: psycopg.Connection[Any],
        states: dict[UUID, LeadState],
        now: datetime,
        new_id: Callable[[], UUID],
    ) -> dict[UUID, UUID]:
        """Contacts of new leads, and merges that new keys cause."""
        asking = [
            s
            for s in states.values()
            if s.came and (s.known is None or s.keys - set(s.known.keys))
        ]
        asking.sort(key=lambda s: (s.came[0].work.record_id, s.came[0].ordinal))
        if not asking:
            return {}
        store = contacts.known_keys(
            conn, self._merchant, list({key for s in asking for key in s.keys})
        )
        homes = contacts.roots(conn, [s.known.contact_id for s in asking if s.known])
        claimants = [
            Claimant(s.id, sorted(s.keys), homes[s.known.contact_id] if s.known else None)
            for s in asking
        ]
        result = resolve(claimants, store.roots, store.stopped, new_id)
        contacts.add_contacts(conn, self._merchant, result.new_contacts, now)
        contacts.add_keys(conn, self._merchant, result.new_keys)
        contacts.merge(conn, result.merges)
        return result.contact_of

    def _write(
        self,
        conn: psycopg.Connection[Any],
        states: dict[UUID, LeadState],
        contact_of: dict[UUID, UUID],
        now: datetime,
    ) -> None:
        added, rewritten, touched, gone = [], [], [], []
        points: list[TouchpointRow] = []
        repointed: list[tuple[UUID, UUID]] = []
        for state in states.values():
            if not state.revisions:
                if state.known:
                    gone.append(state.id)
                continue
            doc, plain, fresh = state.folded()
            records = _records_of(state)
            if state.known and fresh == state.known.content_hash and (
                state.keys <= set(state.known.keys)
            ):  # fmt: skip
                touched.append((state.id, records))
                continue
            row = self._lead_row(state, (doc, plain, fresh), records, contact_of, now)
            points += self._touchpoints(state, row[5], doc, row[7])
            if state.known:
                rewritten.append(row)
                repointed.append((state.id, state.known.first_record_id))
            else:
                added.append(row)
        leads.remove_leads(conn, gone)
        leads.add_leads(conn, added)
        leads.rewrite_leads(conn, rewritten)
        leads.touch_revisions(conn, touched)
        leads.add_revisions(conn, self._revision_rows())
        touchpoints.remove_touchpoints(conn, repointed)
        touchpoints.add_touchpoints(conn, points)

    def _lead_row(
        self,
        state: LeadState,
        folded: tuple[Mapping[str, Any], bytes, bytes],
        records: list[UUID],
        contact_of: dict[UUID, UUID],
        now: datetime,
    ) -> tuple[Any, ...]:
        """A row as hub.crm.leads writes it."""
        doc, plain, fresh = folded
        known = state.known
        came = state.came[0].work if state.came else None
        submitted = doc.get("submitted_at")
        return (
            state.id,
            self._merchant,
            came.source_key if came else "",
            state.entity,
            known.contact_id if known else contact_of[state.id],
            _first_record(state, records),
            datetime.fromisoformat(submitted) if submitted else None,
            known.received_at if known else state.came[0].work.received_at,
            now,
            state.latest()[2],
            doc.get("intent"),
            doc.get("product_interest"),
            Jsonb(doc["ext"]) if doc.get("ext") else None,
            doc.get("marks"),
            sorted(state.keys),
            records,
            fresh,
            self._keyring.seal(plain, state.id.bytes),
            *(doc.get(column) for column in leads.TEXT_COLUMNS),
        )

    def _touchpoints(
        self, state: LeadState, first: UUID, doc: Mapping[str, Any], received_at: datetime
    ) -> Iterable[TouchpointRow]:
        ordinal = min((o for record, o in state.revisions if record == first), default=0)
        given = doc.get("touchpoints") or [{"kind": "lead", **_own_touch(doc)}]
        for slot, point in enumerate(given):
            at = point.get("occurred_at") or doc.get("submitted_at")
            private = {
                k: point[k] for k in ("landing_url", "referrer", "click_ids") if point.get(k)
            }
            aad = first.bytes + bytes((slot & 0xFF,)) + state.id.bytes
            yield TouchpointRow(
                first, ordinal, slot, self._merchant, state.id, point.get("kind", "lead"),
                datetime.fromisoformat(at) if at else received_at, point.get("campaign_id"),
                point.get("utm_source"), point.get("utm_medium"), point.get("utm_campaign"),
                self._keyring.seal(canonical_bytes(private), aad) if private else None,
            )  # fmt: skip

    def _revision_rows(self) -> Iterable[tuple[Any, ...]]:
        for c, sealed in zip(self._candidates, self._sealed, strict=True):
            yield (
                c.work.record_id, c.ordinal, c.lead, self._merchant, c.work.source_key, c.outcome,
                c.mapped.rank, c.mapped.mode, c.mapped.stream, c.work.mapping or "", c.hash, c.keys,
                sealed,
            )  # fmt: skip


def by_merchant(works: Iterable[Work]) -> dict[str, list[Work]]:
    """Works that gave leads, or that had given some and no longer do, by merchant in sorted order."""
    found: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        again_none = work.sealed is None and work.outcome == Outcome.NOT_A_LEAD
        if again_none or (work.mapped is not None and work.mapped.leads):
            found[work.merchant].append(work)
    return dict(sorted(found.items()))


def _outcome(state: LeadState, revision: Revision, fresh: bytes) -> str:
    if not state.revisions:
        return Outcome.LOADED
    newest, newest_hash, _ = state.latest()
    if fresh == newest_hash:
        return Outcome.UNCHANGED
    if revision.rank > newest.rank:
        return Outcome.REVISED
    if RevisionMode.PATCH not in (revision.mode, newest.mode) and revision.stream == newest.stream:
        return Outcome.SUPERSEDED
    older = [each for each, *_ in state.revisions.values()]
    if content_hash(fold(older)) == content_hash(fold([*older, revision])):
        return Outcome.SUPERSEDED
    return Outcome.REVISED


def _first_record(state: LeadState, records: list[UUID]) -> UUID:
    """The record its touchpoints hang on: the first that came, while it is still one of the lead's."""
    if state.known is None:
        return state.came[0].work.record_id
    first = state.known.first_record_id
    return first if first in records else records[0]


def _records_of(state: LeadState) -> list[UUID]:
    return sorted({record for record, _ in state.revisions})


def _own_touch(doc: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "utm_source", "utm_medium", "utm_campaign", "campaign_id", "landing_url", "referrer",
        "click_ids",
    )  # fmt: skip
    return {name: doc[name] for name in names if doc.get(name)}


def _revision_aad(record: UUID, ordinal: int) -> bytes:
    return record.bytes + bytes((ordinal & 0xFF,))
