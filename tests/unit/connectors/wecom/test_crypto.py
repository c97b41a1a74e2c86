"""The callback's encryption against the vendor's vectors, and against what is broken."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.wecom import crypto
from hub.connectors.wecom.crypto import CryptoError
from tests.unit.connectors.wecom import vectors as v

PUBLISHED = crypto.aes_key(v.OFFICIAL_KEY)
DEMO = crypto.aes_key(v.KEY)


def sealed(plain: bytes) -> str:
    """`plain` under the demo key as it is: no random, no length, no padding added."""
    encryptor = Cipher(algorithms.AES256(DEMO), modes.CBC(DEMO[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def signed(token: bytes, vector: v.Vector) -> str:
    parts = (vector.timestamp.encode(), vector.nonce.encode(), vector.encrypted.encode())
    return crypto.signature(token, *parts)


@pytest.mark.parametrize("vector", [v.OFFICIAL_GET, v.OFFICIAL_JSON, v.OFFICIAL_XML])
def test_the_vendors_signatures_are_ours(vector: v.Vector) -> None:
    assert signed(v.OFFICIAL_TOKEN, vector) == vector.signature


@pytest.mark.parametrize("vector", [v.GET, v.EVENT])
def test_the_worked_out_signatures_are_ours(vector: v.Vector) -> None:
    assert signed(v.TOKEN, vector) == vector.signature


def test_the_vendors_challenge_decrypts_to_its_answer() -> None:
    found = crypto.decrypt(PUBLISHED, v.OFFICIAL_GET.encrypted)

    assert found == (b"1616140317555161061", v.OFFICIAL_RECEIVER)


def test_the_vendors_json_message_with_a_pad_of_22_decrypts() -> None:
    """More than 16: the un-padder of a library refuses it."""
    message, receiver = crypto.decrypt(PUBLISHED, v.OFFICIAL_JSON.encrypted)

    assert (len(message), receiver) == (164, v.OFFICIAL_RECEIVER)
    assert b'"MsgId":4561255354251345929,"AgentID": 218}' in message


def test_the_vendors_xml_message_decrypts() -> None:
    message, receiver = crypto.decrypt(PUBLISHED, v.OFFICIAL_XML.encrypted)

    assert (len(message), receiver) == (284, v.OFFICIAL_RECEIVER)
    assert b"<Content><![CDATA[hello]]></Content>" in message


@pytest.mark.parametrize(
    ("vector", "random", "message"),
    [
        (v.GET, v.GET_RANDOM, v.GET_ANSWER),
        (v.EVENT, v.EVENT_RANDOM, v.EVENT_XML),
    ],
)
def test_encrypting_gives_the_worked_out_ciphertext(
    vector: v.Vector, random: bytes, message: bytes
) -> None:
    assert crypto.encrypt(DEMO, message, v.CORP, random=random) == vector.encrypted
    assert crypto.decrypt_for(DEMO, vector.encrypted, frozenset((v.CORP,))) == message


def test_a_passive_reply_with_a_whole_block_of_padding_has_the_worked_out_signature() -> None:
    encrypted = crypto.encrypt(DEMO, v.REPLY_XML, v.CORP, random=v.REPLY_RANDOM)

    assert len(base64.b64decode(encrypted)) == 288
    made = crypto.signature(v.TOKEN, b"1763784001", b"n0nce42", encrypted.encode())
    assert made == v.REPLY_SIGNATURE
    assert crypto.decrypt(DEMO, encrypted) == (v.REPLY_XML, v.CORP)


@pytest.mark.parametrize(
    ("encrypted", "reason"),
    [
        ("", "bad_length"),
        ("你好", "bad_base64"),
        ("====", "bad_base64"),
        (v.EVENT.encrypted.replace("+", " "), "bad_base64"),
        (v.GET.encrypted[:-4], "bad_length"),
        (sealed(bytes(32)), "bad_padding"),
        (sealed(bytes(31) + b"\x21"), "bad_padding"),
        (sealed(bytes(30) + b"\x01\x02"), "bad_padding"),
        (sealed(bytes((32,)) * 32), "bad_buffer"),
        (sealed(bytes(16) + b"\x00\x00\x00\xff" + b"\x0c" * 12), "bad_buffer"),
        (sealed(bytes(16) + bytes(4) + b"\xff" + b"\x0b" * 11), "bad_buffer"),
    ],
)
def test_what_is_broken_is_one_error_with_its_reason(encrypted: str, reason: str) -> None:
    with pytest.raises(CryptoError) as caught:
        crypto.decrypt(DEMO, encrypted)

    assert caught.value.reason == reason


def test_a_message_for_another_receiver_is_refused() -> None:
    with pytest.raises(CryptoError, match="wrong_receiver"):
        crypto.decrypt_for(DEMO, v.EVENT.encrypted, frozenset(("ww_other",)))


@pytest.mark.parametrize("key", ["", v.KEY[:-1], v.KEY + "A", v.KEY + "=", "张" * 43, "*" * 43])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(CryptoError, match="bad_key"):
        crypto.aes_key(key)


def test_another_key_gives_an_error_or_rubbish_but_never_the_message() -> None:
    with pytest.raises(CryptoError):
        crypto.decrypt_for(PUBLISHED, v.EVENT.encrypted, frozenset((v.CORP,)))


@given(
    message=st.binary(max_size=300), receiver=st.text(st.characters(codec="utf-8"), max_size=20)
)
def test_what_is_encrypted_decrypts(message: bytes, receiver: str) -> None:
    encrypted = crypto.encrypt(DEMO, message, receiver, random=bytes(16))

    assert crypto.decrypt(DEMO, encrypted) == (message, receiver)


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_no_bytes_raise_anything_else(rubbish: bytes) -> None:
    for text in (rubbish.decode("utf-8", "replace"), base64.b64encode(rubbish).decode()):
        try:
            crypto.decrypt(DEMO, text)
        except CryptoError:
            continue
