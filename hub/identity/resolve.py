"""Which contact each lead of a batch belongs to: a union-find over the keys it names. Pure.

Nothing is re-pointed: a key stays with the contact it was first seen on, and a merge only says which
contact another one has become.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class Claimant:
    """A lead that names keys. `contact` is the root contact it already belongs to, if it is known."""

    lead_id: UUID
    keys: Sequence[bytes]
    contact: UUID | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What identity decided for a batch.

    `contact_of` lead → root contact · `new_contacts` to create · `new_keys` key → contact, none of them
    known before · `merges` loser → winner, winners are roots.
    """

    contact_of: dict[UUID, UUID] = field(default_factory=dict)
    new_contacts: list[UUID] = field(default_factory=list)
    new_keys: dict[bytes, UUID] = field(default_factory=dict)
    merges: dict[UUID, UUID] = field(default_factory=dict)


def resolve(
    claimants: Sequence[Claimant],
    known: Mapping[bytes, UUID],
    stopped: frozenset[bytes],
    new_id: Callable[[], UUID],
) -> Resolution:
    """Assign a contact to every claimant.

    Args:
        claimants: Leads in the order they arrived; the order does not change who is together.
        known: Key → root contact, for every key that the store has and that joins.
        stopped: Keys that no longer join anybody.
        new_id: Gives rising contact ids; the oldest contact of a cluster is its root.
    """
    result = Resolution()
    parent: dict[UUID, UUID] = {}
    home: dict[bytes, UUID] = dict(known)
    for claimant in claimants:
        keys = [key for key in claimant.keys if key not in stopped]
        root = _join(parent, {home[key] for key in keys if key in home}, claimant.contact)
        if root is None:
            root = new_id()
            result.new_contacts.append(root)
        for key in keys:
            if key not in home:
                home[key] = result.new_keys[key] = root
        result.contact_of[claimant.lead_id] = root
    for lead, contact in result.contact_of.items():
        result.contact_of[lead] = _find(parent, contact)
    result.merges.update({loser: _find(parent, loser) for loser in list(parent)})
    return result


def _join(parent: dict[UUID, UUID], named: set[UUID], own: UUID | None) -> UUID | None:
    """The oldest of the contacts that a claimant's keys name, which the others become; None if none."""
    roots = {_find(parent, contact) for contact in named}
    if own is not None:
        roots.add(_find(parent, own))
    if not roots:
        return None
    root = min(roots)
    parent.update(dict.fromkeys(roots - {root}, root))
    return root


def clusters(edges: Mapping[UUID, Sequence[bytes]]) -> dict[UUID, UUID]:
    """Lead → smallest lead of its cluster, from nothing but who names which keys: the offline truth."""
    parent: dict[UUID, UUID] = {}
    first: dict[bytes, UUID] = {}
    for lead in sorted(edges):
        for key in edges[lead]:
            other = first.setdefault(key, lead)
            a, b = _find(parent, lead), _find(parent, other)
            if a != b:
                parent[max(a, b)] = min(a, b)
    return {lead: _find(parent, lead) for lead in edges}


def _find(parent: dict[UUID, UUID], node: UUID) -> UUID:
    while node in parent:
        above = parent[node]
        if above in parent:
            parent[node] = parent[above]
        node = above
    return node
