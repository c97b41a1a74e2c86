"""Erase a person (PIPL): contact, leads, records, what waits, what was refused, their own in the books; then a receipt
and tombstones.

Everything happens in one transaction under the merchant's lock. A dry run is the same transaction, rolled back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from hub.crm import clusters, companies, contacts, decisions, erasure, reading
from hub.crm.leads import lock_merchants, revisions_of_records
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.identity.rules import RULES
from hub.inbox import erasure as inbox
from hub.mapping.transforms.people import id_number_cn
from hub.mapping.transforms.phones import phone_cn
from hub.model.ids import uuid7
from hub.model.lead import IdentityKey, KeyKind
from hub.ops.audit import forget_targets, write_audit
from hub.privacy.keyring import KeyRing
from hub.privacy.sensitive import Sensitive
from hub.settings import HubSettings
from hub.steps.erasure import log as erasure_log
from hub.steps.erasure.documents import DocumentErasure
from hub.steps.erasure.log import LoggedErasure
from hub.steps.erasure.redact_document import stand_in_of
from hub.steps.erasure.respan import respan
from hub.steps.erasure.scan import Person, Scanner
from hub.steps.erasure.tombstones import is_past, lead_digest
from hub.steps.identity.companies import CompanyDesk, unlink_leads
from hub.steps.identity.resolve_contacts import make_anew
from hub.steps.lookup import NotFoundError


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is to be erased: one of the three."""

    phone: Sensitive[str] | None = None
    id_number: Sensitive[str] | None = None
    contact: UUID | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """An erasure as it was asked for. `reason` must not name the person: it is kept."""

    merchant: str
    by: str
    reason: str
    at: datetime
    receipt: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure took out, or would take out; nothing in it names anybody."""

    receipt: UUID
    merchant: str
    erased_at: datetime
    by: str
    reason: str
    counts: Mapping[str, int]
    dry_run: bool


class _RollBackError(Exception):
    """A dry run is over."""


def erase(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    subject: Subject,
    request: Request,
    *,
    dry_run: bool,
) -> Receipt:
    """Erase one person of one merchant.

    A number that several contacts share erases nobody: they are named by `--contact`.

    Raises:
        ConfigError: the number is none, or is shared; or the erasure log cannot be written.
        NotFoundError: no such contact at this merchant.
    """
    counts: dict[str, int] = {}
    try:
        with store_errors(), engine.begin() as conn:
            work = _Erasure(conn, keyring, settings, request)
            counts = work.subject(subject)
            if dry_run:
                raise _RollBackError
            work.log()
    except _RollBackError:
        pass
    return Receipt(
        request.receipt, request.merchant, request.at, request.by, request.reason, counts, dry_run
    )


def apply_missing(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    entries: Sequence[LoggedErasure] | None = None,
) -> list[Receipt]:
    """Erase again what the erasure log names and the database lacks: it was restored from an older backup.

    Does nothing where nothing lacks, so every start may call it.
    """
    logged = erasure_log.read() if entries is None else entries
    done = []
    for entry in erasure_log.missing(engine, logged):
        request = Request(entry.merchant, entry.by, entry.reason, entry.erased_at, entry.receipt)
        keys = {bytes.fromhex(text): index_key for text, index_key in entry.keys.items()}
        with store_errors(), engine.begin() as conn:
            counts = _Erasure(conn, keyring, settings, request).logged(keys)
        done.append(
            Receipt(
                entry.receipt,
                entry.merchant,
                entry.erased_at,
                entry.by,
                entry.reason,
                counts,
                False,
            )
        )
    return done


def list_receipts(
    engine: sa.Engine, *, merchant: str | None = None, limit: int = 50
) -> list[Receipt]:
    """The newest receipts first."""
    with store_errors(), engine.begin() as conn:
        rows = erasure.list_erasures(conn, merchant, limit)
    return [
        Receipt(r["id"], r["merchant"], r["erased_at"], r["requested_by"], r["reason"], r["counts"], False)
        for r in rows
    ]  # fmt: skip


class _Erasure:
    """One erasure in an open transaction, under the merchant's lock."""

    def __init__(
        self, conn: sa.Connection, keyring: KeyRing, settings: HubSettings, request: Request
    ) -> None:
        self._conn, self._raw = conn, driver(conn)
        self._keyring, self._settings, self._request = keyring, settings, request
        self._merchant = request.merchant
        self._tombstones: dict[bytes, int] = {}
        lock_merchants(self._raw, [request.merchant])

    def subject(self, subject: Subject) -> dict[str, int]:
        """Erase whom a person named; counts by kind."""
        keys = self._named(subject)
        if subject.contact is not None:
            roots = [self._root(subject.contact)]
        else:
            roots = self._holders([blind for key in keys for blind in self._blinds(key)])
        leads = {lead.id for lead in clusters.cluster_leads(self._raw, roots)}
        named = {blind: n for key in keys for n, blind in self._by_index(key)}
        return self._erase(self._closed(leads), named, {key.value for key in keys}, roots)

    def logged(self, keys: Mapping[bytes, int]) -> dict[str, int]:
        """Erase what a log entry names, as far as it happened before; counts by kind."""
        blinds = [key for key in keys if key[0] != erasure.LEAD]
        digests = {key for key in keys if key[0] == erasure.LEAD}
        leads = {one.id for one in clusters.leads_with_keys(self._raw, self._merchant, blinds)} | {
            one
            for one in erasure.lead_ids(self._raw, self._merchant)
            if lead_digest(self._keyring, self._merchant, one) in digests
        }
        times = erasure.lead_times(self._raw, sorted(leads))
        at = self._request.at
        past = {one for one in leads if is_past(*times[one], at, same_lead=True)}
        return self._erase(self._closed(past), dict(keys), set(), [])

    def log(self) -> None:
        """Write the erasure to the log outside the database; to be done last, before the commit."""
        r = self._request
        keys = {key.hex(): index_key for key, index_key in sorted(self._tombstones.items())}
        erasure_log.append(LoggedErasure(r.receipt, r.merchant, r.at, r.by, r.reason, keys))

    # ---- whom

    def _named(self, subject: Subject) -> list[IdentityKey]:
        keys = []
        if subject.phone is not None:
            keys.append(IdentityKey(KeyKind.MOBILE, mobile_of(subject.phone)))
        if subject.id_number is not None:
            keys.append(IdentityKey(KeyKind.ID_NUMBER, id_number_of(subject.id_number)))
        if len(keys) + (subject.contact is not None) != 1:
            raise ConfigError("name one: --phone, --id-number or --contact")
        return keys

    def _by_index(self, key: IdentityKey) -> list[tuple[int, bytes]]:
        ring = self._keyring
        return [(n, ring.blind_under(n, self._merchant, key)) for n in sorted(ring.index)]

    def _blinds(self, key: IdentityKey) -> list[bytes]:
        return [blind for _, blind in self._by_index(key)]

    def _root(self, contact: UUID) -> UUID:
        if reading.merchant_of_contact(self._conn, contact) != self._merchant:
            raise NotFoundError(f"no contact {contact} at merchant {self._merchant}")
        return contacts.roots(self._raw, [contact])[contact]

    def _holders(self, blinds: Sequence[bytes]) -> list[UUID]:
        """The root contacts that have a key, each in its time.

        Raises:
            ConfigError: it is several persons' at one time: nobody can say who is meant.
        """
        spans = contacts.known_spans(self._raw, self._merchant, blinds)
        stopped = contacts.stopped_keys(self._raw, self._merchant, blinds)
        holding = clusters.leads_with_keys(self._raw, self._merchant, blinds)
        given = contacts.roots(self._raw, sorted({lead.contact_id for lead in holding}))
        if (stopped or any(span.is_shared for span in spans)) and len(set(given.values())) > 1:
            raise ConfigError(
                f"{len(set(given.values()))} contacts share this: erase the one that is meant by --contact"
            )
        return sorted(set(given.values()))

    def _closed(self, leads: set[UUID]) -> set[UUID]:
        """These leads, and every other lead that one of their records gave: a body goes whole."""
        found = set(leads)
        while True:
            records = erasure.records_of_leads(self._raw, sorted(found))
            wider = found | erasure.leads_of_records(self._raw, sorted(records))
            if wider == found:
                return found
            found = wider

    # ---- the erasing

    def _erase(
        self, leads: set[UUID], named: Mapping[bytes, int], texts: set[str], roots: Iterable[UUID]
    ) -> dict[str, int]:
        raw, merchant, now = self._raw, self._merchant, self._request.at
        given = contacts.roots(raw, clusters.contacts_of(raw, sorted(leads)))
        held = [
            one
            for one in clusters.cluster_leads(raw, sorted(set(given.values())))
            if one.id in leads
        ]
        # A name joins nobody: buried, it would keep every namesake's past away.
        keys = {key for lead in held for key in lead.keys if RULES.joins(key)} | {
            key for key in named if key[0] != erasure.LEAD
        }
        left = [
            lead
            for lead in clusters.leads_with_keys(raw, merchant, sorted(keys))
            if lead.id not in leads
        ]
        others = {key for lead in left for key in lead.keys} & keys
        self._bury(keys - others, leads, named)
        records = erasure.records_of_leads(raw, sorted(leads))
        stood = {
            r.record_id: r.outcome
            for r in revisions_of_records(raw, sorted(records))
            if r.ordinal == 0
        }
        person = Person.of(self._keyring, merchant, set(self._tombstones), texts)
        person.learn(erasure.sealed_leads(raw, sorted(leads)))
        scanner = Scanner(self._conn, self._keyring, self._settings, person, now)
        found = scanner.records()
        stated = companies.links_of(raw, sorted(leads))
        desk = CompanyDesk(merchant, self._keyring, self._request.at, uuid7)
        unlink_leads(raw, desk, sorted(stated))  # a company's name goes with the last who said it
        counts = Counter(erasure.remove_leads(raw, sorted(leads), sorted(records)))
        counts["company_links"] += len(stated)
        counts.update(
            inbox.erase_records(
                raw, dict.fromkeys([*found, *records], "") | stood, now, by=self._request.by
            )
        )
        counts["rejected"] = inbox.forget_rejected(raw, scanner.rejected())
        counts["spans"] = erasure.remove_keys(raw, merchant, sorted(keys - others))
        counts["stopped_keys"] = erasure.remove_stops(raw, merchant, sorted(keys - others))
        touched = {lead.contact_id for lead in held} | set(roots)
        counts["contacts"] = self._tidy(touched, others, left, counts)
        counts.update(self._books(person))
        counts["audit_lines"] = forget_targets(self._conn, [*map(str, leads), *map(str, touched)])
        counts["left_whole"] = scanner.left_whole
        counts["unsplit_deliveries"] = inbox.count_unsplit(raw, merchant)
        return self._receipt(counts)

    def _bury(
        self, keys: Iterable[bytes], leads: Iterable[UUID], named: Mapping[bytes, int]
    ) -> None:
        """Tombstones: keys that nobody else has, and every lead by the digest of its id."""
        ring, merchant = self._keyring, self._merchant
        index_ids = {n & 1: n for n in sorted(ring.index)}
        for key in keys:
            parity = 0 if key[0] & 0x40 else 1
            self._tombstones[key] = named.get(key) or index_ids.get(parity, ring.index_active)
        self._tombstones |= {key: n for key, n in named.items() if key[0] == erasure.LEAD}
        self._tombstones |= {lead_digest(ring, merchant, lead): 0 for lead in leads}
        erasure.add_tombstones(
            self._raw, merchant, self._tombstones, self._request.at, self._request.receipt
        )

    def _books(self, person: Person) -> dict[str, int]:
        """Out of the business documents, which stay; those that were theirs are buried by the digests of their ids."""
        stand_in = stand_in_of(self._request.receipt)
        done = DocumentErasure(self._raw, self._keyring, person, self._request.at, stand_in).run()
        digests = {lead_digest(self._keyring, self._merchant, one): 0 for one in done.theirs}
        self._tombstones |= digests
        erasure.add_tombstones(
            self._raw, self._merchant, digests, self._request.at, self._request.receipt
        )
        return done.counts()

    def _tidy(
        self,
        touched: Iterable[UUID],
        keys: set[bytes],
        left: Sequence[clusters.ClusterLead],
        counts: Counter[str],
    ) -> int:
        """Contacts without a lead go; who shared a key with the erased is resolved anew. Contacts that went."""
        raw, merchant = self._raw, self._merchant
        roots = set(contacts.roots(raw, sorted(touched)).values())
        living = {root for root in roots if clusters.cluster_leads(raw, [root])}
        empty = [
            one for r in sorted(roots - living) for one in clusters.cluster_contacts(raw, [r])
        ]
        counts["spans"] += respan(raw, merchant, keys)
        gone, spans = erasure.remove_contacts(raw, merchant, empty)
        counts["spans"] += spans
        living |= set(contacts.roots(raw, sorted({lead.contact_id for lead in left})).values())
        if living:
            make_anew(raw, merchant, sorted(living), self._request.at, uuid7)
        return gone

    def _receipt(self, counts: Mapping[str, int]) -> dict[str, int]:
        r = self._request
        kept = {name: counts[name] for name in sorted(counts)}
        decisions.add_decision(
            self._raw, r.merchant, "erase", {"receipt": str(r.receipt)}, by=r.by, reason=r.reason
        )
        write_audit(
            self._conn, who=r.by, action="erase", target=str(r.receipt), merchant=r.merchant
        )
        erasure.add_erasure(
            self._raw, r.receipt, merchant=r.merchant, erased_at=r.at, by=r.by, reason=r.reason,
            counts=kept,
        )  # fmt: skip
        return kept


def mobile_of(phone: Sensitive[str]) -> str:
    """The mobile as leads have it.

    Raises:
        ConfigError: it is no mainland mobile; the text does not repeat it.
    """
    try:
        found = phone_cn()(phone.reveal())
    except ValueError:
        found = None
    mobile = found.get("mobile_e164") if isinstance(found, dict) else None
    if not isinstance(mobile, str):
        raise ConfigError("that is no mainland mobile number; other people are found by --contact")
    return mobile


def id_number_of(number: Sensitive[str]) -> str:
    """The resident ID as leads have it.

    Raises:
        ConfigError: its checksum is wrong; the text does not repeat it.
    """
    try:
        found = id_number_cn()(number.reveal())
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise ConfigError("that is no resident ID number")
    return found
