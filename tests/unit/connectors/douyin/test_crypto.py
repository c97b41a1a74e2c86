"""Phones that 来客 encrypts with the application's secret: the vectors of the notes, and no guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.douyin import crypto
from hub.connectors.douyin.crypto import UndecryptableError, decrypt_phone, encrypt, key_of

KEY = b"0123456789abcdef0123456789ABCDEF"
VECTORS = [("last", "dv+u4imlpCEAkjqB+7st6Q=="), ("first", "y2fn8XW7qjE4zIOumB12DA==")]


@pytest.mark.parametrize(("iv", "text"), VECTORS)
def test_the_vectors_of_the_notes(iv: crypto.Iv, text: str) -> None:
    assert decrypt_phone(text, KEY, iv) == "10000000000"
    assert encrypt("10000000000", KEY, iv) == text


def test_a_secret_of_32_bytes_is_the_key() -> None:
    assert key_of(KEY, "left") == key_of(KEY, "right") == KEY
    assert not crypto.is_ambiguous(KEY)


@pytest.mark.parametrize(
    ("secret", "first", "key"),
    [
        (b"s" * 30, "left", b"#" + b"s" * 30 + b"#"),
        (b"s" * 30, "right", b"#" + b"s" * 30 + b"#"),
        (b"s" * 29, "left", b"##" + b"s" * 29 + b"#"),
        (b"s" * 29, "right", b"#" + b"s" * 29 + b"##"),
        (b"a" + b"s" * 32 + b"z", "left", b"s" * 32),
        (b"a" + b"s" * 32, "left", b"s" * 32),
        (b"s" * 32 + b"z", "right", b"s" * 32),
    ],
)
def test_a_secret_of_another_length_is_padded_or_cut_on_both_sides_in_turn(
    secret: bytes, first: crypto.Side, key: bytes
) -> None:
    assert key_of(secret, first) == key
    assert crypto.is_ambiguous(secret) == (len(secret) % 2 == 1)


@given(st.binary(min_size=1, max_size=80), st.sampled_from(["left", "right"]))
def test_a_key_has_32_bytes_and_its_number_comes_back(secret: bytes, first: crypto.Side) -> None:
    key = key_of(secret, first)

    assert len(key) == 32
    assert decrypt_phone(encrypt("19900000001", key), key) == "19900000001"


@given(st.text(max_size=60) | st.binary(max_size=48).map(lambda raw: raw.hex()))
def test_whatever_is_no_phone_is_one_error_that_quotes_nothing(text: str) -> None:
    with pytest.raises(UndecryptableError) as caught:
        decrypt_phone(text, KEY)

    assert caught.value.__cause__ is None
    assert text not in str(caught.value) or len(text) < 3


def test_another_keys_ciphertext_is_refused() -> None:
    for number in range(200):
        text = encrypt(f"1990000{number:04d}", KEY[::-1])
        with pytest.raises(UndecryptableError):
            decrypt_phone(text, KEY)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dv+u4imlpCEAkjqB+7st6Q==", True),
        ("19900000001", False),
        ("199****0001", False),
        ("+8619900000001", False),
        ("Enc.demo", False),
        ("abcd", False),
        ("", False),
    ],
)
def test_a_local_ciphertext_is_told_from_a_phone(text: str, found: bool) -> None:
    assert crypto.is_local(text) == found
