"""The e签宝 connector passes the suite that every connector passes; its vectors, its keys, its codes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hub.connectors.esign import CONNECTOR
from hub.connectors.esign.signing import signature
from hub.connectors.signatures import verify
from hub.connectors.signing_callbacks import esign_signature, esign_values
from hub.errors import ConfigError, PlatformRejectedError, SignatureError, TransientError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.signing_platform import NOW, SECRET_ENV, FlowPlatform
from tests.connectors.suite import PullSuite, PushCase, PushSuite

SECRET = b"demo_app_secret_0001"
SIGNED = SignatureSettings(scheme="esign", secret_env="HUB_TEST_ESIGN_SECRET")
PUSHED = SourceSettings(platform="esign", push="signing", signature=SIGNED)
PULLED = SourceSettings.model_validate(
    {
        "platform": "esign",
        "pulls": ["signings", "open_signings"],
        "pull": {"page_size": 10},
        "options": {"app_id": "7438000001", "secret_env": SECRET_ENV},
    }
)
VECTOR_BODY = (
    '{"action":"SIGN_FLOW_COMPLETE","timestamp":1763784000123,"signFlowId":"demoflow0001",'
    '"signFlowTitle":"采购合同-演示","signFlowStatus":"2","statusDescription":"完成",'
    '"signFlowCreateTime":1763780000000,"signFlowStartTime":1763780001000,'
    '"signFlowFinishTime":1763783999000,"customBizNum":"HT-2026-0001"}'
).encode()
SIGNER = {
    "action": "SIGN_MISSON_COMPLETE",
    "timestamp": 1763783000000,
    "signFlowId": "demoflow0001",
    "customBizNum": "HT-2026-0001",
    "signOrder": 1,
    "signResult": 2,
    "operateTime": 1763782999000,
    "operator": {"psnId": "psn-demo", "psnAccount": {"accountMobile": "19900001234"}},
    "organization": {"orgId": "org-demo", "orgName": "测试一公司"},
}


def a_request(
    body: bytes, *, query: bytes = b"src=leadhub", secret: bytes = SECRET
) -> HookRequest:
    stamp = b"1763784000456"
    headers = {
        "content-type": "application/json; charset=UTF-8",
        "x-tsign-open-app-id": "7438000001",
        "x-tsign-open-timestamp": stamp.decode(),
        "x-tsign-open-signature-algorithm": "hmac-sha256",
        "x-tsign-open-signature": esign_signature(secret, stamp, esign_values(query), body),
    }
    return HookRequest("POST", query, headers, body)


def key_of(**changes: Any) -> str | None:
    body = json.dumps({**SIGNER, **changes}).encode()
    return CONNECTOR.delivery_key(a_request(body), PUSHED)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_ENV, SECRET.decode())


class TestSigningPush(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        body = json.dumps(SIGNER, ensure_ascii=False, separators=(",", ":")).encode()
        return PushCase(
            connector=CONNECTOR,
            source=PUSHED,
            request=a_request(body),
            secrets=(SECRET,),
            payloads=[SIGNER],
            ack={"code": "200", "msg": "success"},
            delivery_key="d34c",
        )

    def test_the_platforms_id_of_a_delivery_is_its_key(self, case: PushCase) -> None:
        """The hash of flow, event, time and signer; the vendor sends no id of a delivery."""
        assert key_of() == CONNECTOR.delivery_key(case.request, case.source)
        assert len(str(key_of())) == 64


class EsignPlatform(FlowPlatform):
    """Details by GET, the list by POST."""

    def failure(self, *, permanent: bool) -> httpx.Response:
        code = 1436116 if permanent else 1435012
        return httpx.Response(200, json={"code": code, "message": "用户19900000001未授权"})

    def listed(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        start = (asked["pageNum"] - 1) * asked["pageSize"]
        shown = self.ids[start : start + asked["pageSize"]]
        infos = [self._flow(each) for each in shown]
        return httpx.Response(
            200, json={"code": 0, "data": {"total": len(self.ids), "signFlowInfos": infos}}
        )

    def detail(self, request: httpx.Request) -> httpx.Response:
        flow = request.url.path.split("/")[3]
        if flow in self.gone:
            return httpx.Response(200, json={"code": 1435011, "message": f"流程不存在:{flow}"})
        return httpx.Response(200, json={"code": 0, "data": self._flow(flow)})

    def _flow(self, flow: str) -> dict[str, Any]:
        return {"signFlowId": flow, "signFlowStatus": 1, "signers": [{"signStatus": 2}]}


class TestListed(PullSuite):
    connector = CONNECTOR
    source = PULLED

    @pytest.fixture
    def platform(self) -> EsignPlatform:
        return EsignPlatform(CONNECTOR, PULLED, "signings")


class TestOpen(PullSuite):
    connector = CONNECTOR
    source = PULLED

    @pytest.fixture
    def platform(self) -> EsignPlatform:
        return EsignPlatform(CONNECTOR, PULLED, "open_signings")


# ---- vectors


def test_a_callback_is_signed_as_in_the_public_sample() -> None:
    body = b'{"action":"SIGN_MISSON_COMPLETE","signFlowId":"x"}'
    values = esign_values(b"orderNo=001&belong=pinjie")

    assert values == b"pinjie001"
    assert esign_signature(b"dummysecret", b"1729489875363", values, body) == (
        "3c736f140e22adf842c3c7d71dfd641e4f6c35c2109403b67ebb915d43a47e0c"
    )


def test_a_finished_flow_is_signed_as_computed() -> None:
    assert len(VECTOR_BODY) == 307
    request = a_request(VECTOR_BODY)

    verify(SIGNED, request, [SECRET], NOW)
    assert request.headers["x-tsign-open-signature"] == (
        "01354669b47ad9c4aa7be44ca72c92cfc0cf2d2f2ee48016a1443948ddba5595"
    )


def test_a_retry_hours_later_is_still_accepted() -> None:
    verify(SIGNED, a_request(VECTOR_BODY), [SECRET], NOW + timedelta(days=400))


def test_values_of_the_query_may_be_signed_decoded_or_as_they_stand() -> None:
    request = a_request(VECTOR_BODY, query=b"src=a%20b")
    raw = esign_signature(SECRET, b"1763784000456", b"a%20b", VECTOR_BODY)

    verify(SIGNED, request, [SECRET], NOW)
    signed_raw = replace(
        request, headers={**request.headers, "x-tsign-open-signature": raw.upper()}
    )
    verify(SIGNED, signed_raw, [SECRET], NOW)


def test_another_query_is_another_signature() -> None:
    with pytest.raises(SignatureError):
        verify(SIGNED, replace(a_request(VECTOR_BODY), query=b"src=else"), [SECRET], NOW)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        (
            "POST",
            "/v3/sign-flow/create-by-file",
            b'{"a":1}',
            "ZnCDUNX3TAXHxeqF58kEfqpbhdeWzBca0ThAe7qhFWc=",
        ),
        (
            "GET",
            "/v3/sign-flow/demoflow0001/detail",
            b"",
            "qzeYxN0FSyArpI7HK2mAfqTDi2Zgqq3K/Pp/Bkn8g1w=",
        ),
    ],
)
def test_our_calls_are_signed_as_computed(
    method: str, path: str, body: bytes, expected: str
) -> None:
    assert signature(SECRET.decode(), method=method, path=path, body=body) == expected


# ---- keys of a delivery


def test_console_and_notify_url_deliver_one_event() -> None:
    """The same event twice, its members in another order."""
    other = json.dumps(dict(reversed(SIGNER.items()))).encode()

    assert key_of() == CONNECTOR.delivery_key(a_request(other), PUSHED)


@pytest.mark.parametrize(
    "changes",
    [
        {"signFlowId": "demoflow0002"},
        {"action": "OPERATOR_READ"},
        {"timestamp": 1763783000001},
        {"signOrder": 2},
        {"operator": {"psnId": "psn-other"}},
        {"organization": None},
    ],
)
def test_another_event_is_another_delivery(changes: dict[str, Any]) -> None:
    assert key_of(**changes) not in (None, key_of())


@pytest.mark.parametrize("name", ["signFlowId", "action", "timestamp"])
def test_without_what_names_an_event_the_bytes_are_its_key(name: str) -> None:
    assert key_of(**{name: None}) is None


# ---- pulls


def asked(platform: EsignPlatform) -> list[str]:
    pages = asyncio.run(platform.pages())
    return [each for page in pages for each in page.external_ids]


def a_platform(**changes: Any) -> EsignPlatform:
    platform = EsignPlatform(CONNECTOR, PULLED, "open_signings")
    platform.fill(3)
    for name, value in changes.items():
        setattr(platform, name, value)
    return platform


def test_a_young_flow_is_not_asked_about() -> None:
    assert asked(a_platform(aged=timedelta(hours=23))) == []


def test_a_flow_that_somebody_signed_is_asked_about_at_once() -> None:
    young = a_platform(aged=timedelta(hours=1), changed_at=NOW, may_be_done=True)

    assert len(asked(young)) == 3


def test_an_open_flow_is_asked_about_once_a_round() -> None:
    platform = a_platform()
    pages = asyncio.run(platform.pages())
    platform.cursor = pages[-1].cursor

    assert asked(platform) == []


def test_a_flow_that_is_gone_stops_no_other() -> None:
    platform = a_platform(gone={"flow0001"})
    (page,) = asyncio.run(platform.pages())
    assert page.envelope is not None

    records = [json.loads(r.payload) for r in CONNECTOR.split(page.envelope, PULLED)]

    assert [record.get("gone", False) for record in records] == [False, True, False]
    assert records[0]["all_signed"] is True


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            httpx.Response(401, json={"success": False, "message": "INVALID_TIMESTAMP"}),
            TransientError,
        ),
        (httpx.Response(200, json={"code": 1437513}), TransientError),
        (httpx.Response(200, json={"code": 1430012}), TransientError),
        (
            httpx.Response(401, json={"success": False, "message": "INVALID_SIGNATURE"}),
            PlatformRejectedError,
        ),
        (httpx.Response(401, json={"message": "无效的应用"}), PlatformRejectedError),
        (httpx.Response(403, text="no"), PlatformRejectedError),
        (httpx.Response(200, json={"code": 1435405}), PlatformRejectedError),
        (httpx.Response(200, json={"code": 9_999_999}), PlatformRejectedError),
    ],
)
def test_each_refusal_is_of_its_class(answer: httpx.Response, error: type[Exception]) -> None:
    platform = a_platform()
    platform._failures = [answer] * 10

    with pytest.raises(error):
        asked(platform)


def test_a_pull_without_an_application_is_a_mistake_in_the_settings() -> None:
    bare = SourceSettings(platform="esign", pulls=("signings",))

    with pytest.raises(ConfigError, match="app_id"):
        CONNECTOR.session(bare, None)  # type: ignore[arg-type]  # looked at before any port
