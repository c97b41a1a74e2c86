"""One merchant's leads of a batch into the CRM: fold, resolve identity, write. Runs under the merchant's lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from hub.crm import contacts, leads, touchpoints
from hub.crm.leads import RevisionRow
from hub.crm.touchpoints import TouchpointRow
from hub.identity.resolve import Claimant
from hub.mapping.fold import Revision, canonical_bytes, hash_of, outcome_of
from hub.model.ids import lead_id
from hub.model.lead import IdentityKey, MappedLead
from hub.model.outcome import Outcome
from hub.privacy.keyring import KeyRing
from hub.steps.erasure.tombstones import without_erased
from hub.steps.identity.companies import CompanyDesk, Said, link_companies
from hub.steps.identity.resolve_contacts import Resolved, make_anew, resolve_claimants
from hub.steps.keys.index_ring import BlindKeys
from hub.steps.lead_rows import (
    Candidate,
    KnownRevision,
    LeadState,
    lead_row,
    revision_aad,
    touchpoint_rows,
)
from hub.steps.prepare import Work

_json = msgspec.json.Decoder()


class MerchantBatch:
    """The leads of one merchant in one batch. Build it before the lock, `load` it under the lock."""

    def __init__(self, keyring: KeyRing, merchant: str, works: Sequence[Work]) -> None:
        self._keyring = keyring
        self._merchant = merchant
        self._works = works
        self._keys = BlindKeys(keyring, merchant)
        self._outcome_before: dict[UUID, str] = {}
        self._candidates = [
            self._candidate(work, n, mapped)
            for work in works
            if work.mapped is not None
            for n, mapped in enumerate(work.mapped.leads)
        ]

    def load(
        self, conn: psycopg.Connection[Any], now: datetime, new_id: Callable[[], UUID]
    ) -> None:
        """Fold, resolve and write; every work's outcome is set."""
        self._candidates = without_erased(conn, self._keyring, self._merchant, self._candidates)
        states = self._states(conn)
        for candidate in self._candidates:
            self._decide(states[candidate.lead], candidate)
        resolved = self._resolve(conn, states.values(), now, new_id)
        self._write(conn, states.values(), resolved.contact_of, now)
        self._make_anew(conn, states.values(), resolved, now, new_id)
        desk = CompanyDesk(self._merchant, self._keyring, now, new_id)
        link_companies(conn, desk, _said(states.values()))
        for candidate in self._candidates:
            if candidate.ordinal == 0:
                candidate.work.outcome = candidate.outcome

    def _candidate(self, work: Work, ordinal: int, mapped: MappedLead) -> Candidate:
        identifier = lead_id(
            work.merchant, work.source_key, mapped.key_entity, mapped.external_id, mapped.ordinal
        )
        keys = self._keys.of_lead(mapped.keys, mapped.doc)
        plain = canonical_bytes(mapped.doc)
        return Candidate(work, ordinal, mapped, identifier, keys, plain, hash_of(plain))

    def _states(self, conn: psycopg.Connection[Any]) -> dict[UUID, LeadState]:
        """Every lead that this batch touches, with the revisions it has; replayed records give theirs up."""
        replayed = {work.record_id for work in self._works if work.is_archived}
        before = leads.revisions_of_records(conn, list(replayed)) if replayed else []
        if before:
            leads.remove_revisions(conn, [row.record_id for row in before])
        self._outcome_before = {row.record_id: row.outcome for row in before if row.ordinal == 0}
        wanted = dict.fromkeys(c.lead for c in self._candidates)
        wanted.update(dict.fromkeys(row.lead_id for row in before))
        known = leads.known_leads(conn, list(wanted))
        states = {
            identifier: LeadState(identifier, known.get(identifier)) for identifier in wanted
        }
        earlier = [record for lead in known.values() for record in lead.revisions]
        rows = [
            (row, states[row.lead_id], self._opened(row, states[row.lead_id]))
            for row in (leads.revisions_of_records(conn, earlier) if earlier else ())
            if row.lead_id in states
        ]
        stored = [*(row.keys for row, _, _ in rows), *(lead.keys for lead in known.values())]
        self._keys.settle(conn, (opened.revision.doc for _, _, opened in rows), stored)
        for lead in known.values():
            lead.keys = self._keys.renewed(lead.keys)
        for row, state, opened in rows:
            state.add(opened, self._keys.renewed(row.keys))
        return states

    def _opened(self, row: RevisionRow, state: LeadState) -> KnownRevision:
        if row.sealed is not None:
            plain = self._keyring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))
        else:
            plain = self._keyring.unseal(
                state.known.sealed if state.known else b"", state.id.bytes
            )
        revision = Revision(row.rank, row.mode, row.stream, _json.decode(plain))
        return KnownRevision(
            row.record_id, row.ordinal, revision, row.content_hash, row.mapping_version,
            is_leads_own=row.sealed is None,
        )  # fmt: skip

    def _decide(self, state: LeadState, candidate: Candidate) -> None:
        """The outcome of one revision, and the revision into its lead; mapped anew, it keeps its outcome."""
        mapped, work = candidate.mapped, candidate.work
        revision = Revision(mapped.rank, mapped.mode, mapped.stream, mapped.doc)
        kept, newest = self._outcome_before.get(work.record_id), state.newest
        candidate.outcome = kept or outcome_of(
            revision,
            candidate.hash,
            (newest.revision, newest.hash) if newest else None,
            (known.revision for known in state.revisions),
        )
        state.add(
            KnownRevision(
                work.record_id, candidate.ordinal, revision, candidate.hash, work.mapping or ""
            ),
            candidate.keys,
        )
        state.came.append(candidate)

    def _resolve(
        self,
        conn: psycopg.Connection[Any],
        states: Iterable[LeadState],
        now: datetime,
        new_id: Callable[[], UUID],
    ) -> Resolved:
        """Contacts of new leads, and merges that new keys cause."""
        asking = [state for state in states if state.came and state.has_new_keys()]
        if not asking:
            return Resolved()
        claimants = [
            Claimant(s.id, s.keys, s.own_time(), s.known.contact_id if s.known else None)
            for s in asking
        ]
        return resolve_claimants(conn, self._merchant, claimants, now, new_id)

    def _make_anew(
        self,
        conn: psycopg.Connection[Any],
        states: Iterable[LeadState],
        resolved: Resolved,
        now: datetime,
        new_id: Callable[[], UUID],
    ) -> None:
        """Take apart again what a shared key, or a key that a lead no longer has, had joined."""
        lost = [s.known.contact_id for s in states if s.known and s.has_lost_keys()]
        wanted = {*resolved.anew, *contacts.roots(conn, lost).values()}
        if wanted:
            make_anew(conn, self._merchant, wanted, now, new_id)

    def _write(
        self,
        conn: psycopg.Connection[Any],
        states: Iterable[LeadState],
        contact_of: Mapping[UUID, UUID],
        now: datetime,
    ) -> None:
        added, rewritten, touched, gone = [], [], [], []
        points: list[TouchpointRow] = []
        moved: list[tuple[UUID, UUID]] = []
        differing: list[Candidate] = []
        filled: list[KnownRevision] = []
        for state in states:
            known = state.known
            if not state.revisions:
                gone.append(state.id)
                continue
            folded = state.folded()
            differing += [c for c in state.came if c.hash != folded[2]]
            if known and folded[2] == known.content_hash and not state.has_other_keys():
                touched.append((state.id, state.records()))
                continue
            contact = known.contact_id if known else contact_of[state.id]
            row = lead_row(state, folded, contact, now, self._keyring)
            points += touchpoint_rows(state, row, folded[0], self._merchant, self._keyring)
            if known:
                rewritten.append(row)
                moved.append((state.id, known.first_record_id))
                filled += [r for r in state.revisions if r.is_leads_own and r.hash != folded[2]]
            else:
                added.append(row)
        self._seal(differing)
        leads.fill_revisions(conn, self._fillings(filled))
        leads.remove_leads(conn, gone)
        leads.add_leads(conn, added)
        leads.rewrite_leads(conn, rewritten)
        leads.touch_revisions(conn, touched)
        leads.add_revisions(conn, self._revision_rows())
        touchpoints.remove_touchpoints(conn, moved)
        touchpoints.add_touchpoints(conn, points)

    def _seal(self, candidates: Sequence[Candidate]) -> None:
        """Revisions that say something else than their lead keep it themselves."""
        pairs = [(c.plain, revision_aad(c.work.record_id, c.ordinal)) for c in candidates]
        for candidate, sealed in zip(candidates, self._keyring.seal_many(pairs), strict=True):
            candidate.sealed = sealed

    def _fillings(self, revisions: Sequence[KnownRevision]) -> list[tuple[UUID, int, bytes]]:
        """What revisions said whose lead is about to say something else."""
        pairs = [
            (canonical_bytes(r.revision.doc), revision_aad(r.record_id, r.ordinal))
            for r in revisions
        ]
        sealed = self._keyring.seal_many(pairs)
        return [(r.record_id, r.ordinal, s) for r, s in zip(revisions, sealed, strict=True)]

    def _revision_rows(self) -> Iterator[tuple[Any, ...]]:
        for c in self._candidates:
            work, mapped = c.work, c.mapped
            yield (
                work.record_id, c.ordinal, c.lead, self._merchant, work.source_key, c.outcome,
                mapped.rank, mapped.mode, mapped.stream, work.mapping or "", c.hash, c.keys, c.sealed,
            )  # fmt: skip


def blind_key(keyring: KeyRing, merchant: str, key: IdentityKey) -> bytes:
    """The blind form of an identity key; a mobile that came hashed joins the plain ones."""
    return keyring.blind(merchant, key)


def by_merchant(works: Iterable[Work]) -> dict[str, list[Work]]:
    """Works that gave leads, or that had given some and no longer do, by merchant in sorted order."""
    found: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        again_none = work.is_archived and work.outcome == Outcome.NOT_A_LEAD
        if again_none or (work.mapped is not None and work.mapped.leads):
            found[work.merchant].append(work)
    return dict(sorted(found.items()))


def _said(states: Iterable[LeadState]) -> Iterator[Said]:
    """What leads say now that are new, gone, or say something else than before."""
    for state in states:
        known = state.known
        if not state.revisions:
            yield Said(state.id, None, known is not None)
        elif known is None or state.folded()[2] != known.content_hash:
            yield Said(state.id, state.folded()[0], known is not None)
