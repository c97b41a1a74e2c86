"""Which leads are one person, from nothing but their keys, times and people's decisions: the offline truth. Pure.

A key of a lead is an edge to every lead with the same key: of a mobile only while no silence between two
leads with it is longer than the window; of a weak key not at all once it is several persons', or stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from hub.identity.rules import RULES, IdentityRules


@dataclass(slots=True)  # not frozen: made once per lead of a store
class Node:
    """A lead as identity sees it: its keys (pins included) and its own time in epoch seconds."""

    lead: UUID
    keys: Sequence[bytes]
    at: int


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time in which a key is one person's, as far as times tell: its leads, oldest first."""

    key: bytes
    leads: tuple[UUID, ...]
    first: int
    last: int
    is_shared: bool


def spans(nodes: Iterable[Node], rules: IdentityRules = RULES) -> Iterator[Span]:
    """Every span of every key."""
    holders: dict[bytes, list[Node]] = {}
    for node in nodes:
        for key in filter(rules.joins, node.keys):
            holders.setdefault(key, []).append(node)
    for key, members in holders.items():
        members.sort(key=lambda node: (node.at, node.lead))
        for stretch in _stretches(members, rules.window_s if rules.has_ends(key) else None):
            yield Span(
                key,
                tuple(node.lead for node in stretch),
                stretch[0].at,
                stretch[-1].at,
                rules.is_weak(key) and rules.is_shared(_strong(stretch, rules)),
            )


def clusters(
    nodes: Sequence[Node], stopped: frozenset[bytes] = frozenset(), rules: IdentityRules = RULES
) -> dict[UUID, UUID]:
    """Lead → smallest lead of its cluster; `stopped` keys join nobody."""
    parent: dict[UUID, UUID] = {}
    for span in spans(nodes, rules):
        if span.is_shared or span.key in stopped:
            continue
        for one, other in pairwise(span.leads):
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
    joining = [s for s in spans(nodes, rules) if not s.is_shared and s.key not in stopped]
    of_lead: dict[UUID, list[Span]] = {}
    for span in joining:
        for lead in span.leads:
            of_lead.setdefault(lead, []).append(span)
    goals, came = set(goal), dict.fromkeys(sorted(start), None)  # type: set[UUID], dict[UUID, Step | None]
    frontier = list(came)
    while frontier:
        reached = next((lead for lead in frontier if lead in goals), None)
        if reached is not None:
            return _back(came, reached)
        frontier = list(_neighbours(frontier, of_lead, came))
    return None


def _neighbours(
    frontier: Iterable[UUID], of_lead: Mapping[UUID, list[Span]], came: dict[UUID, Step | None]
) -> Iterator[UUID]:
    for lead in frontier:
        for span in of_lead.get(lead, ()):
            for other in span.leads:
                if other not in came:
                    came[other] = Step(lead, span.key, other)
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


def _strong(stretch: Iterable[Node], rules: IdentityRules) -> set[bytes]:
    return {key for node in stretch for key in node.keys if rules.judges(key)}


def find(parent: dict[UUID, UUID], node: UUID) -> UUID:
    """The root of a node; paths get shorter on the way."""
    while node in parent:
        above = parent[node]
        if above in parent:
            parent[node] = parent[above]
        node = above
    return node
