"""The Xiaohongshu connector passes the suite that every connector passes, for each of its shapes."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from hub.connectors.signatures import verify
from hub.connectors.xiaohongshu import CONNECTOR
from hub.errors import SignatureError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.suite import NOW, PushCase, PushSuite

TOKEN = b"demo_xhs_token"
SIGNED = SignatureSettings(
    scheme="hmac_sha1", header="X-Red-Signature", prefix="sha1=", secret_env="HUB_X"
)
FORM = SourceSettings(platform="xiaohongshu", push="form_push", signature=SIGNED)
DM = SourceSettings(platform="xiaohongshu", push="dm_push", signature=SIGNED)
ACK = {"code": 0, "message": "success"}
# The vendor's scheme on an invented body, worked out apart from this code.
VECTOR = (
    '{"data":{"leads_id":"L1","account_id":"A1","submitted_time":"2025-01-01 08:00:00","data":'
    '[{"label":"姓名","value":"张三"},{"label":"手机号","value":"10000000000"}]},'
    '"timestamp":1735689600,"source":"official"}'
).encode()
VECTOR_SIGNATURE = "sha1=f708c4692e92c770f21d4aaeaaa6b3e95094ecab"
VECTOR_READ = {
    "timestamp": 1735689600,
    "source": "official",
    "leads_id": "L1",
    "account_id": "A1",
    "submitted_time": "2025-01-01 08:00:00",
    "data": [{"label": "姓名", "value": "张三"}, {"label": "手机号", "value": "10000000000"}],
}
DM_BODY = {
    "timestamp": 1735689600,
    "source": "official",
    "data": {"id": "DM1", "type": 0, "time": "2025-01-01 08:00:00", "nick_name": "演示昵称"},
}


def a_push(body: bytes, signature: str) -> HookRequest:
    headers = {"content-type": "application/json", "x-red-signature": signature}
    return HookRequest("POST", b"", headers, body)


def signed(document: Any) -> HookRequest:
    body = json.dumps(document, ensure_ascii=False).encode()
    return a_push(body, "sha1=" + hmac.digest(TOKEN, body, "sha1").hex())


class TestFormPush(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=FORM,
            request=a_push(VECTOR, VECTOR_SIGNATURE),
            secrets=(TOKEN,),
            payloads=[VECTOR_READ],
            ack=ACK,
            secret_texts=(TOKEN.decode(), VECTOR_SIGNATURE),
        )


class TestDmPush(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        data: Any = DM_BODY["data"]
        return PushCase(
            connector=CONNECTOR,
            source=DM,
            request=signed(DM_BODY),
            secrets=(TOKEN,),
            payloads=[{"timestamp": 1735689600, "source": "official", **data}],
            ack=ACK,
            secret_texts=(TOKEN.decode(),),
        )


@pytest.mark.parametrize(
    "header",
    [
        "sha1=6c129d80d5f17d3e1b5d60fb751f124c5e1e39efdbe51830d285a6fe73b22e26",  # HMAC-SHA256
        "sha1=1e6da766849c8745fc6b981e9a704a5e1bec0413",  # SHA-1 of token and body
        "sha1=",
        "",
        "sha1=" + "0" * 40,
        "sha256=f708c4692e92c770f21d4aaeaaa6b3e95094ecab",
        VECTOR_SIGNATURE[:-1],
        VECTOR_SIGNATURE + "0",
        "sha1=张三",
    ],
)
def test_a_signature_of_another_kind_is_refused_with_one_error(header: str) -> None:
    with pytest.raises(SignatureError):
        verify(SIGNED, a_push(VECTOR, header), (TOKEN,), NOW)


def test_what_public_receivers_get_wrong_is_what_the_vectors_say() -> None:
    wrong = hmac.digest(TOKEN, VECTOR, "sha256").hex(), hashlib.sha1(TOKEN + VECTOR).hexdigest()  # noqa: S324 -- a wrong scheme, to be refused

    assert wrong == (
        "6c129d80d5f17d3e1b5d60fb751f124c5e1e39efdbe51830d285a6fe73b22e26",
        "1e6da766849c8745fc6b981e9a704a5e1bec0413",
    )


@pytest.mark.parametrize(
    "change", [VECTOR + b"\n", VECTOR.replace(b"L1", b"L2"), VECTOR[:-1], b""]
)
def test_a_body_that_was_changed_is_refused(change: bytes) -> None:
    """The raw bytes are signed: not even a line break may be added."""
    with pytest.raises(SignatureError):
        verify(SIGNED, a_push(change, VECTOR_SIGNATURE), (TOKEN,), NOW)


def test_while_a_token_is_changed_both_are_good() -> None:
    verify(SIGNED, a_push(VECTOR, VECTOR_SIGNATURE), (b"the next one", TOKEN), NOW)
