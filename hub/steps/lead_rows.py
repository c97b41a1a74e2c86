"""From a folded lead to the rows that hub.crm writes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.crm.leads import TEXT_COLUMNS, KnownLead
from hub.crm.touchpoints import TouchpointRow
from hub.mapping.fold import Revision, canonical_bytes, fold, hash_of
from hub.model.lead import MappedLead
from hub.privacy.keyring import KeyRing
from hub.steps.prepare import Work

_PRIVATE = ("landing_url", "referrer", "click_ids")
_TOUCH = ("utm_source", "utm_medium", "utm_campaign", "campaign_id", *_PRIVATE)


@dataclass(slots=True)
class KnownRevision:
    """A revision of a lead within a batch: from the store, or from a record of the batch.

    `is_leads_own`: its content is stored with its lead only.
    """

    record_id: UUID
    ordinal: int
    revision: Revision
    hash: bytes
    made_by: str
    is_leads_own: bool = False


@dataclass(slots=True)
class Candidate:
    """One lead that a record of this batch gave. `plain` is its canonical JSON, `sealed` that, sealed, if it differs
    from what its lead says."""

    work: Work
    ordinal: int
    mapped: MappedLead
    lead: UUID
    keys: list[bytes]
    plain: bytes
    hash: bytes
    sealed: bytes | None = None
    outcome: str = ""


@dataclass(slots=True)
class LeadState:
    """A lead while its batch is folded: what was there, and what came."""

    id: UUID
    known: KnownLead | None
    revisions: list[KnownRevision] = field(default_factory=list)
    newest: KnownRevision | None = None
    keys: list[bytes] = field(default_factory=list)
    came: list[Candidate] = field(default_factory=list)
    _folded: tuple[Mapping[str, Any], bytes, bytes] | None = None

    def add(self, revision: KnownRevision, keys: list[bytes]) -> None:
        """One more revision, with the keys that it names."""
        self._folded = None
        self.revisions.append(revision)
        if self.newest is None or revision.revision.rank > self.newest.revision.rank:
            self.newest = revision
        for key in keys:
            if key not in self.keys:
                self.keys.append(key)

    def has_new_keys(self) -> bool:
        """Whether identity has to look at this lead."""
        return self.known is None or not set(self.keys) <= set(self.known.keys)

    def has_lost_keys(self) -> bool:
        """Whether its revisions no longer name a key that it had: a newer mapping took it away."""
        return self.known is not None and not set(self.known.keys) <= set(self.keys)

    def has_other_keys(self) -> bool:
        """Whether its keys are not what the store has."""
        return self.has_new_keys() or self.has_lost_keys()

    def own_time(self) -> int:
        """When the lead asked, by its own words, else when it came; epoch seconds."""
        submitted = self.folded()[0].get("submitted_at")
        if submitted:
            return int(datetime.fromisoformat(submitted).timestamp())
        received = self.known.received_at if self.known else self.came[0].work.received_at
        return math.floor(received.timestamp())

    def folded(self) -> tuple[Mapping[str, Any], bytes, bytes]:
        """The lead as all its revisions make it: document, canonical bytes, content hash."""
        if self._folded is None:
            self._folded = self._fold()
        return self._folded

    def _fold(self) -> tuple[Mapping[str, Any], bytes, bytes]:
        if len(self.revisions) == 1 and self.came:
            only = self.came[0]
            return only.mapped.doc, only.plain, only.hash
        doc = fold(known.revision for known in self.revisions)
        plain = canonical_bytes(doc)
        return doc, plain, hash_of(plain)

    def records(self) -> list[UUID]:
        """The records of its revisions, oldest first."""
        if len(self.revisions) == 1:
            return [self.revisions[0].record_id]
        return sorted({known.record_id for known in self.revisions})

    def first_record(self) -> UUID:
        """The record its touchpoints hang on: the first that came, while it is one of the lead's."""
        if self.known is None:
            return self.came[0].work.record_id
        records = self.records()
        first = self.known.first_record_id
        return first if first in records else records[0]


def lead_row(
    state: LeadState,
    folded: tuple[Mapping[str, Any], bytes, bytes],
    contact: UUID,
    now: datetime,
    keyring: KeyRing,
) -> tuple[Any, ...]:
    """A row as hub.crm.leads writes it."""
    doc, plain, fresh = folded
    known = state.known
    came = state.came[0].work if state.came else None
    submitted = doc.get("submitted_at")
    return (
        state.id,
        came.merchant if came else "",
        came.source_key if came else "",
        state.came[0].mapped.key_entity if state.came else "",
        contact,
        state.first_record(),
        datetime.fromisoformat(submitted) if submitted else None,
        known.received_at if known else state.came[0].work.received_at,
        now,
        state.newest.made_by if state.newest else "",
        doc.get("intent"),
        doc.get("product_interest"),
        None,  # ext: sealed with the rest until the row is told which of its fields name nobody
        doc.get("marks"),
        sorted(state.keys),
        state.records(),
        fresh,
        keyring.seal(plain, state.id.bytes),
        *map(doc.get, TEXT_COLUMNS),
    )


def touchpoint_rows(
    state: LeadState, row: tuple[Any, ...], doc: Mapping[str, Any], merchant: str, keyring: KeyRing
) -> Iterator[TouchpointRow]:
    """The touchpoints of a lead; `row` is its lead row."""
    first, submitted, received = row[5], row[6], row[7]
    ordinal = min((r.ordinal for r in state.revisions if r.record_id == first), default=0)
    for slot, point in enumerate(_points(doc)):
        occurred = _occurred(point, doc, submitted or received)
        private = {name: point[name] for name in _PRIVATE if name in point}
        aad = first.bytes + bytes((slot & 0xFF,)) + state.id.bytes
        yield TouchpointRow(
            first, ordinal, slot, merchant, state.id, point.get("kind", "lead"), occurred,
            point.get("campaign_id"), point.get("utm_source"), point.get("utm_medium"),
            point.get("utm_campaign"),
            keyring.seal(canonical_bytes(private), aad) if private else None,
        )  # fmt: skip


def touchpoints_of(doc: Mapping[str, Any], received: datetime) -> Iterator[tuple[str, datetime]]:
    """Kind and instant of each touchpoint that a lead gets; `received` if its document has no time."""
    submitted = doc.get("submitted_at")
    otherwise = datetime.fromisoformat(submitted) if submitted else received
    for point in _points(doc):
        yield point.get("kind", "lead"), _occurred(point, doc, otherwise)


def _points(doc: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """A document's touchpoints; a lead without any is one of its own."""
    return doc.get("touchpoints") or [{name: doc[name] for name in _TOUCH if name in doc}]


def _occurred(point: Mapping[str, Any], doc: Mapping[str, Any], otherwise: datetime) -> datetime:
    at = point.get("occurred_at")
    if at and at != doc.get("submitted_at"):
        return datetime.fromisoformat(at)
    return otherwise


def revision_aad(record: UUID, ordinal: int) -> bytes:
    """What a sealed revision is tied to."""
    return record.bytes + bytes((ordinal & 0xFF,))
