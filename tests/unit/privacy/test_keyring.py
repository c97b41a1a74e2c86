"""Sealing, blind index, synthetic ids."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from hub.errors import ConfigError
from hub.model.lead import IdentityKey, KeyKind
from hub.privacy.keyring import KeyRing, UnsealError, new_keys

MOBILE = IdentityKey(KeyKind.MOBILE, "+8619900001234")


def test_a_sealed_value_opens_only_in_its_own_row(keyring: KeyRing) -> None:
    sealed = keyring.seal("张三 😀".encode(), b"row-1")

    assert keyring.unseal(sealed, b"row-1").decode() == "张三 😀"
    with pytest.raises(UnsealError):
        keyring.unseal(sealed, b"row-2")


@pytest.mark.parametrize("position", [0, 2, 20, -1])
def test_an_altered_value_does_not_open(keyring: KeyRing, position: int) -> None:
    sealed = bytearray(keyring.seal(b"value", b"row"))
    sealed[position] ^= 1

    with pytest.raises(UnsealError):
        keyring.unseal(bytes(sealed), b"row")


def test_a_cut_value_does_not_open(keyring: KeyRing) -> None:
    for length in range(30):
        with pytest.raises(UnsealError):
            keyring.unseal(keyring.seal(b"value", b"row")[:length], b"row")


def test_old_keys_still_open_what_they_sealed(keyring: KeyRing) -> None:
    sealed = keyring.seal(b"value", b"row")
    rotated = replace(keyring, sealing={**keyring.sealing, 9: b"9" * 32}, active=9)

    assert rotated.unseal(sealed, b"row") == b"value"
    assert rotated.seal(b"value", b"row")[:2] == b"\x00\x09"


def test_the_same_phone_at_two_merchants_has_two_blind_keys(keyring: KeyRing) -> None:
    assert keyring.blind("a", MOBILE) != keyring.blind("b", MOBILE)


def test_a_phone_meets_its_own_hash(keyring: KeyRing) -> None:
    hashed = hashlib.sha256(MOBILE.value.encode()).hexdigest()

    assert keyring.blind_phone_hash("a", hashed.upper()) == keyring.blind("a", MOBILE)


def test_a_blind_key_says_its_kind_and_is_no_bare_hash(keyring: KeyRing) -> None:
    blind = keyring.blind("a", MOBILE)

    assert blind[0] == KeyKind.MOBILE
    assert len(blind) == 17
    assert hashlib.sha256(MOBILE.value.encode()).digest()[:16] != blind[1:]


def test_synthetic_ids_do_not_depend_on_where_parts_are_cut(keyring: KeyRing) -> None:
    assert keyring.synthetic_id("ab", "c") != keyring.synthetic_id("a", "bc")
    assert keyring.synthetic_id("ab", "c") == keyring.synthetic_id("ab", "c")


def test_a_key_ring_does_not_show_its_keys(keyring: KeyRing) -> None:
    assert repr(keyring) == "KeyRing(active=1)"


def test_a_key_ring_with_a_short_key_is_refused() -> None:
    document = new_keys() | {"index": "c2hvcnQ="}

    with pytest.raises(ConfigError, match="32 bytes"):
        KeyRing.parse(document)


def test_a_key_ring_without_its_active_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="active"):
        KeyRing.parse(new_keys() | {"active": 7})
