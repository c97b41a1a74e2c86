"""What people decide about contacts: why two leads are one person, splits, and taking a split back.

A decision is one row of a log that only grows; what follows from it (pins, stopped keys) is written beside
it, so that later batches, replays and a rebuild of the whole store respect it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from hub.crm import clusters, contacts, decisions, reading
from hub.crm.clusters import ClusterLead
from hub.crm.leads import lock_merchants
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.identity import edges
from hub.identity.edges import Node
from hub.identity.resolve import KeySpan
from hub.identity.rules import PIN, RULES, kind_of
from hub.model.lead import KeyKind
from hub.ops.audit import write_audit
from hub.steps.identity.resolve_contacts import make_anew, nodes_of
from hub.steps.lookup import NotFoundError

NewId = Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One step of a path: two leads that share a key of that kind."""

    lead: UUID
    kind: str
    other: UUID


@dataclass(frozen=True, slots=True)
class Split:
    """What a split would do, or did: the sides, the kinds of key that joined them, contacts afterwards."""

    merchant: str
    side: tuple[UUID, ...]
    rest: tuple[UUID, ...]
    stopped: tuple[str, ...]
    contacts: tuple[UUID, ...] = ()
    decision: int | None = None


def why(engine: sa.Engine, one: UUID, other: UUID) -> list[Evidence] | None:
    """The shortest chain of shared keys between two contacts or leads, [] if they are the same lead or were
    given one contact at once; None if they are not one person.

    Raises:
        NotFoundError: there is no such contact or lead.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        (root, merchant), (other_root, _) = _root_of(conn, one), _root_of(conn, other)
        if root != other_root:
            return None
        leads = clusters.cluster_leads(raw, [root])
        nodes = nodes_of(raw, merchant, leads)
        stopped = contacts.stopped_keys(raw, merchant, _keys(leads))
        found = edges.path(nodes, _held(leads, one), _held(leads, other), stopped)
    if found is None:
        return None
    return [Evidence(step.lead, _kind(step.key), step.other) for step in found]


def split(  # noqa: PLR0913 -- the store, what to split, who says so and how ids are made
    engine: sa.Engine,
    contact: UUID,
    side: Sequence[UUID],
    *,
    by: str,
    reason: str,
    now: datetime,
    new_id: NewId,
    dry_run: bool = False,
) -> Split:
    """Part the leads `side` from the other leads of a contact, for good.

    The keys that both sides have join nobody from now on, every lead is pinned to its side, and the same
    evidence does not merge them again. With `dry_run` nothing is written.

    Raises:
        NotFoundError: no such contact.
        ConfigError: a lead is not the contact's, or a side would be empty.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        _, merchant = _root_of(conn, contact)
        lock_merchants(raw, [merchant])
        root, _ = _root_of(conn, contact)  # as it is under the lock
        leads = clusters.cluster_leads(raw, [root])
        ours, theirs = _sides(leads, side)
        joining = _shared_keys(ours) & _shared_keys(theirs)
        planned = Split(
            merchant,
            tuple(lead.id for lead in ours),
            tuple(lead.id for lead in theirs),
            tuple(sorted(_kind(key) for key in joining)),
        )
        if dry_run:
            return planned
        body = {
            "sides": [[str(one) for one in part] for part in (planned.side, planned.rest)],
            "stopped": sorted(key.hex() for key in joining),
        }
        number = decisions.add_decision(raw, merchant, "split", body, by=by, reason=reason)
        decisions.stop(raw, merchant, sorted(joining), number)
        for place, part in enumerate((ours, theirs)):
            _pin(raw, merchant, part, _pin_key(merchant, number, place), root, number)
        # A stopped key joins nobody at all: also not those whom it had joined at another time.
        spans = contacts.known_spans(raw, merchant, sorted(joining))
        roots = {root, *(span.contact for span in spans)}
        root_of = make_anew(raw, merchant, roots, now, new_id)
        write_audit(conn, who=by, action="split contact", target=str(root), merchant=merchant)
    sides = {root_of[lead.id] for lead in leads}
    after = tuple(sorted(sides))
    return Split(
        merchant, planned.side, planned.rest, planned.stopped, contacts=after, decision=number
    )


def undo(
    engine: sa.Engine, number: int, *, by: str, reason: str, now: datetime, new_id: NewId
) -> tuple[UUID, ...]:
    """Take a split back: its pins and stopped keys go, and who shares the keys is one person again.

    The decision stays in the log, and so does that it was taken back. Returns the contacts concerned.

    Raises:
        NotFoundError: there is no such split, or it was taken back before.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        found = decisions.get_decision(conn, number)
        if found is None or found["kind"] != "split":
            raise NotFoundError(f"no split {number}; see `hub contact decisions`")
        merchant = found["merchant"]
        lock_merchants(raw, [merchant])
        keys = decisions.take_back(raw, number)
        if keys is None:
            raise NotFoundError(f"split {number} was taken back before")
        body = {"decision": number}
        decisions.add_decision(raw, merchant, "undo", body, by=by, reason=reason)
        leads = [UUID(one) for part in found["body"]["sides"] for one in part]
        holding = clusters.leads_with_keys(raw, merchant, keys)
        _restore_spans(raw, merchant, keys, holding)
        roots = contacts.roots(
            raw, sorted({*clusters.contacts_of(raw, leads), *(one.contact_id for one in holding)})
        )
        root_of = make_anew(raw, merchant, roots.values(), now, new_id)
        write_audit(conn, who=by, action="undo split", target=str(number), merchant=merchant)
    return tuple(sorted(set(root_of.values())))


def list_decisions(
    engine: sa.Engine, *, merchant: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """The newest decisions first: what, by whom, why; keys are not shown."""
    with store_errors(), engine.begin() as conn:
        rows = decisions.decisions(conn, merchant, limit)
    return [
        {
            "decision": row["id"],
            "kind": row["kind"],
            "merchant": row["merchant"],
            "leads": sum(map(len, row["body"].get("sides", ()))),
            "by": row["decided_by"],
            "reason": row["reason"],
            "at": row["decided_at"],
        }
        for row in rows
    ]


def _root_of(conn: sa.Connection, identifier: UUID) -> tuple[UUID, str]:
    """The root contact that a contact or a lead belongs to, and its merchant."""
    lead = reading.get_lead(conn, identifier)
    contact = lead["contact_id"] if lead else identifier
    merchant = reading.merchant_of_contact(conn, contact)
    if merchant is None:
        raise NotFoundError(
            f"no contact or lead {identifier}: never there, or erased; `hub lead list` shows both"
        )
    return contacts.roots(driver(conn), [contact])[contact], merchant


def _held(leads: Iterable[ClusterLead], identifier: UUID) -> list[UUID]:
    """The leads that an id speaks of: itself, or those that were given that contact; else all of them."""
    leads = list(leads)
    own = [lead.id for lead in leads if identifier in (lead.id, lead.contact_id)]
    return own or [lead.id for lead in leads]


def _sides(
    leads: Sequence[ClusterLead], side: Sequence[UUID]
) -> tuple[list[ClusterLead], list[ClusterLead]]:
    known = {lead.id for lead in leads}
    foreign = sorted(set(side) - known)
    if foreign:
        raise ConfigError(f"lead {foreign[0]} is not one of this contact's {len(known)} leads")
    ours = [lead for lead in leads if lead.id in set(side)]
    theirs = [lead for lead in leads if lead.id not in set(side)]
    if not ours or not theirs:
        raise ConfigError("name some of the contact's leads, not none and not all of them")
    return ours, theirs


def _shared_keys(leads: Iterable[ClusterLead]) -> set[bytes]:
    return {key for lead in leads for key in lead.keys if RULES.joins(key)}


def _keys(leads: Iterable[ClusterLead]) -> list[bytes]:
    return sorted(_shared_keys(leads))


def _kind(key: bytes) -> str:
    return "decision" if key[0] == PIN else KeyKind(kind_of(key)).name.lower()


def _pin_key(merchant: str, number: int, place: int) -> bytes:
    digest = hashlib.sha256(f"{merchant}\0{number}\0{place}".encode()).digest()
    return bytes((PIN,)) + digest[:16]


def _pin(
    raw: psycopg.Connection[Any],
    merchant: str,
    part: Sequence[ClusterLead],
    key: bytes,
    root: UUID,
    number: int,
) -> None:
    """Leads of one side get a key of their own, and a span that leads to them if they are mapped anew."""
    decisions.pin(raw, {lead.id: key for lead in part}, number)
    at = [lead.at for lead in part]
    span = KeySpan(key, 0, min(at), max(at), root, is_new=True, is_changed=True)
    contacts.write_spans(raw, merchant, [span], [])


def _restore_spans(
    raw: psycopg.Connection[Any],
    merchant: str,
    keys: Sequence[bytes],
    holding: Sequence[ClusterLead],
) -> None:
    """The spans of keys that join again, as their leads have them."""
    contacts.write_spans(raw, merchant, [], contacts.known_spans(raw, merchant, keys))
    wanted = set(keys)
    nodes = [
        Node(lead.id, [k for k in lead.keys if k in wanted or RULES.judges(k)], lead.at)
        for lead in holding
    ]
    given = {lead.id: lead.contact_id for lead in holding}
    numbers: dict[bytes, int] = {}
    spans = []
    for span in edges.spans(nodes):
        if span.key not in wanted:
            continue
        number = numbers[span.key] = numbers.get(span.key, -1) + 1
        contact = given[span.leads[0]]
        spans.append(
            KeySpan(
                span.key,
                number,
                span.first,
                span.last,
                contact,
                span.beside,
                span.is_shared,
                is_new=True,
                is_changed=True,
            )
        )
    contacts.write_spans(raw, merchant, spans, [])
