"""The 法大大 connector passes the suite that every connector passes; its vector, its keys, its codes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import httpx
import pytest
import respx

from hub.connectors.code_table import TokenStaleError
from hub.connectors.fadada import CONNECTOR
from hub.connectors.fadada.client import headers
from hub.connectors.fadada.errors import error_of
from hub.connectors.signatures import verify
from hub.connectors.signing_callbacks import fasc_signature
from hub.errors import (
    AuthorizationLostError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
    SignatureError,
)
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.signing_platform import NOW, SECRET_ENV, FlowPlatform
from tests.connectors.suite import PullSuite, PushCase, PushSuite

SECRET = b"FASCDEMOSECRET0001"
SIGNED = SignatureSettings(scheme="fasc", secret_env="HUB_TEST_FADADA_SECRET")
PUSHED = SourceSettings(platform="fadada", push="signing", signature=SIGNED)
PULLED = SourceSettings.model_validate(
    {
        "platform": "fadada",
        "pulls": ["signings", "open_signings"],
        "pull": {"page_size": 10},
        "options": {"app_id": "80001234", "secret_env": SECRET_ENV, "owner_id": "corp-demo"},
    }
)
VECTOR = (
    '{"eventTime":"1763784000123","signTaskId":"1763700000000123456",'
    '"signTaskStatus":"task_finished","transReferenceId":"HT-2026-0001"}'
)
VECTOR_SIGN = "e022edffd307f7ef459faeab5653d19f9ab6c7c3aecc425a023468ac6fd98697"
CONTENT = {
    "eventTime": "1763784000123",
    "signTaskId": "1763700000000123456",
    "signTaskStatus": "sign_progress",
    "transReferenceId": "HT-2026-0001",
    "actorId": "乙方",
    "userName": "测试一",
}


def a_request(
    content: str, *, event: str = "sign-task-finished", secret: bytes = SECRET
) -> HookRequest:
    counted = {
        "X-FASC-App-Id": "80001234",
        "X-FASC-Event": event,
        "X-FASC-Nonce": "5f1c6d7e8a9b4c3d",
        "X-FASC-Sign-Type": "HMAC-SHA256",
        "X-FASC-Timestamp": "1763784000456",
    }
    signed = fasc_signature(secret, "1763784000456", {**counted, "bizContent": content})
    lower = {name.lower(): value for name, value in {**counted, "X-FASC-Sign": signed}.items()}
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return HookRequest("POST", b"", {**kind, **lower}, urlencode({"bizContent": content}).encode())


def key_of(event: str = "sign-task-signed", **changes: Any) -> str | None:
    return CONNECTOR.delivery_key(
        a_request(json.dumps({**CONTENT, **changes}), event=event), PUSHED
    )


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_ENV, SECRET.decode())


class TestSigningPush(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        content = json.dumps(CONTENT, ensure_ascii=False, separators=(",", ":"))
        return PushCase(
            connector=CONNECTOR,
            source=PUSHED,
            request=a_request(content, event="sign-task-signed"),
            secrets=(SECRET,),
            payloads=[{"event": "sign-task-signed", "bizContent": CONTENT}],
            ack={"msg": "success"},
            delivery_key=key_of(),
        )


class FadadaPlatform(FlowPlatform):
    """Every call is a signed form with the token in a header."""

    def failure(self, *, permanent: bool) -> httpx.Response:
        code = "213004" if permanent else "211407"
        return httpx.Response(200, json={"code": code, "msg": "用户19900000001"})

    def listed(self, request: httpx.Request) -> httpx.Response:
        asked = self._content(request)
        assert asked["ownerId"] == {"idType": "corp", "openId": "corp-demo"}
        size = asked["listPageSize"]
        start = (asked["listPageNo"] - 1) * size
        shown = [self._task(each) for each in self.ids[start : start + size]]
        pages = -(-len(self.ids) // size)
        found = {"signTasks": shown, "totalCount": len(self.ids), "listPageCount": pages}
        return httpx.Response(200, json={"code": "100000", "data": found})

    def detail(self, request: httpx.Request) -> httpx.Response:
        task = self._content(request)["signTaskId"]
        return httpx.Response(200, json={"code": "100000", "data": self._task(task)})

    def _content(self, request: httpx.Request) -> dict[str, Any]:
        """What is asked, once token and signature are seen to be right."""
        content = parse_qs(request.content.decode())["bizContent"][0]
        names = [
            *("X-FASC-App-Id", "X-FASC-Sign-Type", "X-FASC-Timestamp", "X-FASC-Nonce"),
            *("X-FASC-Api-SubVersion", "X-FASC-AccessToken"),
        ]
        counted = {name: request.headers[name] for name in names}
        stamp = counted["X-FASC-Timestamp"]
        assert counted["X-FASC-AccessToken"] == "demo-token"
        assert request.headers["X-FASC-Sign"] == fasc_signature(
            SECRET, stamp, {**counted, "bizContent": content}
        )
        found: dict[str, Any] = json.loads(content)
        return found

    def _task(self, task: str) -> dict[str, Any]:
        return {"signTaskId": task, "signTaskStatus": "sign_progress"}


class TestListed(PullSuite):
    connector = CONNECTOR
    source = PULLED

    @pytest.fixture
    def platform(self) -> FadadaPlatform:
        return FadadaPlatform(CONNECTOR, PULLED, "signings")


class TestOpen(PullSuite):
    connector = CONNECTOR
    source = PULLED

    @pytest.fixture
    def platform(self) -> FadadaPlatform:
        return FadadaPlatform(CONNECTOR, PULLED, "open_signings")


# ---- the signature


def test_a_finished_task_is_signed_as_computed() -> None:
    request = a_request(VECTOR)

    assert request.headers["x-fasc-sign"] == VECTOR_SIGN
    verify(SIGNED, request, [SECRET], NOW)


def test_a_retry_eight_hours_later_is_still_accepted() -> None:
    verify(SIGNED, a_request(VECTOR), [SECRET], NOW + timedelta(days=400))


def test_what_is_signed_is_the_decoded_text_whatever_way_it_was_encoded() -> None:
    request = replace(a_request(VECTOR), body=b"bizContent=" + quote(VECTOR, safe="").encode())

    verify(SIGNED, request, [SECRET], NOW)


@pytest.mark.parametrize(
    "name",
    ["x-fasc-app-id", "x-fasc-event", "x-fasc-nonce", "x-fasc-sign-type", "x-fasc-timestamp"],
)
def test_each_of_the_five_headers_is_signed(name: str) -> None:
    request = a_request(VECTOR)

    with pytest.raises(SignatureError):
        verify(SIGNED, replace(request, headers={**request.headers, name: "other"}), [SECRET], NOW)


def test_each_call_has_a_nonce_of_its_own() -> None:
    made = [headers("80001234", "demo", now=NOW, token="t")["X-FASC-Nonce"] for _ in range(2)]

    assert made[0] != made[1]
    assert all(len(nonce) <= 32 for nonce in made)


# ---- keys of a delivery


@pytest.mark.parametrize(
    "changes",
    [
        {"signTaskId": "1763700000000123457"},
        {"actorId": "甲方"},
        {"eventTime": "1763784000124"},
        {"event": "sign-task-finished"},
    ],
)
def test_another_event_is_another_delivery(changes: dict[str, Any]) -> None:
    assert key_of(**changes) not in (None, key_of())


def test_the_same_event_is_one_delivery_whatever_stands_beside_it() -> None:
    assert key_of(openCorpId="corp-demo") == key_of()


@pytest.mark.parametrize("name", ["signTaskId", "eventTime"])
def test_without_what_names_an_event_the_bytes_are_its_key(name: str) -> None:
    without: dict[str, Any] = {name: None}

    assert key_of(**without) is None


def test_an_id_of_many_digits_stays_what_it_is() -> None:
    request = a_request(VECTOR)
    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, PUSHED), PUSHED)

    assert json.loads(record.payload)["bizContent"]["signTaskId"] == "1763700000000123456"


# ---- codes and the token


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("100002", "", TokenStaleError),
        ("100003", "", PlatformRejectedError),
        ("100004", "", RateLimitedError),
        ("100020", "", RateLimitedError),
        ("100006", "", PlatformRejectedError),
        ("100013", "", PlatformRejectedError),
        ("213007", "", PlatformRejectedError),
        ("212001", "", PlatformRejectedError),
        ("211058", "", PlatformRejectedError),
        ("211407", "", PlatformDownError),
        ("200001", "", PlatformDownError),
        ("100001", "请求已过期", PlatformDownError),
        ("100001", "未获取有效的平台信息", PlatformRejectedError),
        ("100001", "系统繁忙", PlatformDownError),
        ("999999", "", PlatformRejectedError),
    ],
)
def test_each_code_is_of_its_class(code: str, message: str, kind: type[HubError]) -> None:
    assert type(error_of(code, message, {})) is kind


def test_a_source_may_correct_a_row() -> None:
    assert isinstance(error_of("999999", "", {"999999": "retry"}), PlatformDownError)


def test_a_dead_token_is_replaced_once_and_then_it_is_lost() -> None:
    platform = FadadaPlatform(CONNECTOR, PULLED, "open_signings")
    platform.fill(1)
    dead = httpx.Response(401, json={"code": "100002", "msg": "token"})
    platform._failures = [dead]
    assert len(asyncio.run(platform.pages())) == 1

    platform._failures = [dead, dead]
    with pytest.raises(AuthorizationLostError):
        asyncio.run(platform.pages())


def test_http_403_is_waited_out() -> None:
    platform = FadadaPlatform(CONNECTOR, PULLED, "open_signings")
    platform.fill(1)
    platform.fail_http(403, times=1)

    assert len(asyncio.run(platform.pages())) == 1


def test_a_token_is_asked_for_under_a_signature_of_its_own() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        found = {"accessToken": "demo-token", "expiresIn": "7200"}
        return httpx.Response(200, json={"code": "100000", "msg": "ok", "data": found})

    with respx.mock() as router:
        router.post("https://api.fadada.com/api/v5/service/get-access-token").mock(
            side_effect=answer
        )
        with httpx.Client() as http:
            tokens = CONNECTOR.issue(http, PULLED, now=NOW)

    names = ["App-Id", "Sign-Type", "Timestamp", "Nonce", "Api-SubVersion", "Grant-Type"]
    counted = {f"X-FASC-{name}": seen[0].headers[f"X-FASC-{name}"] for name in names}
    assert tokens.access_token == "demo-token"
    assert tokens.access_expires_at == NOW + timedelta(hours=2)
    assert counted["X-FASC-Grant-Type"] == "client_credential"
    assert seen[0].headers["X-FASC-Sign"] == fasc_signature(
        SECRET, counted["X-FASC-Timestamp"], counted
    )
