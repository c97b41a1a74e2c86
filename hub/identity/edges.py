"""Which leads are one person, from nothing but their keys, times and people's decisions: the offline truth. Pure.

A key of a lead is an edge to every lead with the same key: of a mobile only while no silence between two
leads with it is longer than the window, nor longer than the rest with other names after it than before; of a
weak key not at all once it is several persons', or stopped.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

from hub.identity.rules import RULES, IdentityRules

Joined: TypeAlias = tuple[bytes, Sequence[UUID]]
Member = TypeVar("Member", bound=Hashable)


@dataclass(slots=True)  # not frozen: made once per lead of a store
class Node:
    """A lead as identity sees it: its keys (pins included) and its own time in epoch seconds."""

    lead: UUID
    keys: Sequence[bytes]
    at: int


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time in which a key is one person's, as far as times tell: its leads, oldest first.
    `beside` are the keys that judge it and stood beside it."""

    key: bytes
    leads: tuple[UUID, ...]
    first: int
    last: int
    is_shared: bool
    beside: frozenset[bytes] = frozenset()


def spans(nodes: Iterable[Node], rules: IdentityRules = RULES) -> Iterator[Span]:
    """Every span of every key; the spans of one key follow each other, oldest first."""
    holders: dict[bytes, list[Node]] = {}
    for node in nodes:
        for key in filter(rules.joins, node.keys):
            holders.setdefault(key, []).append(node)
    for key, members in holders.items():
        members.sort(key=lambda node: (node.at, node.lead))
        for stretch in _stretches(members, rules.rest_s if rules.has_ends(key) else None):
            beside = _judging(stretch, rules) if rules.is_weak(key) else frozenset()
            yield Span(
                key,
                tuple(node.lead for node in stretch),
                stretch[0].at,
                stretch[-1].at,
                rules.is_shared(beside),
                beside,
            )


def joining(
    nodes: Iterable[Node], stopped: frozenset[bytes] = frozenset(), rules: IdentityRules = RULES
) -> Iterator[Joined]:
    """Each key with the leads that it joins: those of its spans that are one person's."""
    for key, group in groupby(spans(nodes, rules), key=lambda span: span.key):
        if key in stopped:
            continue
        own = [span for span in group if not span.is_shared]
        for part in _parts(own, rules) if len(own) > 1 else [own]:
            yield key, [lead for span in part for lead in span.leads]


def _parts(own: Sequence[Span], rules: IdentityRules) -> Iterable[list[Span]]:
    """Spans of one key, those that follow one another together."""
    parent: dict[Span, Span] = {}
    for one, other in combinations(own, 2):
        if follows(one, other, rules):
            a, b = find(parent, one), find(parent, other)
            if a is not b:
                parent[b] = a
    parts: dict[Span, list[Span]] = {}
    for span in own:
        parts.setdefault(find(parent, span), []).append(span)
    return parts.values()


class Stretch(Protocol):
    """What `follows` needs of a span."""

    @property
    def first(self) -> int:
        """Epoch seconds of its first lead."""

    @property
    def last(self) -> int:
        """Epoch seconds of its last lead."""

    @property
    def beside(self) -> frozenset[bytes]:
        """The keys that judge and stood beside it."""


def follows(one: Stretch, other: Stretch, rules: IdentityRules = RULES) -> bool:
    """Whether two spans of a key are one person's: the silence between them is not too long, and what stood
    beside them does not name different people. Looks at nothing else, so that it can be told of any two."""
    before, after = (one, other) if one.first <= other.first else (other, one)
    if after.first - before.last > rules.window_s:
        return False
    return not rules.disagree(before.beside, after.beside)


def clusters(
    nodes: Sequence[Node], stopped: frozenset[bytes] = frozenset(), rules: IdentityRules = RULES
) -> dict[UUID, UUID]:
    """Lead → smallest lead of its cluster; `stopped` keys join nobody."""
    parent: dict[UUID, UUID] = {}
    for _, leads in joining(nodes, stopped, rules):
        for one, other in pairwise(leads):
            a, b = find(parent, one), find(parent, other)
            if a != b:
                parent[max(a, b)] = min(a, b)
    return {node.lead: find(parent, node.lead) for node in nodes}


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a path: `lead` and the next one share `key`."""

    lead: UUID
    key: bytes
    other: UUID


def path(
    nodes: Sequence[Node],
    start: Iterable[UUID],
    goal: Iterable[UUID],
    stopped: frozenset[bytes] = frozenset(),
    rules: IdentityRules = RULES,
) -> list[Step] | None:
    """The shortest chain of shared keys from one of `start` to one of `goal`; None if there is none."""
    of_lead: dict[UUID, list[Joined]] = {}
    for key, leads in joining(nodes, stopped, rules):
        for lead in leads:
            of_lead.setdefault(lead, []).append((key, leads))
    goals, came = set(goal), dict.fromkeys(sorted(start), None)  # type: set[UUID], dict[UUID, Step | None]
    frontier = list(came)
    while frontier:
        reached = next((lead for lead in frontier if lead in goals), None)
        if reached is not None:
            return _back(came, reached)
        frontier = list(_neighbours(frontier, of_lead, came))
    return None


def _neighbours(
    frontier: Iterable[UUID], of_lead: Mapping[UUID, list[Joined]], came: dict[UUID, Step | None]
) -> Iterator[UUID]:
    for lead in frontier:
        for key, leads in of_lead.get(lead, ()):
            for other in leads:
                if other not in came:
                    came[other] = Step(lead, key, other)
                    yield other


def _back(came: Mapping[UUID, Step | None], end: UUID) -> list[Step]:
    steps: list[Step] = []
    while (step := came[end]) is not None:
        steps.append(step)
        end = step.lead
    return steps[::-1]


def _stretches(members: list[Node], window: int | None) -> Iterator[list[Node]]:
    """Members in order of time, cut where the silence is longer than the window."""
    begin = 0
    if window is not None:
        for place, (before, after) in enumerate(pairwise(members), 1):
            if after.at - before.at > window:
                yield members[begin:place]
                begin = place
    yield members[begin:]


def _judging(stretch: Iterable[Node], rules: IdentityRules) -> frozenset[bytes]:
    return frozenset(key for node in stretch for key in node.keys if rules.judges(key))


def find(parent: dict[Member, Member], node: Member) -> Member:
    """The root of a node; paths get shorter on the way."""
    while node in parent:
        above = parent[node]
        if above in parent:
            parent[node] = parent[above]
        node = above
    return node
