"""Which company a lead's statement belongs to, in the store. Runs under the merchant's lock, with the loader.

The same functions as for contacts join statements, under `COMPANY_RULES`. A statement that only adds keys costs
a few look-ups; one that takes keys away has its companies made anew from all statements that hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from hub.crm import companies as store
from hub.crm.companies import Link, Statement
from hub.identity.companies import COMPANY_RULES, company_keys, domain_key
from hub.identity.edges import Node, clusters
from hub.identity.resolve import Claimant, KeySpan, Member, place, resolve
from hub.identity.rules import kind_of
from hub.mapping.fold import canonical_bytes
from hub.model.lead import CompanyKeyKind
from hub.privacy.keyring import KeyRing

NewId = Callable[[], UUID]
_STATING = ("company", "company_credit_code", "company_tax_number", "email")


@dataclass(frozen=True, slots=True)
class Said:
    """A lead that changed: its document, None if the lead is gone. `is_known`: it was in the store before."""

    lead: UUID
    doc: Mapping[str, Any] | None
    is_known: bool


@dataclass(frozen=True, slots=True)
class CompanyDesk:
    """What linking needs besides the connection: whose companies, keys to blind with, the time, new ids."""

    merchant: str
    keyring: KeyRing
    now: datetime
    new_id: NewId

    def keys(self, doc: Mapping[str, Any]) -> list[bytes]:
        """The blind keys of the company that a document states."""
        return sorted({self.keyring.blind(self.merchant, key) for key in company_keys(doc)})

    def domain(self, doc: Mapping[str, Any]) -> bytes | None:
        """The blind key of a work e-mail's domain."""
        key = domain_key(doc)
        return self.keyring.blind(self.merchant, key) if key else None


def link_companies(conn: psycopg.Connection[Any], desk: CompanyDesk, said: Iterable[Said]) -> None:
    """Link leads to the companies that they state; leads that state none, and did not, cost nothing here."""
    speaking, known = [], []
    for one in said:
        doc = one.doc or {}
        if any(name in doc for name in _STATING):
            speaking.append(one)
        if one.is_known:
            known.append(one.lead)
    before = store.links_of(conn, known) if known else {}
    links = [link for one in speaking if (link := _link(desk, one)) is not None]
    if not links and not before:
        return
    _forget(conn, desk, before, {link.lead_id: link for link in links})
    _place(conn, desk, links, before)


def unlink_leads(conn: psycopg.Connection[Any], desk: CompanyDesk, leads: Sequence[UUID]) -> None:
    """Forget what these leads said of companies; keys that nobody else states are gone."""
    link_companies(conn, desk, [Said(lead, None, True) for lead in leads])


def ensure_company(
    conn: psycopg.Connection[Any], desk: CompanyDesk, party_id: UUID, doc: Mapping[str, Any]
) -> UUID | None:
    """The company that a document other than a lead speaks of, made if there is none.

    Args:
        party_id: The document's own id (a contract's party); saying something else later replaces it.
        doc: `company`, `company_credit_code`, `company_tax_number`, as in a canonical lead.

    Returns:
        None if it names no company that can be told from others (no key, or only a name of two companies).
    """
    keys = desk.keys(doc)
    was = store.party(conn, party_id)
    if was is not None and not set(was.keys) <= set(keys):
        store.remove_party(conn, party_id)
        make_anew(conn, desk, [was.company_id] if was.company_id else [], was.keys)
        was = None
    kept = {name: doc[name] for name in _STATING[:-1] if name in doc}
    sealed = desk.keyring.seal(canonical_bytes(kept), party_id.bytes)
    found = _resolve(
        conn, desk, [Statement(party_id, False, was.company_id if was else None, keys)]
    )
    company, evidence = found.placed.get(party_id, (None, None))
    store.write_party(
        conn, desk.merchant, Statement(party_id, False, company, keys), evidence or "", sealed
    )
    make_anew(conn, desk, found.anew, [])
    now = store.party(conn, party_id)
    if now is None or now.company_id is None:
        return None
    return store.roots(conn, [now.company_id])[now.company_id]


def make_anew(
    conn: psycopg.Connection[Any],
    desk: CompanyDesk,
    companies: Iterable[UUID],
    keys: Sequence[bytes],
) -> None:
    """Make whole companies anew from nothing but their statements.

    Args:
        companies: The companies concerned; merged ones count as what they became.
        keys: Keys that a statement lost: whether they are two companies' is judged anew, too.
    """
    holding = store.holders(conn, desk.merchant, keys) if keys else []
    concerned = {*companies, *(one.company_id for one in holding if one.company_id)}
    wanted = sorted(set(store.roots(conn, sorted(concerned)).values()))
    found = {one.id: one for one in [*store.members(conn, wanted), *holding]}
    statements = sorted(found.values(), key=lambda one: one.id)
    spans = _judged(conn, desk.merchant, statements, keys)
    shared = {span.key for span in spans.values() if span.is_shared}
    joining = {one.id: [key for key in one.keys if key not in shared] for one in statements}
    parts = clusters([Node(i, k, 0) for i, k in joining.items() if k], rules=COMPANY_RULES)
    root_of = _replace(conn, desk, wanted, [found[i] for i in parts], parts)
    store.place_statements(
        conn, [(one, root_of.get(one.id), _evidence(joining[one.id])) for one in statements]
    )
    _point(conn, desk.merchant, statements, spans, root_of)


def _link(desk: CompanyDesk, said: Said) -> Link | None:
    doc = said.doc or {}
    keys, domain = desk.keys(doc), desk.domain(doc)
    return Link(said.lead, None, None, keys, domain) if keys or domain else None


def _forget(
    conn: psycopg.Connection[Any],
    desk: CompanyDesk,
    before: dict[UUID, Link],
    links: Mapping[UUID, Link],
) -> None:
    """Leads that say something else than before, with a key less, are taken out first."""
    lost = [
        old
        for lead, old in before.items()
        if lead not in links or not set(old.keys) <= set(links[lead].keys)
    ]
    store.remove_links(conn, [old.lead_id for old in lost])
    keys = sorted({key for old in lost for key in old.keys})
    if keys:
        make_anew(conn, desk, {old.company_id for old in lost if old.company_id}, keys)
    for old in lost:
        del before[old.lead_id]


def _place(
    conn: psycopg.Connection[Any],
    desk: CompanyDesk,
    links: Sequence[Link],
    before: Mapping[UUID, Link],
) -> None:
    changed = [link for link in links if not _is_same(link, before.get(link.lead_id))]
    asking = [
        Statement(link.lead_id, True, before[link.lead_id].company_id, link.keys)
        if link.lead_id in before
        else Statement(link.lead_id, True, None, link.keys)
        for link in changed
    ]
    found = _resolve(conn, desk, asking)
    written = []
    for one in changed:
        company, evidence = found.placed.get(one.lead_id, (None, None))
        written.append(Link(one.lead_id, company, evidence, one.keys, one.domain))
    store.write_links(conn, desk.merchant, written)
    if found.anew:
        make_anew(conn, desk, found.anew, [])


def _is_same(link: Link, old: Link | None) -> bool:
    return old is not None and (old.keys, old.domain) == (link.keys, link.domain)


@dataclass(frozen=True, slots=True)
class _Found:
    """Statement → company and evidence; companies that must be made anew once the statements are written."""

    placed: Mapping[UUID, tuple[UUID, str | None]]
    anew: frozenset[UUID]


def _resolve(
    conn: psycopg.Connection[Any], desk: CompanyDesk, asking: Sequence[Statement]
) -> _Found:
    """Place statements that are new or name new keys; merges, keys and companies are written."""
    spans = store.known_keys(conn, desk.merchant, sorted({k for one in asking for k in one.keys}))
    shared = {span.key for span in spans if span.is_shared}
    homes = store.roots(conn, sorted({one.company_id for one in asking if one.company_id}))
    claimants = [
        Claimant(one.id, one.keys, 0, homes[one.company_id] if one.company_id else None)
        for one in sorted(asking, key=lambda one: one.id)
        if not set(one.keys) <= shared
    ]
    result = resolve(claimants, spans, frozenset(), desk.new_id, COMPANY_RULES)
    shared |= {span.key for span in result.newly_shared}
    placed = {
        one.lead_id: (
            result.contact_of[one.lead_id],
            _evidence([key for key in one.keys if key not in shared]),
        )
        for one in claimants
        if not set(one.keys) <= shared  # a key of theirs may have become two companies' just now
    }
    used = {company for company, _ in placed.values()} | {span.contact for span in result.spans}
    made = [one for one in result.new_contacts if one in used or one in result.merges]
    store.add_companies(conn, desk.merchant, made, desk.now)
    store.merge(conn, result.merges)
    store.write_keys(conn, desk.merchant, result.spans)
    return _Found(placed, frozenset(span.contact for span in result.newly_shared))


def _judged(
    conn: psycopg.Connection[Any],
    merchant: str,
    statements: Sequence[Statement],
    judged: Sequence[bytes],
) -> dict[bytes, KeySpan]:
    """The keys of statements as the store has them; those of `judged` as all their holders make them."""
    keys = sorted({*judged, *(key for one in statements for key in one.keys)})
    spans = {span.key: span for span in store.known_keys(conn, merchant, keys)}
    for key in judged:
        if key in spans:
            spans[key].beside = frozenset(
                code for one in statements if key in one.keys for code in _codes(one.keys)
            )
            is_weak = COMPANY_RULES.is_weak(key)
            spans[key].is_shared = is_weak and COMPANY_RULES.is_shared(spans[key].beside)
            spans[key].beside = spans[key].beside if is_weak else frozenset()
    return spans


def _codes(keys: Iterable[bytes]) -> Iterator[bytes]:
    return (key for key in keys if COMPANY_RULES.judges(key))


def _replace(
    conn: psycopg.Connection[Any],
    desk: CompanyDesk,
    wanted: Sequence[UUID],
    statements: Sequence[Statement],
    parts: Mapping[UUID, UUID],
) -> Mapping[UUID, UUID]:
    """Companies for the parts that statements fall into, old ids kept where they can; statement → root."""
    fresh: dict[UUID, UUID] = {}
    for one in statements:
        if one.company_id is None and parts[one.id] not in fresh:
            fresh[parts[one.id]] = desk.new_id()
    store.add_companies(conn, desk.merchant, sorted(fresh.values()), desk.now)
    members = [Member(one.id, one.company_id or fresh[parts[one.id]]) for one in statements]
    placed = place(members, parts, desk.new_id)
    store.add_companies(conn, desk.merchant, placed.new_contacts, desk.now)
    became = dict(placed.became)
    if statements:
        first = placed.root_of[min(parts)]
        for company in store.became_root(conn, wanted):
            became.setdefault(company, first)  # one without statements goes with the first's
    store.merge(conn, became)
    return placed.root_of


def _point(
    conn: psycopg.Connection[Any],
    merchant: str,
    statements: Sequence[Statement],
    spans: Mapping[bytes, KeySpan],
    root_of: Mapping[UUID, UUID],
) -> None:
    """Where each key leads to now; a key that nobody states any more is forgotten."""
    held = {key: one.id for one in reversed(statements) for key in one.keys}
    for key, span in spans.items():
        if key in held and not span.is_shared:
            span.contact = root_of[held[key]]
    store.remove_keys(conn, merchant, sorted(key for key in spans if key not in held))
    store.write_keys(conn, merchant, [span for key, span in spans.items() if key in held])


def _evidence(keys: Iterable[bytes]) -> str | None:
    """The strongest kind of key that leads to a company."""
    kinds = [kind_of(key) for key in keys]
    return CompanyKeyKind(min(kinds)).name.lower() if kinds else None
