"""用友 YonBIP: its vectors, its events through the suite of every push, its token."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hub.connectors.signatures import verify
from hub.connectors.yonbip import CONNECTOR, token
from hub.connectors.yonbip.crypto import decrypt, encrypt, key_text
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    HubError,
    PlatformDownError,
    RateLimitedError,
    SignatureError,
)
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.suite import NOW, PushCase, PushSuite

SECRET, APP_KEY = "3f2a-demo-secret-0001-abcdef", "demoAppKey0001"
VARIABLE = "HUB_YONBIP_SECRET"
RANDOM = b"0123456789abcdef"
CHECK = b'{"type":"CHECK_URL","eventId":"e-0001","timestamp":1763784000000,"tenantId":"t1"}'
SEALED = (
    "P+ZNlbEYU3/0jLwgYltO9W/C1lY6T5/Ic1ihzdGfqFd+ni9oLw2mRk9vIrofpcI7h85LjkuntWE1VZtbyc1mOV/ez67lcxNxg"
    "lW/bt+qT5aZ4pjNmn9i1UrtoldaejPXUwcdWEvse40MvcpnS7FyTkscvik8z37/qEuku5A8kMk="
)
SIGNED = "M1nYHBTrblaHnYr/ghNc/K3tifZLhvImwfNtgf/fKak="
SET_UP = {
    "signature": SIGNED,
    "timestamp": "1763784000123",
    "nonce": "nonce01",
    "encrypt": SEALED,
}
EVENT = {
    "type": "SALE_AUDITORDER_NOTIFY_SENT",
    "eventId": "e-0002",
    "timestamp": 1763784000000,
    "tenantId": "t1",
    "content": "张三",
}


def a_source(scheme: str = "yonbip_hmac_sha256", **options: Any) -> SourceSettings:
    given: dict[str, Any] = {"scheme": scheme, "secret_env": VARIABLE}
    return SourceSettings(
        platform="yonbip",
        push="event",
        signature=SignatureSettings(**given),
        options={"app_key": APP_KEY, "secret_env": VARIABLE, **options},
    )


def a_push(body: dict[str, Any]) -> HookRequest:
    raw = json.dumps(body).encode()
    return HookRequest("POST", b"", {"content-type": "application/json"}, raw)


def an_event(event: dict[str, Any], variant: str = "hmac") -> dict[str, str]:
    """An event as the platform sends it, signed by one of the variants."""
    plain = json.dumps(event, ensure_ascii=False).encode()
    sealed = encrypt(SECRET, plain, APP_KEY, random=RANDOM)
    values = ["1763784000123", "nonce01", sealed]
    if variant == "hmac":
        import hmac

        joined = "".join(sorted(values)).encode()
        signed = base64.b64encode(hmac.digest(SECRET.encode(), joined, "sha256")).decode()
    else:
        joined = "".join(sorted([SECRET, *values])).encode()
        signed = hashlib.new(variant, joined).hexdigest()
    return {"signature": signed, "timestamp": values[0], "nonce": values[1], "encrypt": sealed}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)


class TestEvent(PushSuite):
    """The suite; the acknowledgement is encrypted and has a test of its own."""

    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=a_source(),
            request=a_push(an_event(EVENT)),
            secrets=(SECRET.encode(),),
            payloads=[EVENT],
            ack=None,
            delivery_key="e-0002",
            secret_texts=(SECRET,),
        )

    def test_a_good_push_is_acknowledged_in_the_platforms_form(self, case: PushCase) -> None:
        reply = case.connector.accepted(case.request, case.source)
        answer = json.loads(reply.body)

        assert reply.status == 200
        assert decrypt(SECRET, answer["encrypt"]) == (b"success", APP_KEY)
        verify(case.source.signature, a_push(answer), case.secrets, NOW)


# ---- the computed vectors


def test_the_key_of_events_is_made_of_the_secret() -> None:
    assert key_text(SECRET) == "3f2ademosecret0001abcdef0000000000000000000"
    assert encrypt(SECRET, CHECK, APP_KEY, random=RANDOM) == SEALED
    assert decrypt(SECRET, SEALED) == (CHECK, APP_KEY)


def test_the_vendors_first_event_is_verified_and_answered() -> None:
    source = a_source()
    verify(source.signature, a_push(SET_UP), (SECRET.encode(),), NOW)
    reply = CONNECTOR.challenge(a_push(SET_UP), source)

    assert reply is not None
    assert reply.status == 200
    assert decrypt(SECRET, json.loads(reply.body)["encrypt"])[0] == b"success"


def test_a_token_is_asked_for_with_the_signature_of_the_vectors() -> None:
    found = token.signature("demoAppKey0001", "1763784000123", "demoYonSecret01")

    assert found == "5rYjLTeD3OqTZ+pWKUZMrnh1C94sVSLzXPOMQ9u+dQY="
    assert quote(found, safe="") == "5rYjLTeD3OqTZ%2BpWKUZMrnh1C94sVSLzXPOMQ9u%2BdQY%3D"


# ---- events


@pytest.mark.parametrize("variant", ["sha256", "sha1"])
def test_other_pages_hashes_can_be_chosen(variant: str) -> None:
    source = a_source(f"yonbip_{variant}")
    request = a_push(an_event(EVENT, variant))
    verify(source.signature, request, (SECRET.encode(),), NOW)

    with pytest.raises(SignatureError):
        verify(a_source().signature, request, (SECRET.encode(),), NOW)


def test_a_first_event_with_a_wrong_signature_is_refused() -> None:
    reply = CONNECTOR.challenge(a_push({**SET_UP, "signature": "x"}), a_source())

    assert reply is not None
    assert reply.status == 401


def test_a_plain_acknowledgement_can_be_chosen() -> None:
    assert CONNECTOR.accepted(a_push(SET_UP), a_source(ack="plain")).body == b"success"


def test_an_event_for_another_application_is_kept_unread() -> None:
    source = a_source(app_key="another")
    envelope = CONNECTOR.envelope(a_push(an_event(EVENT)), source)
    [record] = CONNECTOR.split(envelope, source)

    assert record.unreadable


def test_an_event_that_came_under_the_old_secret_is_read_while_both_are_valid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, f"another-secret,{SECRET}")
    envelope = CONNECTOR.envelope(a_push(an_event(EVENT)), a_source())

    assert json.loads(envelope.body) == EVENT


@pytest.mark.parametrize("sealed", ["", "###", "AAAA", base64.b64encode(b"\0" * 32).decode()])
def test_what_cannot_be_decrypted_is_one_error(sealed: str) -> None:
    with pytest.raises(ValueError, match=r"base64|length|padding"):
        decrypt(SECRET, sealed)


# ---- the token

TENANT = a_source(tenant_id="t1")
AT = datetime.fromtimestamp(1763784000.123, UTC)


def platform(*answers: Any) -> tuple[httpx.Client, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        given = left.pop(0)
        return given if isinstance(given, httpx.Response) else httpx.Response(200, json=given)

    return httpx.Client(transport=httpx.MockTransport(answer)), asked


ADDRESS = {"code": "00000", "data": {"tokenUrl": "https://c1.example.com/iuap-api-auth"}}


def test_a_token_is_asked_for_at_the_tenants_own_address() -> None:
    given = {"code": "00000", "data": {"access_token": "at-1", "expire": 7200}}
    http, asked = platform(ADDRESS, given)
    found = CONNECTOR.issue(http, TENANT, now=AT)

    assert (found.access_token, found.accounts) == ("at-1", ("t1",))
    assert found.access_expires_at is not None
    assert (found.access_expires_at - AT).total_seconds() == 7200
    assert asked[0].url.params["tenantId"] == "t1"
    assert asked[1].url.host == "c1.example.com"
    assert asked[1].url.params["timestamp"] == "1763784000123"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": "310037"}, AuthorizationLostError),
        ({"code": "310046"}, RateLimitedError),
        (httpx.Response(502), PlatformDownError),
        (httpx.Response(200, text="非法token"), PlatformDownError),
        ({"code": "00000", "data": {}}, PlatformDownError),
    ],
)
def test_a_refusal_says_whether_to_try_again(answer: Any, error: type[HubError]) -> None:
    http, _ = platform(ADDRESS, answer)

    with pytest.raises(error):
        CONNECTOR.issue(http, TENANT, now=AT)


@pytest.mark.parametrize("missing", ["tenant_id", "app_key", "secret_env"])
def test_what_a_token_needs_is_asked_for(missing: str) -> None:
    http, _ = platform()
    source = a_source(**{"tenant_id": "t1", missing: ""})

    with pytest.raises(ConfigError, match=missing):
        CONNECTOR.issue(http, source, now=AT)


def test_a_source_that_is_only_pushed_to_has_no_token() -> None:
    assert CONNECTOR.issues_tokens(TENANT)
    assert not CONNECTOR.issues_tokens(a_source())
