"""Pairs of leads: how many that are together belong together, and how many that belong together are.

A *pair* is two leads of one merchant. Of two different persons it is `shared` if they use one phone at one time
(a family, a shop): no key tells those apart, unless stronger ones disagree; else it is `wrong`.
A pair of one person is `provable` if a chain of keys links it that are this person's own: a slip of the pen,
a masked number or an MD5 beside a plain number prove nothing, and so does a phone that several use at one time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.identity.generator import Given

Keys = Mapping[UUID, Sequence[Hashable]]


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of pairs; see the module."""

    leads: int
    together: int
    wrong: int
    shared: int
    provable: int
    provable_found: int
    of_one: int
    of_one_found: int

    @property
    def precision(self) -> float:
        """Of what is together and that keys can tell apart, the share that is right."""
        told = self.together - self.shared
        return (told - self.wrong) / told

    @property
    def precision_of_all(self) -> float:
        """Of all that is together, the share that is one person's."""
        return (self.together - self.shared - self.wrong) / self.together

    @property
    def recall(self) -> float:
        """Of the provable pairs, the share that is together."""
        return self.provable_found / self.provable

    @property
    def recall_of_all(self) -> float:
        """Of all pairs of one person, the share that is together: what keys can reach at all."""
        return self.of_one_found / self.of_one

    def __str__(self) -> str:
        return (
            f"{self.leads:,} leads: precision {self.precision:.5f} ({self.wrong} wrong of {self.together:,};"
            f" with {self.shared:,} of people who share a phone {self.precision_of_all:.5f}),"
            f" recall {self.recall:.5f} on {self.provable:,} provable pairs"
            f" ({self.recall_of_all:.5f} of all {self.of_one:,} pairs of one person)"
        )


def score(given: Mapping[UUID, Given], cluster_of: Mapping[UUID, UUID], keys: Keys) -> Scores:
    """Compare who is together with who is one person."""
    together, shared, wrong = _false_pairs(given, cluster_of)
    provable = _provable(given, keys)
    person = {lead: (one.merchant, one.person) for lead, one in given.items()}
    both = {lead: (owner, cluster_of[lead]) for lead, owner in person.items()}
    proven = {lead: (root, cluster_of[lead]) for lead, root in provable.items()}
    return Scores(
        len(given), together, wrong, shared,
        _pairs(provable.values()), _pairs(proven.values()),
        _pairs(person.values()), _pairs(both.values()),
    )  # fmt: skip


def _pairs(labels: Iterable[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(labels).values())


def _false_pairs(
    given: Mapping[UUID, Given], cluster_of: Mapping[UUID, UUID]
) -> tuple[int, int, int]:
    members: dict[UUID, Counter[tuple[int, int | None]]] = defaultdict(Counter)
    for lead, one in given.items():
        members[cluster_of[lead]][one.person, one.group] += 1
    together = shared = wrong = 0
    for persons in members.values():
        leads = persons.total()
        together += leads * (leads - 1) // 2
        entries = list(persons.items())
        for place, ((_, group), count) in enumerate(entries):
            for (_, other), more in entries[place + 1 :]:
                if group is not None and group == other:
                    shared += count * more
                else:
                    wrong += count * more
    return together, shared, wrong


def _provable(given: Mapping[UUID, Given], keys: Keys) -> dict[UUID, UUID]:
    """Lead → root of the chain of keys that are its person's own."""
    users: dict[tuple[str, Hashable], set[int]] = defaultdict(set)
    for lead, one in given.items():
        for key in keys[lead]:
            users[one.merchant, key].add(one.group or 0)
    parent: dict[UUID, UUID] = {}
    first: dict[tuple[str, int, Hashable], UUID] = {}
    for lead, one in given.items():
        for key in keys[lead]:
            if users[one.merchant, key] - {0}:
                continue
            a = _root(parent, first.setdefault((one.merchant, one.person, key), lead))
            b = _root(parent, lead)
            if a != b:
                parent[b] = a
    return {lead: _root(parent, lead) for lead in given}


def _root(parent: dict[UUID, UUID], node: UUID) -> UUID:
    while node in parent:
        node = parent[node]
    return node
