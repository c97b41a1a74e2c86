"""Index keys with ids, rings that renew themselves, and identity while keys stand under two index keys."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.identity.edges import Node, clusters
from hub.identity.rules import RULES, kind_of
from hub.model.lead import IdentityKey, KeyKind
from hub.privacy.keyring import KeyRing, is_under, new_keys

MOBILE = IdentityKey(KeyKind.MOBILE, "+8619900001234")
HASHED = IdentityKey(
    KeyKind.MOBILE, "sha256:c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646"
)


@pytest.fixture
def two() -> KeyRing:
    return KeyRing({1: b"s" * 32}, 1, {1: b"a" * 32, 2: b"b" * 32}, b"i" * 32, index_active=2)


def test_a_ring_of_an_older_release_has_index_key_one() -> None:
    key = base64.b64encode(b"k" * 32).decode()
    ring = KeyRing.parse({"active": 1, "sealing": {"1": key}, "index": key, "id": key})

    assert (dict(ring.index), ring.index_active) == ({1: b"k" * 32}, 1)


def test_a_new_ring_reads_back() -> None:
    assert KeyRing.parse(new_keys()).index_active == 1


def test_a_ring_without_its_active_index_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="active index key"):
        KeyRing.parse(new_keys() | {"index_active": 2})


def test_a_blind_key_tells_an_even_index_key_from_an_odd_one_and_keeps_its_kind(
    two: KeyRing,
) -> None:
    odd, even = two.blind_under(1, "m", MOBILE), two.blind_under(2, "m", MOBILE)

    assert (odd[0], even[0]) == (KeyKind.MOBILE, KeyKind.MOBILE | 0x40)
    assert kind_of(odd) == kind_of(even) == KeyKind.MOBILE
    assert is_under(odd, 1)
    assert is_under(even, 2)
    assert not is_under(odd, 2)
    assert odd[1:] != even[1:]


def test_look_ups_ask_under_every_index_key_and_writes_use_the_active_one(two: KeyRing) -> None:
    assert two.blinds("m", MOBILE) == [
        two.blind_under(2, "m", MOBILE),
        two.blind_under(1, "m", MOBILE),
    ]
    assert two.blind("m", MOBILE) == two.blinds("m", MOBILE)[0]
    assert two.using_index(1).blind("m", MOBILE) == two.blind_under(1, "m", MOBILE)


def test_a_hashed_phone_meets_the_same_phone_in_plain_under_each_index_key(two: KeyRing) -> None:
    digest = hashlib.sha256(MOBILE.value.encode()).hexdigest()
    hashed = IdentityKey(KeyKind.MOBILE, f"sha256:{digest}")

    for number in (1, 2):
        assert two.blind_under(number, "m", hashed) == two.blind_under(number, "m", MOBILE)
    assert two.blind_phone_hash("m", digest) == two.blind("m", MOBILE)
    assert two.blind("m", HASHED) != two.blind("m", MOBILE)


def test_a_ring_cannot_be_bound_to_an_index_key_that_it_lacks(two: KeyRing) -> None:
    with pytest.raises(ConfigError, match="index key 3"):
        two.using_index(3, renews=2)


def test_a_ring_takes_over_what_a_rotation_adds(two: KeyRing) -> None:
    newer = replace(two, sealing={1: b"s" * 32, 2: b"t" * 32}, active=2)
    sealed = newer.seal(b"value", b"row")
    answers = [newer]
    ring = replace(two, fresh=lambda _force: answers.pop() if answers else None)

    assert ring.unseal(sealed, b"row") == b"value"
    assert ring.seal(b"value", b"row")[:2] == b"\x00\x02"


def test_a_ring_bound_to_a_transaction_keeps_its_index_key(two: KeyRing) -> None:
    """Else a batch would change the key that it writes under halfway through."""
    newer = replace(two, index={1: b"a" * 32, 2: b"b" * 32, 3: b"c" * 32}, index_active=3)
    bound = replace(two, fresh=lambda _force: newer).using_index(2, renews=1)
    before = bound.blind("m", MOBILE)
    bound.seal(b"value", b"row")

    assert (bound.index_active, bound.renews) == (2, 1)
    assert bound.blind("m", MOBILE) == before


def test_checks_tell_each_key_from_any_other_and_show_none(two: KeyRing) -> None:
    other = replace(
        two, sealing={1: b"x" * 32}, index={1: b"y" * 32, 2: b"b" * 32}, id_key=b"z" * 32
    )

    assert two.opens(two.sealing_check(1))
    assert not other.opens(two.sealing_check(1))
    assert two.index_check(1) != other.index_check(1)
    assert two.index_check(2) == other.index_check(2)
    assert two.id_check() != other.id_check()
    assert b"a" * 32 not in two.index_check(1)


KINDS = (KeyKind.MOBILE, KeyKind.ID_NUMBER, KeyKind.UNIONID, KeyKind.EMAIL)


def a_key(kind: int, number: int, moved: bool) -> bytes:
    return bytes((kind | (0x40 if moved else 0), number)) + bytes(15)


@given(
    leads=st.lists(
        st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 4)), max_size=4), max_size=12
    ),
    moved=st.sets(st.tuples(st.sampled_from(KINDS), st.integers(0, 4))),
    stopped=st.sets(st.tuples(st.sampled_from(KINDS), st.integers(0, 4)), max_size=2),
)
def test_it_makes_no_difference_to_identity_which_keys_have_moved(
    leads: list[list[tuple[KeyKind, int]]],
    moved: set[tuple[KeyKind, int]],
    stopped: set[tuple[KeyKind, int]],
) -> None:
    """Shared keys count the kinds beside them, whatever index key each stands under."""

    def persons(gone: set[tuple[KeyKind, int]]) -> dict[UUID, UUID]:
        nodes = [
            Node(UUID(int=n), [a_key(*key, key in gone) for key in dict.fromkeys(keys)], n)
            for n, keys in enumerate(leads)
        ]
        return clusters(nodes, frozenset(a_key(*key, key in gone) for key in stopped), RULES)

    assert persons(moved) == persons(set())
