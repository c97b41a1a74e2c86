"""Which contact each lead of a batch belongs to: a union-find over the spans of the keys it names. Pure.

A span is a stretch of time in which a key is one person's (`hub.identity.edges`); the store keeps each with
its first and last instant, the contact that it leads to, and the strong keys that stood beside a weak one.
More leads only lengthen and join spans, so batches in any order give what all leads at once would give,
but for two things: a weak key that turns out to be several persons' (`newly_shared`) must give back whom it
had joined, and spans that followed each other may turn out to be two persons' (`newly_parted`). Their clusters
are then made anew from their leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from uuid import UUID

from hub.identity.edges import find, follows
from hub.identity.rules import RULES, IdentityRules


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class Claimant:
    """A lead that names keys, with its own time in epoch seconds. `contact` is its root contact, if it has one."""

    lead_id: UUID
    keys: Sequence[bytes]
    at: int = 0
    contact: UUID | None = None


@dataclass(slots=True)  # one per key that a batch names
class KeySpan:
    """A key's span as the store has it. `number` tells spans of one key apart; `contact` is a root."""

    key: bytes
    number: int
    first: int
    last: int
    contact: UUID
    beside: frozenset[bytes] = frozenset()
    is_shared: bool = False
    is_new: bool = False
    is_changed: bool = False
    is_beside_changed: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """What identity decided for a batch.

    `contact_of` lead → root contact · `new_contacts` to create · `spans` to add or write anew ·
    `gone` spans that became part of another · `merges` loser → winner, winners are roots ·
    `newly_shared` spans that must give back whom they had joined · `newly_parted` spans that followed the one
    before them and no longer do.
    """

    contact_of: dict[UUID, UUID] = field(default_factory=dict)
    new_contacts: list[UUID] = field(default_factory=list)
    spans: list[KeySpan] = field(default_factory=list)
    gone: list[KeySpan] = field(default_factory=list)
    merges: dict[UUID, UUID] = field(default_factory=dict)
    newly_shared: list[KeySpan] = field(default_factory=list)
    newly_parted: list[KeySpan] = field(default_factory=list)


def resolve(
    claimants: Sequence[Claimant],
    known: Iterable[KeySpan],
    stopped: frozenset[bytes],
    new_id: Callable[[], UUID],
    rules: IdentityRules = RULES,
) -> Resolution:
    """Assign a contact to every claimant.

    Args:
        claimants: Leads in the order they arrived; the order does not change who is together.
        known: Every span that the store has of a key that they name.
        stopped: Keys that a person has decided to join nobody.
        new_id: Gives rising contact ids; the oldest contact of a cluster is its root.
        rules: What keys mean.
    """
    result = Resolution()
    book = _Book((span for span in known if span.key not in stopped), rules, result)
    parent: dict[UUID, UUID] = {}
    for claimant in claimants:
        named = [key for key in claimant.keys if key not in stopped and rules.joins(key)]
        met = {key: book.meeting(key, claimant.at) for key in named}
        joining = [span.contact for spans in met.values() for span in spans if not span.is_shared]
        root = _join(parent, joining, claimant.contact)
        if root is None:
            root = new_id()
            result.new_contacts.append(root)
        strong = frozenset(key for key in claimant.keys if rules.judges(key))
        for key in named:
            book.enter(key, claimant.at, met[key], root, strong)
        result.contact_of[claimant.lead_id] = root
    for one, other in book.followers():
        _join(parent, (one.contact, other.contact), None)
    for lead, contact in result.contact_of.items():
        result.contact_of[lead] = find(parent, contact)
    result.merges.update({loser: find(parent, loser) for loser in list(parent)})
    result.spans.extend(book.written())
    for span in (*result.spans, *result.newly_shared, *result.newly_parted):
        span.contact = find(parent, span.contact)
    return result


class _Book:
    """The spans of a batch's keys, lengthened and joined as leads come."""

    def __init__(self, known: Iterable[KeySpan], rules: IdentityRules, result: Resolution) -> None:
        self._rules = rules
        self._result = result
        self._spans: dict[bytes, list[KeySpan]] = {}
        self._part_of: dict[tuple[bytes, int], KeySpan] = {}
        for span in known:
            self._spans.setdefault(span.key, []).append(span)
        self._followed = self._following()

    def meeting(self, key: bytes, at: int) -> list[KeySpan]:
        """The spans that a lead of that time belongs to: none, one, or two that it links."""
        spans = self._spans.get(key, [])
        if not self._rules.has_ends(key):
            return list(spans)
        rest = self._rules.rest_s
        return [span for span in spans if span.first - rest <= at <= span.last + rest]

    def enter(
        self, key: bytes, at: int, met: list[KeySpan], contact: UUID, strong: frozenset[bytes]
    ) -> None:
        """A lead with this key belongs to `contact`."""
        if not met:
            beside = strong if self._rules.is_weak(key) else frozenset()
            spans = self._spans.setdefault(key, [])
            number = max((span.number for span in spans), default=-1) + 1
            spans.append(
                KeySpan(key, number, at, at, contact, beside, is_new=True, is_changed=True)
            )
            return
        span = met[0]
        for other in met[1:]:
            self._absorb(span, other)
        if not span.first <= at <= span.last:
            span.first, span.last = min(span.first, at), max(span.last, at)
            span.is_changed = True
        # Once it joins nobody, more of what stands beside it changes nothing: the list stays short.
        if self._rules.is_weak(key) and not span.is_shared and not strong <= span.beside:
            span.beside |= strong
            span.is_changed = span.is_beside_changed = True
        self._judge(span)

    def followers(self) -> list[tuple[KeySpan, KeySpan]]:
        """Spans of one key that are one person's; notes those that were and no longer are."""
        for pair in self._followed:
            one, other = map(self._whole, pair)
            if one is not other and not self._is_one(one, other):
                self._result.newly_parted.extend((one, other))
        return self._following()

    def _following(self) -> list[tuple[KeySpan, KeySpan]]:
        return [
            pair
            for spans in self._spans.values()
            if len(spans) > 1
            for pair in combinations(spans, 2)
            if self._is_one(*pair)
        ]

    def _is_one(self, one: KeySpan, other: KeySpan) -> bool:
        return not (one.is_shared or other.is_shared) and follows(one, other, self._rules)

    def _whole(self, span: KeySpan) -> KeySpan:
        """What a span has become part of."""
        while (span.key, span.number) in self._part_of:
            span = self._part_of[span.key, span.number]
        return span

    def _absorb(self, span: KeySpan, other: KeySpan) -> None:
        span.first, span.last = min(span.first, other.first), max(span.last, other.last)
        span.beside |= other.beside
        span.is_changed = span.is_beside_changed = True
        if (
            span.is_shared != other.is_shared
        ):  # whichever was one person's gives back whom it had joined
            self._result.newly_shared.append(other if span.is_shared else span)
            span.is_shared = True
        self._spans[span.key] = [each for each in self._spans[span.key] if each is not other]
        self._part_of[other.key, other.number] = span
        if not other.is_new:
            self._result.gone.append(other)

    def _judge(self, span: KeySpan) -> None:
        if span.is_shared or not self._rules.is_weak(span.key):
            return
        if self._rules.is_shared(span.beside):
            span.is_shared = span.is_changed = True
            self._result.newly_shared.append(span)

    def written(self) -> list[KeySpan]:
        """Spans that the store does not have as they are now."""
        return [span for spans in self._spans.values() for span in spans if span.is_changed]


def _join(parent: dict[UUID, UUID], named: Iterable[UUID], own: UUID | None) -> UUID | None:
    """The oldest of the contacts that a claimant's keys name, which the others become; None if none."""
    roots = {find(parent, contact) for contact in named}
    if own is not None:
        roots.add(find(parent, own))
    if not roots:
        return None
    root = min(roots)
    parent.update(dict.fromkeys(roots - {root}, root))
    return root


@dataclass(slots=True)  # one per lead of a cluster that is made anew
class Member:
    """A lead of a cluster that is made anew, and the contact that it was given first."""

    lead: UUID
    contact: UUID


@dataclass(frozen=True, slots=True)
class Placement:
    """A cluster made anew: `moved` leads to other contacts, `became` contact → what it is part of (None: a
    root), `new_contacts` to create, `root_of` lead → root contact."""

    moved: Mapping[UUID, UUID]
    became: Mapping[UUID, UUID | None]
    new_contacts: Sequence[UUID]
    root_of: Mapping[UUID, UUID]


def place(
    members: Sequence[Member], parts: Mapping[UUID, UUID], new_id: Callable[[], UUID]
) -> Placement:
    """Contacts for the parts that a cluster falls into; each keeps as many of its old ids as it can.

    A contact whose leads are in several parts stays with the part of its smallest lead; its other leads
    get a new one. So a split of what a merge had joined gives both old contacts back.

    Args:
        members: All leads of the cluster.
        parts: Lead → smallest lead of its part.
        new_id: Gives rising contact ids.
    """
    owner: dict[UUID, UUID] = {}
    for member in sorted(members, key=lambda one: one.lead):
        owner.setdefault(member.contact, parts[member.lead])
    owned: dict[UUID, list[UUID]] = {}
    for contact, part in owner.items():
        owned.setdefault(part, []).append(contact)
    fresh: list[UUID] = []
    moved: dict[UUID, UUID] = {}
    for member in sorted(members, key=lambda one: one.lead):
        part = parts[member.lead]
        if owner[member.contact] == part:
            continue
        if part not in owned:
            fresh.append(new_id())
            owned[part] = [fresh[-1]]
        moved[member.lead] = min(owned[part])
    roots = {part: min(contacts) for part, contacts in owned.items()}
    became = {
        contact: None if contact == roots[part] else roots[part]
        for part, contacts in owned.items()
        for contact in contacts
    }
    root_of = {member.lead: roots[parts[member.lead]] for member in members}
    return Placement(moved, became, fresh, root_of)
