"""Which contact a merchant's leads belong to, in the store. Runs under the merchant's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from hub.crm import clusters as store
from hub.crm import contacts, decisions
from hub.crm.clusters import ClusterLead
from hub.identity.edges import Node, clusters
from hub.identity.resolve import Claimant, KeySpan, Member, place, resolve

NewId = Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Lead → contact, and the root contacts of clusters that must be made anew once the leads are written."""

    contact_of: Mapping[UUID, UUID] = field(default_factory=dict)
    anew: frozenset[UUID] = frozenset()


def resolve_claimants(
    conn: psycopg.Connection[Any],
    merchant: str,
    claimants: Sequence[Claimant],
    now: datetime,
    new_id: NewId,
) -> Resolved:
    """Place leads that are new or name new keys; merges, spans and shared keys are written.

    `claimants` name the contact that a known lead was given; it may have become another one since.
    """
    homes = contacts.roots(conn, [one.contact for one in claimants if one.contact])
    pins = decisions.pins_of(conn, [one.lead_id for one in claimants])
    for one in claimants:
        one.contact = homes[one.contact] if one.contact else None
        if one.lead_id in pins:
            one.keys = [*one.keys, *pins[one.lead_id]]
    named = list({key for one in claimants for key in one.keys})
    known = contacts.known_spans(conn, merchant, named)
    stopped = contacts.stopped_keys(conn, merchant, named)
    result = resolve(claimants, known, stopped, new_id)
    contacts.add_contacts(conn, merchant, result.new_contacts, now)
    contacts.merge(conn, result.merges)
    contacts.write_spans(conn, merchant, result.spans, result.gone)
    anew = (*result.newly_shared, *result.newly_parted)
    return Resolved(result.contact_of, frozenset(span.contact for span in anew))


def make_anew(
    conn: psycopg.Connection[Any],
    merchant: str,
    roots: Iterable[UUID],
    now: datetime,
    new_id: NewId,
) -> dict[UUID, UUID]:
    """Resolve whole clusters from nothing but their leads' keys, pins and times; lead → root contact.

    Needed where something was taken away: a key that is several persons', a decision, a phone that a newer
    mapping no longer finds. Keys that still join somebody outside were joined before, so what is read here
    is all there is.
    """
    wanted = sorted(set(roots))
    leads = store.cluster_leads(conn, wanted)
    if not leads:
        return {}
    pins = decisions.pins_of(conn, [lead.id for lead in leads])
    named = {lead.id: [*lead.keys, *pins.get(lead.id, ())] for lead in leads}
    spans = contacts.known_spans(
        conn, merchant, list({key for keys in named.values() for key in keys})
    )
    stopped = contacts.stopped_keys(conn, merchant, list({span.key for span in spans}))
    parts = clusters(_nodes(conn, leads, spans), stopped)
    placed = place([Member(lead.id, lead.contact_id) for lead in leads], parts, new_id)
    contacts.add_contacts(conn, merchant, placed.new_contacts, now)
    became = dict(placed.became)
    first = placed.root_of[leads[0].id]
    for contact in store.cluster_contacts(conn, wanted):
        became.setdefault(contact, first)  # a contact without leads goes with the oldest lead's
    store.move_leads(conn, placed.moved, now)
    store.set_roots(conn, became)
    store.point_spans(conn, merchant, _pointed(leads, named, spans, placed.root_of))
    return dict(placed.root_of)


def nodes_of(
    conn: psycopg.Connection[Any], merchant: str, leads: Sequence[ClusterLead]
) -> list[Node]:
    """Leads as identity sees them: without keys that turned out to be several persons', with their pins."""
    keys = list({key for lead in leads for key in lead.keys})
    return _nodes(conn, leads, contacts.known_spans(conn, merchant, keys))


def _nodes(
    conn: psycopg.Connection[Any], leads: Sequence[ClusterLead], spans: Sequence[KeySpan]
) -> list[Node]:
    """Leads as identity sees them, without keys whose span joins nobody, with their pins."""
    pins = decisions.pins_of(conn, [lead.id for lead in leads])
    shared = [span for span in spans if span.is_shared]
    return [
        Node(
            lead.id,
            [key for key in lead.keys if not _is_in(key, lead.at, shared)] + pins.get(lead.id, []),
            lead.at,
        )
        for lead in leads
    ]


def _is_in(key: bytes, at: int, spans: Iterable[KeySpan]) -> bool:
    return any(span.key == key and span.first <= at <= span.last for span in spans)


def _pointed(
    leads: Sequence[ClusterLead],
    named: Mapping[UUID, Sequence[bytes]],
    spans: Sequence[KeySpan],
    root_of: Mapping[UUID, UUID],
) -> list[tuple[bytes, int, UUID]]:
    """Where each span of these leads' keys (`named`, pins included) leads to now."""
    held: dict[bytes, list[ClusterLead]] = {}
    for lead in leads:
        for key in named[lead.id]:
            held.setdefault(key, []).append(lead)
    pointed = []
    for span in spans:
        holder = next(
            (lead for lead in held[span.key] if span.first <= lead.at <= span.last), None
        )
        if holder is not None and not span.is_shared:
            pointed.append((span.key, span.number, root_of[holder.id]))
    return pointed
