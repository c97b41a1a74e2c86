"""Which contact a lead belongs to: the same partition as a union-find over everything at once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.identity.resolve import Claimant, clusters, resolve

KEYS = st.lists(
    st.sets(st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"]), max_size=3), max_size=12
)


def lead(n: int) -> UUID:
    return UUID(int=n + 1)


def ids(start: int = 1000) -> Iterator[UUID]:
    return (UUID(int=n) for n in itertools.count(start))


def partition(contact_of: dict[UUID, UUID]) -> set[frozenset[UUID]]:
    groups: dict[UUID, set[UUID]] = {}
    for member, contact in contact_of.items():
        groups.setdefault(contact, set()).add(member)
    return {frozenset(group) for group in groups.values()}


def load_in_batches(
    claims: list[tuple[UUID, list[bytes]]], sizes: Iterator[int]
) -> dict[UUID, UUID]:
    """What a store would hold after resolving batch by batch."""
    fresh = ids()
    home: dict[bytes, UUID] = {}
    merged: dict[UUID, UUID] = {}
    contact_of: dict[UUID, UUID] = {}

    def root(contact: UUID) -> UUID:
        while contact in merged:
            contact = merged[contact]
        return contact

    rest = list(claims)
    while rest:
        size = next(sizes)
        batch, rest = rest[:size], rest[size:]
        known = {key: root(home[key]) for _, keys in batch for key in keys if key in home}
        result = resolve(
            [Claimant(i, k) for i, k in batch], known, frozenset(), lambda: next(fresh)
        )
        home |= result.new_keys
        merged |= result.merges
        contact_of |= result.contact_of
    return {member: root(contact) for member, contact in contact_of.items()}


@given(KEYS, st.lists(st.integers(1, 4), min_size=1), st.randoms(use_true_random=False))
def test_batches_in_any_order_and_size_give_the_offline_partition(
    drawn: list[set[bytes]], sizes: list[int], shuffler: random.Random
) -> None:
    edges = {lead(n): sorted(keys) for n, keys in enumerate(drawn)}
    claims = list(edges.items())
    shuffler.shuffle(claims)

    found = load_in_batches(claims, itertools.cycle(sizes))

    assert partition(found) == partition(clusters(edges))


def test_the_oldest_contact_becomes_the_root() -> None:
    old, young = UUID(int=1), UUID(int=2)

    result = resolve(
        [Claimant(lead(1), [b"a", b"b"])], {b"a": young, b"b": old}, frozenset(), lambda: lead(9)
    )

    assert result.merges == {young: old}
    assert result.contact_of == {lead(1): old}
    assert result.new_contacts == []


def test_a_stopped_key_joins_nobody() -> None:
    """A shop's shared phone must not make one person of its customers."""
    fresh = ids()

    result = resolve(
        [Claimant(lead(1), [b"shop"]), Claimant(lead(2), [b"shop"])],
        {b"shop": UUID(int=5)},
        frozenset([b"shop"]),
        lambda: next(fresh),
    )

    assert result.contact_of[lead(1)] != result.contact_of[lead(2)]
    assert result.new_keys == {}


def test_a_lead_without_keys_is_a_contact_of_its_own() -> None:
    fresh = ids()

    result = resolve(
        [Claimant(lead(1), []), Claimant(lead(2), [])], {}, frozenset(), lambda: next(fresh)
    )

    assert len(set(result.contact_of.values())) == 2


def test_a_known_key_is_never_pointed_elsewhere() -> None:
    result = resolve(
        [Claimant(lead(1), [b"a", b"new"])], {b"a": UUID(int=7)}, frozenset(), lambda: lead(9)
    )

    assert result.new_keys == {b"new": UUID(int=7)}
