"""Signatures: published vectors, every scheme, and that bad input raises one error only."""

from __future__ import annotations

import base64
import hashlib
import hmac
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from hub.connectors.signatures import verify
from hub.errors import SignatureError
from hub.model.delivery import HookRequest
from hub.settings import SCHEMES, SignatureSettings

NOW = datetime(2026, 2, 17, 12, tzinfo=UTC)
DOUYIN_SECRET = b"demo_client_secret_0123456789abcd"
CONTACT = (
    '{"event":"personal_tab_contact","client_key":"awdemo0001","from_user_id":"ou_demo",'
    '"content":"{\\"name\\":\\"张三\\"}","log_id":"demo-1"}'
).encode()


def a_request(body: bytes = b"", **changes: Any) -> HookRequest:
    parts: dict[str, Any] = {"method": "POST", "query": b"", "headers": {}, "body": body}
    return HookRequest(**{**parts, **changes})


def settings(scheme: Any, **changes: Any) -> SignatureSettings:
    return SignatureSettings(scheme=scheme, **changes)


def accepts(
    signature: SignatureSettings, request: HookRequest, *secrets: bytes, now: datetime = NOW
) -> bool:
    try:
        verify(signature, request, secrets, now)
    except SignatureError:
        return False
    return True


DOUYIN = settings("sha1_concat", header="X-Douyin-Signature")


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (
            b'{"event":"verify_webhook","client_key":"awdemo0001","content":{"challenge":12345}}',
            "77cc668829ea46ca041fe72880234d9bc67c5116",
        ),
        (CONTACT, "ff8799319f6987a68f124a2da737c704dd65b3b7"),
        (CONTACT + b"\n", "c06e3b74daff5c8ce831ed090704c037c7708a90"),
    ],
)
def test_douyin_open_platform_vectors_pass(body: bytes, signature: str) -> None:
    request = a_request(body, headers={"x-douyin-signature": signature})

    assert accepts(DOUYIN, request, DOUYIN_SECRET)
    assert not accepts(DOUYIN, request, b"another")


def test_line_breaks_are_forgiven_only_where_settings_say_so() -> None:
    signed_without = {"x-douyin-signature": "ff8799319f6987a68f124a2da737c704dd65b3b7"}
    request = a_request(CONTACT + b"\r\n", headers=signed_without)
    tolerant = DOUYIN.model_copy(update={"tolerate_line_breaks": True})

    assert not accepts(DOUYIN, request, DOUYIN_SECRET)
    assert accepts(tolerant, request, DOUYIN_SECRET)


def test_life_spi_vector_passes() -> None:
    """Secret, sorted URL parameters without the old `sign`, and the raw body."""
    signature = settings("sha256_concat", header="x-life-sign", field="sign")
    request = a_request(
        '{"order_id":"900001","name":"张三"}'.encode(),
        query=b"timestamp=1735689600000&order_id=900001&client_key=awdemo0001&sign=old",
        headers={
            "x-life-sign": "2bc070e25d2c2b5ed8beca16764018a8f17a9e2b47efa37d1e0c10bcb8d91132"
        },
    )

    assert accepts(signature, request, DOUYIN_SECRET)
    assert not accepts(signature, request, DOUYIN_SECRET + b"x")


def test_sha256_concat_without_field_is_secret_and_body() -> None:
    digest = hashlib.sha256(b"s3cret" + b"body").hexdigest()
    request = a_request(b"body", headers={"x-sign": digest.upper()})

    assert accepts(settings("sha256_concat", header="X-Sign"), request, b"s3cret")


def test_ocean_engine_spi_vector_passes() -> None:
    body = (
        b'{"message_id":"m-1","subscribe_task_id":1001,"advertiser_ids":[1700000000000001],'
        b'"service_label":"demo.label","publish_time":1735689600000,"timestamp":1735689600123,'
        b'"nonce":"n1","data":"{\\"x\\":1}"}'
    )
    expected = "66818832dd69d5ec37a98bf8fe37d7ef04700cc8af0b4af8b570f3805da99e76"
    request = a_request(body, headers={"x-open-signature": expected})

    assert accepts(
        settings("hmac_sha256", header="X-Open-Signature"), request, b"demo_spi_secret_key"
    )


XHS_BODY = (
    '{"data":{"leads_id":"L1","account_id":"A1","submitted_time":"2025-01-01 08:00:00","data":'
    '[{"label":"姓名","value":"张三"},{"label":"手机号","value":"10000000000"}]},'
    '"timestamp":1735689600,"source":"official"}'
).encode()


@pytest.mark.parametrize(
    ("signature", "right"),
    [
        ("sha1=f708c4692e92c770f21d4aaeaaa6b3e95094ecab", True),
        ("sha1=6c129d80d5f17d3e1b5d60fb751f124c5e1e39efdbe51830d285a6fe73b22e26", False),
        ("sha1=1e6da766849c8745fc6b981e9a704a5e1bec0413", False),
    ],
)
def test_xiaohongshu_vector_passes_and_the_look_alikes_do_not(signature: str, right: bool) -> None:
    scheme = settings("hmac_sha1", header="X-Red-Signature", prefix="sha1=")

    assert (
        accepts(
            scheme, a_request(XHS_BODY, headers={"x-red-signature": signature}), b"demo_xhs_token"
        )
        is right
    )


def test_hmac_in_base64_passes() -> None:
    digest = base64.b64encode(hmac.digest(b"k", b"body", "sha256")).decode()
    scheme = settings("hmac_sha256", header="X-Signature-1", encoding="base64")

    assert accepts(scheme, a_request(b"body", headers={"x-signature-1": digest}), b"k")


def test_meituan_vector_passes_in_any_field_order() -> None:
    fields = {
        "version": "2",
        "sign": "0c6e6fc964742746a18ae0baaa35e312bbd163bf",
        "timestamp": "1735689600",
        "developerId": "100001",
        "charset": "UTF-8",
        "empty": "",
        "businessId": "58",
        "biz": '{"bizid":"900001","status":1}',
        "appAuthToken": "demoToken",
    }
    scheme = settings("sorted_sha1", field="sign")

    assert accepts(scheme, a_request(urlencode(fields).encode()), b"demoSignKey")
    assert not accepts(
        scheme, a_request(urlencode({**fields, "biz": "{}"}).encode()), b"demoSignKey"
    )


def test_dianping_vector_passes_by_get() -> None:
    """A push by GET is signed over its query."""
    fields = (
        "app_key=demoapp&book_status=1&format=json&order_id=900001&remark=&session=demosession"
        f"&sign_method=MD5&timestamp={quote_plus('2025-01-01 08:00:00')}&v=1"
        "&sign=916f9e9882062d807a00b340bbcf81e8"
    )
    request = a_request(method="GET", query=fields.encode())

    assert accepts(settings("sorted_md5"), request, b"demo_dp_secret")


def standard_request(secret: bytes, body: bytes = b"{}", sent_at: datetime = NOW) -> HookRequest:
    stamp = str(int(sent_at.timestamp()))
    digest = hmac.digest(secret, b"msg_1." + stamp.encode() + b"." + body, "sha256")
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1a,zzz v1,wrong v1," + base64.b64encode(digest).decode(),
    }
    return a_request(body, headers=headers)


def test_standard_webhooks_published_example_passes() -> None:
    """The example of the standard's own reference implementations."""
    request = a_request(
        b'{"test": 2432232314}',
        headers={
            "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "svix-timestamp": "1614265330",
            "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
    )
    sent_at = datetime.fromtimestamp(1614265330, UTC)

    assert accepts(
        settings("standard_webhooks", header="svix"),
        request,
        b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        now=sent_at,
    )


@pytest.mark.parametrize("skew_s", [-301, 301, 10**9])
def test_standard_webhooks_refuses_what_is_not_fresh(skew_s: int) -> None:
    scheme = settings("standard_webhooks")
    request = standard_request(b"raw secret")

    assert accepts(scheme, request, b"raw secret")
    assert not accepts(scheme, request, b"raw secret", now=NOW + timedelta(seconds=skew_s))


def test_any_of_several_secrets_is_enough_while_one_is_rotated() -> None:
    request = standard_request(b"old!")

    assert accepts(settings("standard_webhooks"), request, b"new!", b"old!")


BEARER = settings("static_header", header="Authorization", prefix="Bearer ")
TOKEN = settings("static_body", field="hub_token")


@pytest.mark.parametrize(
    ("scheme", "request_"),
    [
        (settings("static_path"), a_request(path_secret="s3cret")),
        (BEARER, a_request(headers={"authorization": "Bearer s3cret"})),
        (TOKEN, a_request(b'{"hub_token":"s3cret","a":[1]}')),
        (TOKEN, a_request('{"name":"誠","hub_token":"s3cret"}'.encode("gbk"))),
        (TOKEN, a_request(b"\xef\xbb\xbf" + b'{"hub_token":"s3cret"}')),
        (TOKEN, a_request(b"name=%D5%C5&hub_token=s3cret")),
        (TOKEN, a_request(method="GET", query=b"hub_token=s3cret")),
    ],
)
def test_a_static_secret_is_found_where_it_stands(
    scheme: SignatureSettings, request_: HookRequest
) -> None:
    assert accepts(scheme, request_, b"s3cret")
    assert not accepts(scheme, request_, b"s3cre")


@pytest.mark.parametrize(
    "scheme", [name for name in SCHEMES if name not in ("none", "record_only")]
)
def test_without_a_secret_or_a_signature_nothing_passes(scheme: str) -> None:
    """An empty secret must not equal an absent signature."""
    empty = settings(scheme, header="x", field="f")

    assert not accepts(empty, a_request(b"{}"))
    assert not accepts(empty, a_request(b"{}"), b"")
    assert not accepts(empty, a_request(b""), b"secret")


@pytest.mark.parametrize("scheme", ["none", "record_only"])
def test_schemes_that_prove_nothing_let_everything_in(scheme: str) -> None:
    assert accepts(settings(scheme), a_request(b"\xff"))


def test_too_many_fields_are_refused() -> None:
    assert not accepts(settings("sorted_md5"), a_request(b"a=1&" * 3000), b"s")


HEADERS = st.dictionaries(
    st.sampled_from(["x", "webhook-id", "webhook-timestamp", "webhook-signature"]),
    st.text(max_size=40) | st.sampled_from(["v1,", "v1,=", "1771329600", "9" * 5000, "²"]),
)
BODIES = st.binary(max_size=200) | st.sampled_from(
    [b"{", b'{"f":' + b"[" * 20_000, b"{}", b'{"f":1e999}', b'{"f":"\\ud800"}', b"f=%", b"\xff&=&"]
)


@budget(deadline=None, max_examples=300)
@given(
    scheme=st.sampled_from(SCHEMES),
    headers=HEADERS,
    body=BODIES,
    query=st.binary(max_size=60),
    path_secret=st.none() | st.text(max_size=10),
    secrets=st.lists(st.binary(max_size=20), max_size=3),
    shape=st.tuples(
        st.sampled_from(["", "x", "Ü中"]), st.sampled_from(["", "f", "字段"]), st.booleans()
    ),
)
def test_no_input_raises_anything_but_signature_error(
    scheme: str,
    headers: dict[str, str],
    body: bytes,
    query: bytes,
    path_secret: str | None,
    secrets: list[bytes],
    shape: tuple[str, str, bool],
) -> None:
    header, field, tolerant = shape
    signature = settings(scheme, header=header, field=field, tolerate_line_breaks=tolerant)
    request = a_request(body, query=query, headers=headers, path_secret=path_secret)

    with suppress(SignatureError):
        verify(signature, request, secrets, NOW)
