"""The 腾讯电子签 connector passes the suite that every connector passes, encrypted and in clear."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.tencent_esign import CONNECTOR
from hub.connectors.tencent_esign.crypto import CryptoError, decrypt, encrypt
from hub.errors import ConfigError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.suite import PushCase, PushSuite

KEY = b"0123456789ABCDEF0123456789ABCDEF"
KEY_ENV = "HUB_TEST_TENCENT_KEY"
GUARD = SignatureSettings(scheme="static_path", secret_env="HUB_TEST_TENCENT_PATH")
PLAIN = (
    b'{"MsgId":"m-0001","MsgType":"FlowStatusChange","MsgVersion":"CustomApp",'
    b'"MsgData":{"FlowId":"yDDEMO","FlowCallbackStatus":4}}'
)
CIPHER = (
    b"R+NKTKPBNJVM9W3ytUSgV2CdPK4lEZyY/P5rGYQXyH5r20OR3BgxUmuf+du+OMOKp/eESInlb4xejKb81jOpdEZG"
    b"Eul0mYK0LGtZ983DqZ8squ+sffqfdlhp7MsZSDvbx5HMEB1ZZ+J3d506oSR++7CQa8LMUx7CG4KqdQwLO1o="
)
ACK = {"code": 0, "message": "success"}


def a_source(**options: Any) -> SourceSettings:
    found = {"callback_key_env": KEY_ENV, **options}
    return SourceSettings(platform="tencent_esign", push="signing", signature=GUARD, options=found)


ENCRYPTED = a_source()
IN_CLEAR = a_source(callback_key_env="")


def a_push(body: bytes) -> HookRequest:
    return HookRequest("POST", b"", {"content-type": "application/json"}, body, "demo-path-secret")


def record_of(body: bytes, source: SourceSettings = ENCRYPTED) -> Any:
    (record,) = CONNECTOR.split(CONNECTOR.envelope(a_push(body), source), source)
    return record.unreadable or json.loads(record.payload)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY.decode())


class TestEncrypted(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=ENCRYPTED,
            request=a_push(CIPHER),
            secrets=(b"demo-path-secret",),
            payloads=[json.loads(PLAIN)],
            ack=ACK,
            delivery_key=CONNECTOR.delivery_key(a_push(PLAIN), IN_CLEAR),
            secret_texts=("demo-path-secret", KEY.decode()),
        )


class TestInClear(PushSuite):
    """Without a key, V1: the bare data."""

    @pytest.fixture
    def case(self) -> PushCase:
        data = {
            "FlowId": "yDDEMO",
            "FlowCallbackStatus": 2,
            "Approvers": [{"ApproverName": "张三"}],
        }
        body = json.dumps(data, ensure_ascii=False).encode()
        return PushCase(
            connector=CONNECTOR,
            source=IN_CLEAR,
            request=a_push(body),
            secrets=(b"demo-path-secret",),
            payloads=[{"MsgData": data}],
            ack=ACK,
            delivery_key=CONNECTOR.delivery_key(a_push(body), IN_CLEAR),
        )


def test_the_message_is_encrypted_as_computed() -> None:
    assert encrypt(KEY, PLAIN) == CIPHER
    assert decrypt(KEY, CIPHER) == PLAIN


@given(st.binary(max_size=300))
def test_what_was_encrypted_is_decrypted(plain: bytes) -> None:
    assert decrypt(KEY, encrypt(KEY, plain)) == plain


@given(st.binary(max_size=300))
def test_no_bytes_make_another_error(body: bytes) -> None:
    with suppress(CryptoError):
        decrypt(KEY, body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not base64!", "bad_base64"),
        (base64.b64encode(b"short"), "bad_length"),
        (encrypt(KEY[::-1], PLAIN), "bad_padding"),
        (encrypt(KEY, b"[1]"), "bad_key"),
    ],
)
def test_what_cannot_be_decrypted_is_kept_and_says_why(body: bytes, reason: str) -> None:
    assert record_of(body) == reason
    assert CONNECTOR.delivery_key(a_push(body), ENCRYPTED) is None


def test_while_a_key_is_changed_both_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    new = KEY[::-1]
    monkeypatch.setenv(KEY_ENV, f"{new.decode()},{KEY.decode()}")

    assert record_of(CIPHER) == record_of(encrypt(new, PLAIN)) == json.loads(PLAIN)


def test_what_was_taken_is_read_after_its_key_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    envelope = CONNECTOR.envelope(a_push(CIPHER), ENCRYPTED)
    monkeypatch.setenv(KEY_ENV, "x" * 32)

    (record,) = CONNECTOR.split(envelope, ENCRYPTED)
    assert json.loads(record.payload) == json.loads(PLAIN)


def test_user_data_in_base64_is_the_number_that_it_says() -> None:
    coded = base64.b64encode(b"HT-2026-0001").decode()
    body = json.dumps({"MsgData": {"FlowId": "y", "UserData": coded}}).encode()

    found = record_of(body, a_source(user_data="base64"))
    assert found["MsgData"]["UserData"] == "HT-2026-0001"
    assert record_of(body)["MsgData"]["UserData"] == coded


def test_a_key_of_another_length_is_a_mistake_in_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY_ENV, "short")

    with pytest.raises(ConfigError, match="32 characters"):
        CONNECTOR.check(ENCRYPTED)
