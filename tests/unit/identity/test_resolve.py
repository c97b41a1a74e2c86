"""Which contact a lead belongs to: the same partition as a union-find over everything at once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.identity.edges import Node, clusters, path, spans
from hub.identity.resolve import Claimant, KeySpan, Member, Resolution, place, resolve
from hub.identity.rules import IdentityRules
from hub.model.lead import KeyKind

DAY = 86_400
RULES = IdentityRules(
    window_s=10 * DAY,
    rest_s=4 * DAY,
    most={KeyKind.ID_NUMBER: 2, KeyKind.UNIONID: 3, KeyKind.NAME: 2},
)
ID, UNION, PHONE = bytes((KeyKind.ID_NUMBER,)), bytes((KeyKind.UNIONID,)), bytes((KeyKind.MOBILE,))
NAME = bytes((KeyKind.NAME,))
NAMES = [kind + letter for kind in (ID, UNION, PHONE, NAME) for letter in (b"a", b"b", b"c", b"d")]
LEADS = st.lists(
    st.tuples(st.sets(st.sampled_from(NAMES), max_size=3), st.integers(0, 40)), max_size=14
)


def lead(n: int) -> UUID:
    return UUID(int=n + 1)


def ids(start: int = 1000) -> Iterator[UUID]:
    return (UUID(int=n) for n in itertools.count(start))


def nodes_of(drawn: Sequence[tuple[set[bytes], int]]) -> list[Node]:
    return [Node(lead(n), sorted(keys), day * DAY) for n, (keys, day) in enumerate(drawn)]


def partition(contact_of: dict[UUID, UUID]) -> set[frozenset[UUID]]:
    groups: dict[UUID, set[UUID]] = {}
    for member, contact in contact_of.items():
        groups.setdefault(contact, set()).add(member)
    return {frozenset(group) for group in groups.values()}


class Store:
    """What a database would hold: spans, merges, and clusters that are made anew when they must be."""

    def __init__(self, rules: IdentityRules = RULES) -> None:
        self.rules = rules
        self.fresh = ids()
        self.spans: dict[tuple[bytes, int], KeySpan] = {}
        self.merged: dict[UUID, UUID] = {}
        self.given: dict[UUID, UUID] = {}
        self.nodes: dict[UUID, Node] = {}

    def root(self, contact: UUID) -> UUID:
        while contact in self.merged:
            contact = self.merged[contact]
        return contact

    def load(self, batch: Sequence[Node]) -> Resolution:
        named = {key for node in batch for key in node.keys}
        known = [
            replace(span, contact=self.root(span.contact), is_new=False, is_changed=False)
            for span in self.spans.values()
            if span.key in named
        ]
        claimants = [Claimant(node.lead, node.keys, node.at) for node in batch]
        found = resolve(claimants, known, frozenset(), lambda: next(self.fresh), self.rules)
        for span in found.gone:
            del self.spans[span.key, span.number]
        self.spans |= {(span.key, span.number): span for span in found.spans}
        self.merged |= found.merges
        self.given |= found.contact_of
        self.nodes |= {node.lead: node for node in batch}
        for span in (*found.newly_shared, *found.newly_parted):
            self.make_anew(self.root(span.contact))
        return found

    def make_anew(self, root: UUID) -> None:
        members = [one for one in sorted(self.given) if self.root(self.given[one]) == root]
        shared = [span for span in self.spans.values() if span.is_shared]
        nodes = []
        for one in members:
            node = self.nodes[one]
            kept = [
                key
                for key in node.keys
                if not any(s.key == key and s.first <= node.at <= s.last for s in shared)
            ]
            nodes.append(Node(one, kept, node.at))
        placed = place(
            [Member(one, self.given[one]) for one in members],
            clusters(nodes, rules=self.rules),
            lambda: next(self.fresh),
        )
        self.given |= placed.moved
        for contact, became in placed.became.items():
            self.merged.pop(contact, None)
            if became is not None:
                self.merged[contact] = became
        for span in self.spans.values():
            holder = next(
                (
                    node
                    for node in nodes
                    if span.key in node.keys and span.first <= node.at <= span.last
                ),
                None,
            )
            if holder is not None:
                span.contact = placed.root_of[holder.lead]

    def partition(self) -> set[frozenset[UUID]]:
        return partition({one: self.root(contact) for one, contact in self.given.items()})


def batches(nodes: Sequence[Node], sizes: Iterator[int]) -> Iterator[Sequence[Node]]:
    rest = list(nodes)
    while rest:
        size = next(sizes)
        yield rest[:size]
        rest = rest[size:]


@given(LEADS, st.lists(st.integers(1, 5), min_size=1), st.randoms(use_true_random=False))
def test_batches_in_any_order_and_size_give_the_offline_partition(
    drawn: list[tuple[set[bytes], int]], sizes: list[int], shuffler: random.Random
) -> None:
    nodes = nodes_of(drawn)
    truth = partition(clusters(nodes, rules=RULES))
    shuffler.shuffle(nodes)
    store = Store()
    for batch in batches(nodes, itertools.cycle(sizes)):
        store.load(batch)

    assert store.partition() == truth


def span(key: bytes, contact: UUID, **other: int) -> KeySpan:
    return KeySpan(key, 0, other.get("first", 0), other.get("last", 0), contact)


def test_the_oldest_contact_becomes_the_root() -> None:
    old, young = UUID(int=1), UUID(int=2)

    result = resolve(
        [Claimant(lead(1), [ID + b"a", ID + b"b"])],
        [span(ID + b"a", young), span(ID + b"b", old)],
        frozenset(),
        lambda: lead(9),
    )

    assert result.merges == {young: old}
    assert result.contact_of == {lead(1): old}
    assert result.new_contacts == []


def test_a_stopped_key_joins_nobody() -> None:
    """A shop's shared phone must not make one person of its customers."""
    fresh = ids()
    shop = PHONE + b"shop"

    result = resolve(
        [Claimant(lead(1), [shop]), Claimant(lead(2), [shop])],
        [span(shop, UUID(int=5))],
        frozenset([shop]),
        lambda: next(fresh),
    )

    assert result.contact_of[lead(1)] != result.contact_of[lead(2)]
    assert result.spans == []


def test_a_lead_without_keys_is_a_contact_of_its_own() -> None:
    fresh = ids()

    result = resolve(
        [Claimant(lead(1), []), Claimant(lead(2), [])], [], frozenset(), lambda: next(fresh)
    )

    assert len(set(result.contact_of.values())) == 2


def test_a_number_that_was_silent_for_longer_than_the_window_is_another_persons() -> None:
    nodes = [Node(lead(n), [PHONE + b"x"], day * DAY) for n, day in enumerate((0, 10, 21, 25))]

    assert partition(clusters(nodes, rules=RULES)) == {
        frozenset({lead(0), lead(1)}),
        frozenset({lead(2), lead(3)}),
    }


def test_a_lead_in_the_gap_links_both_sides() -> None:
    store = Store()
    for n, day in enumerate((0, 15, 8)):
        store.load([Node(lead(n), [PHONE + b"x"], day * DAY)])

    assert store.partition() == {frozenset({lead(0), lead(1), lead(2)})}


def owner(n: int, day: int, *names: int) -> Node:
    return Node(
        lead(n), [PHONE + b"x", *(bytes((KeyKind.NAME, name)) for name in names)], day * DAY
    )


def test_after_a_rest_another_name_is_the_next_owner_of_a_number() -> None:
    before, same, other, nameless = owner(0, 0, 1), owner(1, 8, 1), owner(1, 8, 2), owner(1, 8)

    assert len(partition(clusters([before, same], rules=RULES))) == 1
    assert len(partition(clusters([before, other], rules=RULES))) == 2
    assert len(partition(clusters([before, nameless], rules=RULES))) == 1
    assert len(partition(clusters([before, owner(1, 3, 2)], rules=RULES))) == 1


def test_a_name_that_comes_late_parts_what_was_one_person() -> None:
    store = Store()
    store.load([owner(0, 0, 1), owner(1, 8)])
    assert len(store.partition()) == 1
    found = store.load([owner(2, 9, 2)])

    assert [one.key for one in found.newly_parted] == [PHONE + b"x"] * 2
    assert store.partition() == {frozenset({lead(0)}), frozenset({lead(1), lead(2)})}


def test_a_strong_key_knows_no_window() -> None:
    nodes = [Node(lead(n), [ID + b"x"], n * 1000 * DAY) for n in range(3)]

    assert partition(clusters(nodes, rules=RULES)) == {frozenset({lead(0), lead(1), lead(2)})}


def test_a_phone_with_three_id_numbers_is_shared_and_gives_back_whom_it_had_joined() -> None:
    phone = PHONE + b"shop"
    people = [Node(lead(n), [ID + bytes((n,)), phone], 0) for n in range(2)]
    store = Store()
    store.load(people)
    assert store.partition() == {frozenset({lead(0), lead(1)})}
    found = store.load([Node(lead(2), [ID + b"\x02", phone], 0)])

    assert [one.key for one in found.newly_shared] == [phone]
    assert store.partition() == {frozenset({lead(n)}) for n in range(3)}
    store.load([Node(lead(3), [phone], 0), Node(lead(4), [ID + b"\x00", phone], 0)])
    assert frozenset({lead(0), lead(4)}) in store.partition()
    assert frozenset({lead(3)}) in store.partition()


def named(n: int, who: int, phone: bytes) -> Node:
    return Node(lead(n), [phone, bytes((KeyKind.NAME, who))], 0)


def test_one_phone_with_six_names_is_one_person_and_with_nine_a_shops() -> None:
    """同一手机号 6 个姓名 must be one contact with all values; what a shop assistant types is not."""
    phone = PHONE + b"x"
    rules = IdentityRules()
    people = [named(n, n, phone) for n in range(9)]
    store = Store(rules)
    store.load(people[:6])
    assert len(store.partition()) == 1
    found = store.load(people[6:])

    assert [one.key for one in found.newly_shared] == [phone]
    assert len(store.partition()) == 9
    assert store.partition() == partition(clusters(people, rules=rules))


def test_one_name_joins_nobody() -> None:
    nodes = [Node(lead(n), [bytes((KeyKind.NAME, 1))], 0) for n in range(2)]
    store = Store()
    store.load(nodes)

    assert (
        partition(clusters(nodes))
        == store.partition()
        == {frozenset({lead(0)}), frozenset({lead(1)})}
    )
    assert store.spans == {}
    assert path(nodes, [lead(0)], [lead(1)]) is None


def test_a_split_of_what_a_merge_had_joined_gives_both_old_contacts_back() -> None:
    old, young = UUID(int=1), UUID(int=2)
    members = [Member(lead(0), old), Member(lead(1), young), Member(lead(2), young)]
    parts = {lead(0): lead(0), lead(1): lead(1), lead(2): lead(1)}

    placed = place(members, parts, lambda: lead(99))

    assert (placed.moved, placed.new_contacts) == ({}, [])
    assert placed.became == {old: None, young: None}


def test_leads_of_one_contact_that_part_get_a_new_one() -> None:
    only, fresh = UUID(int=1), lead(99)
    members = [Member(lead(0), only), Member(lead(1), only)]

    placed = place(members, {lead(0): lead(0), lead(1): lead(1)}, lambda: fresh)

    assert placed.moved == {lead(1): fresh}
    assert placed.root_of == {lead(0): only, lead(1): fresh}


def test_the_path_of_evidence_is_the_shortest_chain_of_keys() -> None:
    a, b, c = PHONE + b"a", PHONE + b"b", ID + b"c"
    nodes = [Node(lead(0), [a], 0), Node(lead(1), [a, b], 0), Node(lead(2), [b, c], 0)]
    nodes += [Node(lead(3), [c], 0)]

    found = path(nodes, [lead(0)], [lead(3)])

    assert found is not None
    assert [(one.lead, one.key, one.other) for one in found] == [
        (lead(0), a, lead(1)),
        (lead(1), b, lead(2)),
        (lead(2), c, lead(3)),
    ]
    assert path(nodes, [lead(0)], [lead(3)], stopped=frozenset([b])) is None
    assert path(nodes, [lead(0)], [lead(0)]) == []


@given(LEADS)
def test_every_key_of_a_lead_is_in_one_span(drawn: list[tuple[set[bytes], int]]) -> None:
    nodes = nodes_of(drawn)
    held = [(one.key, member) for one in spans(nodes, RULES) for member in one.leads]

    assert sorted(held) == sorted(
        (key, node.lead) for node in nodes for key in node.keys if RULES.joins(key)
    )


def test_a_span_that_becomes_part_of_a_shared_one_gives_back_whom_it_had_joined() -> None:
    """The shared span may be the older or the younger of the two; each lead comes in a batch of its own."""
    phone = PHONE + b"a"
    for shared_from, joined_from in ((0, 20), (20, 0)):
        shop = [({phone, NAME + name}, shared_from) for name in (b"a", b"b", b"c")]
        pair = [({phone, NAME + b"d"}, joined_from), ({phone, NAME + b"d"}, joined_from + 1)]
        bridge = [({phone}, day) for day in (4, 8, 12, 16)]
        nodes = nodes_of([*shop, *pair, *bridge])
        store = Store()
        for node in nodes:
            store.load([node])

        assert store.partition() == partition(clusters(nodes, rules=RULES))
        assert len(store.partition()) == len(nodes)
