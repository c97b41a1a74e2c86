"""The connector of call centres passes the suite that every connector passes, for each vendor."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest

from hub.connectors.base import connector_for
from hub.connectors.call400 import CONNECTOR
from hub.connectors.call400.profiles import PROFILES
from hub.connectors.signatures import verify
from hub.errors import ConfigError, SignatureError
from hub.model.delivery import HookRequest, RawRecord
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.suite import NOW, PushCase, PushSuite

SECRET = "unguessable-path-part"
GUARDED = SignatureSettings(scheme="static_path", secret_env="HUB_X")
CDR = {
    "SdkAppId": 1400000001,
    "SessionId": "7f0c-demo-0001",
    "Caller": "19900000001",
    "Callee": "4001234567",
    "Direction": 0,
    "CallType": 2,
    "Duration": 45,
    "SeatUser": {"Name": "测试一", "Mail": "seat@example.com"},
    "EndStatus": 1,
    "EndStatusString": "ok",
}
RECORDING = {
    "SdkAppId": 1400000001,
    "RecordId": "rec-1",
    "SessionId": "7f0c-demo-0001",
    "EndpointUser": "seat@example.com",
    "RecordURL": "https://example.invalid/rec-1.mp3",
}
CALL = {
    "CallNo": "19900000001",
    "CalledNo": "4001234567",
    "CallSheetID": "demo-1",
    "CallType": "normal",
    "CallState": "Hangup",
    "State": "notDeal",
    "Ring": "2026-11-22 12:00:00",
    "End": "2026-11-22 12:00:20",
    "AgentName": "测试二",
}
TINET = {
    "cdr_main_unique_id": "ccic2_202-1763784000.6",
    "cdr_enterprise_id": "7000002",
    "cdr_customer_number": "19900000001",
    "cdr_hotline": "4001234567",
    "cdr_call_type": "1",
    "cdr_status": "1",
    "cdr_start_time": "1763784000",
}
UDESK = {"call_id": "call-1", "customer_phone": "19900000001", "workflow": "in"}


def a_source(push: str, **changed: Any) -> SourceSettings:
    given: dict[str, Any] = {"platform": "call400", "push": push, "signature": GUARDED, **changed}
    return SourceSettings(**given)


def a_post(body: bytes, content_type: str, query: bytes = b"", **headers: str) -> HookRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HookRequest("POST", query, {"content-type": content_type, **named}, body, SECRET)


def a_get(fields: dict[str, str], charset: str = "utf-8") -> HookRequest:
    return HookRequest("GET", urlencode(fields, encoding=charset).encode(), {}, b"", SECRET)


def split(source: SourceSettings, request: HookRequest) -> RawRecord:
    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, source), source)
    return record


def a_case(push: str, request: HookRequest, payload: dict[str, Any], **changed: Any) -> PushCase:
    return PushCase(
        connector=CONNECTOR,
        source=a_source(push),
        request=request,
        secrets=(SECRET.encode(),),
        payloads=[payload],
        ack=None,
        secret_texts=(SECRET,),
        **changed,
    )


class CallSuite(PushSuite):
    """The suite with acknowledgements byte for byte: not every vendor wants JSON."""

    ack: ClassVar[tuple[bytes, str]]

    def test_a_good_push_is_acknowledged_in_the_platforms_form(self, case: PushCase) -> None:
        reply = case.connector.accepted(case.request, case.source)

        assert (reply.status, reply.body, reply.content_type) == (200, *self.ack)


class TestTcccCdr(CallSuite):
    ack = (b'{"ErrCode":0,"ErrMsg":""}', "application/json")

    @pytest.fixture
    def case(self) -> PushCase:
        request = a_post(
            json.dumps(CDR).encode(),
            "application/json",
            b"action=cdr&version=1",
            x_tccc_push_uuid="push-demo-1",
        )
        return a_case("tccc_cdr", request, CDR, delivery_key="push-demo-1")


class TestTcccRecording(CallSuite):
    ack = (b'{"ErrCode":0,"ErrMsg":""}', "application/json")

    @pytest.fixture
    def case(self) -> PushCase:
        request = a_post(json.dumps(RECORDING).encode(), "application/json", b"action=record")
        return a_case("tccc_record", request, RECORDING)


class TestMoor(CallSuite):
    ack = (b"success", "text/plain; charset=utf-8")

    @pytest.fixture
    def case(self) -> PushCase:
        return a_case("moor_call", a_get(CALL), CALL)

    @pytest.mark.parametrize("body", [b"", b"{", b"no-fields", b"a=%FF%FF", b"\xff=\xff", b"&&"])
    def test_an_unreadable_body_is_one_record_that_says_so(
        self, case: PushCase, body: bytes
    ) -> None:
        """A push by GET has no body; what can be unreadable is its query."""
        record = split(case.source, replace(case.request, query=body))

        assert (record.payload, record.unreadable) == (body, "not_readable")


class TestTinetForm(CallSuite):
    ack = (b'{"result":"success"}', "application/json")

    @pytest.fixture
    def case(self) -> PushCase:
        body = urlencode(TINET).encode()
        return a_case("tinet_cdr", a_post(body, "application/x-www-form-urlencoded"), TINET)


class TestTinetOld(CallSuite):
    ack = (b'{"result":"success"}', "application/json")

    @pytest.fixture
    def case(self) -> PushCase:
        payload = {**TINET, "cdr_status": "28"}
        body = urlencode(payload).encode()
        return a_case("tinet_old_cdr", a_post(body, "application/x-www-form-urlencoded"), payload)


class TestUdesk(CallSuite):
    ack = (b"", "text/plain; charset=utf-8")

    @pytest.fixture
    def case(self) -> PushCase:
        request = a_post(json.dumps(UDESK).encode(), "application/json; charset=utf-8")
        return a_case("udesk_call", request, UDESK)


def test_the_connector_is_found_by_its_platform() -> None:
    assert connector_for("call400") is CONNECTOR


@pytest.mark.parametrize(
    ("query", "entity"),
    [
        (b"action=cdr&version=1", "tccc_cdr"),
        (b"action=record", "tccc_record"),
        (b"", "tccc_cdr"),
        (b"action=voicemail", "tccc_other"),
        (b"action=%FF&action=cdr", "tccc_other"),
        (b"version=1", "tccc_cdr"),
    ],
)
def test_the_address_says_which_kind_of_push_tccc_sends(query: bytes, entity: str) -> None:
    """An action that we do not know is recorded and held, never read as a call."""
    request = a_post(json.dumps(CDR).encode(), "application/json", query)

    assert split(a_source("tccc_cdr"), request).entity == entity


def test_a_retry_of_tccc_has_the_key_of_the_first_try() -> None:
    body = json.dumps(CDR).encode()
    tries = [a_post(body, "application/json", x_tccc_push_uuid="one") for _ in range(3)]

    assert {CONNECTOR.delivery_key(each, a_source("tccc_cdr")) for each in tries} == {"one"}


@pytest.mark.parametrize("key", ["", " ", "k" * 201])
def test_a_key_that_is_none_leaves_it_to_the_body(key: str) -> None:
    request = a_post(b"{}", "application/json", x_tccc_push_uuid=key)

    assert CONNECTOR.delivery_key(request, a_source("tccc_cdr")) is None


def test_basic_authentication_of_tccc_is_a_constant_header() -> None:
    settings = SignatureSettings(
        scheme="static_header", header="Authorization", prefix="Basic ", secret_env="HUB_X"
    )
    secret = base64.b64encode(b"hub:demo")
    good = a_post(b"{}", "application/json", authorization=f"Basic {secret.decode()}")
    bad = a_post(b"{}", "application/json", authorization="Basic aHViOm90aGVy")

    verify(settings, good, (secret,), NOW)
    with pytest.raises(SignatureError):
        verify(settings, bad, (secret,), NOW)


def test_a_refusal_is_never_an_acknowledgement() -> None:
    for push in PROFILES:
        source, request = a_source(push), a_get(CALL)
        reply = CONNECTOR.refused(request, source)

        assert reply.status == 401
        assert reply != CONNECTOR.accepted(request, source)


def test_an_acknowledgement_that_is_not_documented_can_be_set() -> None:
    source = a_source("moor_call", options={"ack": "200", "refusal": "no", "refused_status": 403})

    assert CONNECTOR.accepted(a_get(CALL), source).body == b"200"
    reply = CONNECTOR.refused(a_get(CALL), source)
    assert (reply.status, reply.body) == (403, b"no")


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_a_query_in_either_charset_is_read(charset: str) -> None:
    record = split(a_source("moor_call"), a_get(CALL, charset))

    assert json.loads(record.payload)["AgentName"] == "测试二"


def test_the_constant_of_a_query_is_no_part_of_the_call() -> None:
    settings = SignatureSettings(scheme="static_body", field="token", secret_env="HUB_X")
    source = a_source("moor_call", signature=settings, options={"drop_fields": ["site"]})
    request = a_get({**CALL, "token": "secret-token", "site": "demo"})

    verify(settings, request, (b"secret-token",), NOW)
    assert json.loads(split(source, request).payload) == CALL


def test_a_template_with_names_of_its_own_is_read_under_the_usual_ones() -> None:
    source = a_source(
        "tinet_cdr",
        options={"fields": {"uid": "cdr_main_unique_id", "tel": "cdr_customer_number"}},
    )
    payload = {"uid": "c-1", "tel": "19900000001", "cdr_customer_number": "old", "mine": "x"}

    record = split(source, a_get(payload))

    assert json.loads(record.payload) == {
        "cdr_main_unique_id": "c-1",
        "cdr_customer_number": "19900000001",
        "mine": "x",
    }


@pytest.mark.parametrize(
    ("line", "suspect"),
    [
        ("4001234567", False),
        ("400-123-4567", False),
        ("0755 8888 0000", False),
        ("88880000", False),
        ("4007654321", True),
        ("", True),
    ],
)
def test_a_call_to_a_number_that_is_not_ours_is_suspect(line: str, suspect: bool) -> None:
    """Vendors do not sign: whoever knows the address could make up calls."""
    source = a_source("moor_call", options={"lines": [4001234567, "0755-88880000"]})

    record = split(source, a_get({**CALL, "CalledNo": line}))

    assert record.headers == ({"suspect": "line_not_ours"} if suspect else {})


def test_the_line_of_a_call_that_goes_out_is_the_customers_and_not_looked_at() -> None:
    source = a_source("moor_call", options={"lines": "4001234567"})
    request = a_get({**CALL, "CallType": "dialout", "CalledNo": "19900000001"})

    assert split(source, request).headers == {}


@pytest.mark.parametrize(
    "changed", [{"options": {"linez": []}}, {"options": {"refused_status": 200}}, {"push": "tcc"}]
)
def test_a_slip_in_the_settings_is_named(changed: dict[str, Any]) -> None:
    source = a_source("tccc_cdr").model_copy(update=changed)

    with pytest.raises(ConfigError, match="call400 source"):
        CONNECTOR.accepted(a_get(CALL), source)
