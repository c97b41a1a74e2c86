"""The WeCom connector passes the suite that every connector passes, for its callbacks and its lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import respx

from hub.connectors.base import Page, PullRequest
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import PullPorts
from hub.connectors.signatures import verify
from hub.connectors.wecom import CONNECTOR, acquisition, crypto, customers
from hub.connectors.wecom.client import WecomSession
from hub.connectors.wecom.options import options_of
from hub.errors import SignatureError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.suite import NOW, FakePlatform, PullSuite, PushCase, PushSuite, contract_of
from tests.unit.connectors.wecom import vectors as v

BASE = "https://qyapi.weixin.qq.com/cgi-bin/"
SIGNED = SignatureSettings(scheme="sorted_values_sha1", secret_env="HUB_TEST_WECOM_TOKEN")
OPTIONS = {"corp_id": v.CORP, "aes_key_env": "HUB_TEST_WECOM_KEY"}
SOURCE = SourceSettings(platform="wecom", push="event_push", signature=SIGNED, options=OPTIONS)
OFFICIAL = SourceSettings(
    platform="wecom",
    push="event_push",
    signature=SIGNED,
    options={**OPTIONS, "corp_id": v.OFFICIAL_RECEIVER},
)
PULLED = SourceSettings.model_validate(
    {
        "platform": "wecom",
        "options": {**OPTIONS, "members": ["zhangsan"], "tries": 4},
        "pull": {"page_size": 10},
    }
)
EVENT = {
    "ToUserName": v.CORP,
    "FromUserName": "sys",
    "CreateTime": "1763784000",
    "MsgType": "event",
    "Event": "change_external_contact",
    "ChangeType": "add_external_contact",
    "UserID": "zhangsan",
    "ExternalUserID": "wmDEMO0000000000000000000000001",
    "State": "bd_sem_01",
    "WelcomeCode": "WC_DEMO",
}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TEST_WECOM_TOKEN", v.TOKEN.decode())
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", v.KEY)


def a_query(vector: v.Vector, **more: str) -> bytes:
    values = {
        "msg_signature": vector.signature,
        "timestamp": vector.timestamp,
        "nonce": vector.nonce,
        **more,
    }
    return urlencode(values).encode()


def xml_body(encrypted: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{v.CORP}]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    ).encode()


def json_body(encrypted: str) -> bytes:
    return json.dumps({"tousername": v.CORP, "encrypt": encrypted, "agentid": "1000002"}).encode()


def a_push(vector: v.Vector, body: bytes) -> HookRequest:
    return HookRequest("POST", a_query(vector), {"content-type": "text/xml"}, body)


def a_challenge(vector: v.Vector) -> HookRequest:
    return HookRequest("GET", a_query(vector, echostr=vector.encrypted), {}, b"")


def encrypted_event(
    xml: bytes, *, random: bytes = b"r" * 16, receiver: str = v.CORP
) -> HookRequest:
    sealed = crypto.encrypt(crypto.aes_key(v.KEY), xml, receiver, random=random)
    signed = crypto.signature(v.TOKEN, b"1763784000", b"n1", sealed.encode())
    return a_push(v.Vector("1763784000", "n1", sealed, signed), xml_body(sealed))


class _CallbackSuite(PushSuite):
    """The platform reads no body, and a callback's entity is what its event is about."""

    def test_a_good_push_is_acknowledged_in_the_platforms_form(self, case: PushCase) -> None:
        reply = case.connector.accepted(case.request, case.source)

        assert (reply.status, reply.body) == (200, b"")

    def test_a_push_splits_into_its_records(self, case: PushCase) -> None:
        envelope = case.connector.envelope(case.request, case.source)
        records = case.connector.split(envelope, case.source)

        assert [json.loads(record.payload) for record in records] == case.payloads
        assert {record.entity for record in records} == {"customer_event"}
        assert not any(record.unreadable for record in records)

    def test_what_it_splits_the_contract_accepts(self, case: PushCase) -> None:
        envelope = case.connector.envelope(case.request, case.source)
        for record in case.connector.split(envelope, case.source):
            contract_of("wecom", "customer_event").validate(json.loads(record.payload))


class TestXmlCallback(_CallbackSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=SOURCE,
            request=a_push(v.EVENT, xml_body(v.EVENT.encrypted)),
            secrets=(v.TOKEN,),
            payloads=[{"event": EVENT}],
            ack=None,
            challenge=a_challenge(v.GET),
            answer=int(v.GET_ANSWER),
            secret_texts=(v.TOKEN.decode(), v.KEY, v.EVENT.signature),
        )

    def test_the_platforms_id_of_a_delivery_is_its_key(self, case: PushCase) -> None:
        """A digest of the event: whatever it was encrypted to, a retry has the same."""
        again = encrypted_event(v.EVENT_XML, random=b"z" * 16)
        keys = {CONNECTOR.delivery_key(each, SOURCE) for each in (case.request, again)}

        assert again.body != case.request.body
        assert len(keys) == 1
        assert None not in keys


class TestJsonCallback(TestXmlCallback):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=SOURCE,
            request=a_push(v.EVENT, json_body(v.EVENT.encrypted)),
            secrets=(b"the next one", v.TOKEN),
            payloads=[{"event": EVENT}],
            ack=None,
            secret_texts=(v.TOKEN.decode(), v.KEY),
        )


class FakeTokens:
    async def access_token(self, *, stale: str | None = None) -> str:
        return "demo-token"


class WecomPlatform(FakePlatform):
    """A list of items under a cursor, mocked at the HTTP client."""

    def __init__(self, stream: str, path: str) -> None:
        self._stream, self._path = stream, path
        self._items: list[Any] = []
        self._failures: list[int] = []
        self._statuses: list[int] = []

    def fill(self, count: int) -> list[str]:
        ids = [f"wmDEMO{n:04d}" for n in range(count)]
        self._items = [self._item(n, found) for n, found in enumerate(ids)]
        return ids

    def fail(self, *, permanent: bool, times: int) -> None:
        self._failures = [48002 if permanent else -1] * times

    def fail_http(self, status: int, *, times: int) -> None:
        self._statuses = [status] * times

    async def pages(self) -> list[Page]:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        limiter = RateLimiter(clock=lambda: sum(slept), sleep=sleep)
        ports = PullPorts(FakeTokens(), lambda *parts: "x", limiter, sleep=sleep)
        request = PullRequest(
            self._stream, None, datetime(2026, 2, 17, tzinfo=UTC), cursor=self.cursor
        )
        with respx.mock(assert_all_called=False) as router:
            router.post(BASE + self._path).mock(side_effect=self._answer)
            router.post(BASE + acquisition.LINKS_PATH).respond(
                json={"errcode": 0, "link_id_list": ["cawDEMO"], "next_cursor": ""}
            )
            async with WecomSession(options_of(PULLED), ports) as session:
                return [page async for page in CONNECTOR.pages(session, request, PULLED)]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self._statuses:
            return httpx.Response(self._statuses.pop(0), text="19900000001")
        first = len(self._items)
        self._items += [
            self._item(n, f"wmDEMO{n:04d}") for n in range(first, first + self.inserts)
        ]
        if self._failures:
            code = self._failures.pop(0)
            return httpx.Response(200, json={"errcode": code, "errmsg": "19900000001"})
        asked = json.loads(request.content)
        start = int(asked["cursor"] or 0)
        shown = self._items[start : start + asked["limit"]]
        on = start + len(shown)
        cursor = str(on) if on < len(self._items) else ""
        return httpx.Response(200, json={"errcode": 0, self._name: shown, "next_cursor": cursor})

    @property
    def _name(self) -> str:
        return "external_contact_list" if self._stream == customers.STREAM else "customer_list"

    def _item(self, number: int, found: str) -> Any:
        if self._stream == customers.STREAM:
            return {
                "external_contact": {"external_userid": found, "name": "测试一", "type": 1},
                "follow_info": {"userid": "zhangsan", "createtime": 1763784000 + number},
            }
        return {"external_userid": found, "userid": "zhangsan", "chat_status": 0, "state": "a"}


class TestCustomers(PullSuite):
    connector = CONNECTOR
    source = PULLED

    @pytest.fixture
    def platform(self) -> FakePlatform:
        return WecomPlatform(customers.STREAM, customers.PATH)


class TestAcquisitionCustomers(PullSuite):
    connector = CONNECTOR
    source = PULLED

    @pytest.fixture
    def platform(self) -> FakePlatform:
        return WecomPlatform(acquisition.STREAM, acquisition.PATH)


def challenged(request: HookRequest, source: SourceSettings = SOURCE) -> tuple[int, bytes]:
    reply = CONNECTOR.challenge(request, source)
    assert reply is not None
    return reply.status, reply.body


def test_the_challenge_is_answered_with_the_bare_text() -> None:
    assert challenged(a_challenge(v.GET)) == (200, v.GET_ANSWER)


def test_the_vendors_challenge_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TEST_WECOM_TOKEN", v.OFFICIAL_TOKEN.decode())
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", v.OFFICIAL_KEY)

    assert challenged(a_challenge(v.OFFICIAL_GET), OFFICIAL) == (200, b"1616140317555161061")


@pytest.mark.parametrize("plus", ["%2B", "+", "%20"])
def test_a_plus_in_the_challenge_survives_however_it_was_written(
    plus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read as a form it would be a blank; something between the platform and us may have done so."""
    monkeypatch.setenv("HUB_TEST_WECOM_TOKEN", v.OFFICIAL_TOKEN.decode())
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", v.OFFICIAL_KEY)
    assert "+" in v.OFFICIAL_GET.encrypted
    written = quote(v.OFFICIAL_GET.encrypted, safe="+").replace("+", plus)
    query = a_query(v.OFFICIAL_GET) + b"&echostr=" + written.encode()

    assert challenged(HookRequest("GET", query, {}, b""), OFFICIAL)[0] == 200


@pytest.mark.parametrize(
    "vector",
    [
        v.GET._replace(signature="0" * 40),
        v.GET._replace(signature=""),
        v.GET._replace(timestamp="1763784001"),
        v.GET._replace(nonce="other"),
        v.GET._replace(encrypted=v.EVENT.encrypted),
        v.GET._replace(encrypted="张三"),
        v.GET._replace(encrypted=""),
    ],
)
def test_a_challenge_with_a_wrong_signature_is_refused(vector: v.Vector) -> None:
    assert challenged(a_challenge(vector)) == (401, b"")


def test_a_challenge_for_another_corp_is_refused() -> None:
    sealed = crypto.encrypt(crypto.aes_key(v.KEY), b"1", "ww_other", random=bytes(16))
    signed = crypto.signature(v.TOKEN, b"1", b"n", sealed.encode())

    assert challenged(a_challenge(v.Vector("1", "n", sealed, signed))) == (401, b"")


@pytest.mark.parametrize("scheme", ["none", "record_only"])
def test_a_challenge_is_verified_whatever_deliveries_are_taken_by(scheme: str) -> None:
    unsigned = SignatureSettings.model_validate({**SIGNED.model_dump(), "scheme": scheme})
    source = SOURCE.model_copy(update={"signature": unsigned})

    assert challenged(a_challenge(v.GET), source) == (200, v.GET_ANSWER)
    assert challenged(a_challenge(v.GET._replace(nonce="x")), source) == (401, b"")


def test_a_challenge_is_refused_while_nothing_is_configured() -> None:
    source = SourceSettings(platform="wecom", push="event_push", signature=SIGNED)

    assert challenged(a_challenge(v.GET), source) == (401, b"")


@pytest.mark.parametrize(
    ("vector", "body"),
    [
        (v.OFFICIAL_XML, xml_body(v.OFFICIAL_XML.encrypted)),
        (v.OFFICIAL_JSON, json_body(v.OFFICIAL_JSON.encrypted)),
    ],
)
def test_the_vendors_messages_are_verified_keyed_and_read(
    vector: v.Vector, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", v.OFFICIAL_KEY)
    request = a_push(vector, body)
    verify(SIGNED, request, (v.OFFICIAL_TOKEN,), NOW)

    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, OFFICIAL), OFFICIAL)
    event = json.loads(record.payload)["event"]

    assert CONNECTOR.delivery_key(request, OFFICIAL) == "msg:4561255354251345929"
    assert (record.entity, event["Content"]) == ("other_event", "hello")


DOCTYPE = b'<!DOCTYPE xml [<!ENTITY a "x"><!ENTITY b SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml/>",
        b"<xml><Encrypt/></xml>",
        DOCTYPE + xml_body(v.EVENT.encrypted),
        DOCTYPE + b"<xml><Encrypt>&a;&b;</Encrypt></xml>",
        xml_body(v.EVENT.encrypted) * 2,
        xml_body(v.EVENT.encrypted).replace(b"</xml>", b"<Encrypt>x</Encrypt></xml>"),
        b"<a>" * 40 + b"</a>" * 40,
        xml_body(v.EVENT.encrypted)[:-1],
        xml_body(v.EVENT.encrypted + "A"),
        b'{"encrypt": 7}',
        b"{",
    ],
)
def test_a_body_that_was_not_signed_is_refused_with_one_error(body: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(SIGNED, a_push(v.EVENT, body), (v.TOKEN,), NOW)


def test_an_old_timestamp_is_not_refused() -> None:
    """Whether a retry carries the old one is not documented; the delivery's key stops a repetition."""
    verify(
        SIGNED,
        a_push(v.EVENT, xml_body(v.EVENT.encrypted)),
        (v.TOKEN,),
        datetime.max.replace(tzinfo=UTC),
    )


def test_what_was_decrypted_when_it_came_needs_no_key_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    envelope = CONNECTOR.envelope(a_push(v.EVENT, xml_body(v.EVENT.encrypted)), SOURCE)
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", v.OFFICIAL_KEY)

    (record,) = CONNECTOR.split(envelope, SOURCE)

    assert json.loads(record.payload) == {"event": EVENT}


def test_what_could_not_be_decrypted_is_kept_until_the_key_is_put_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = a_push(v.EVENT, xml_body(v.EVENT.encrypted))
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", v.OFFICIAL_KEY)
    envelope = CONNECTOR.envelope(request, SOURCE)
    (held,) = CONNECTOR.split(envelope, SOURCE)
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", f"{v.OFFICIAL_KEY},{v.KEY}")
    (record,) = CONNECTOR.split(envelope, SOURCE)

    assert (held.unreadable, held.payload) == ("bad_padding", request.body)
    assert CONNECTOR.delivery_key(replace(request, body=b""), SOURCE) is None
    assert json.loads(record.payload) == {"event": EVENT}


def test_an_event_for_another_corp_is_kept_and_says_so() -> None:
    request = encrypted_event(v.EVENT_XML, receiver="ww_other")
    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, SOURCE), SOURCE)

    assert record.unreadable == "wrong_receiver"


@pytest.mark.parametrize(
    ("event", "entity"),
    [
        ({"Event": "change_external_contact", "ChangeType": "teleported"}, "customer_event"),
        (
            {
                "Event": "customer_acquisition",
                "ChangeType": "customer_start_chat",
                "ExternalUserID": "w",
            },
            "customer_event",
        ),
        (
            {"Event": "customer_acquisition", "ChangeType": "customer_start_chat"},
            "acquisition_notice",
        ),
        (
            {"Event": "customer_acquisition", "ChangeType": "balance_exhausted"},
            "acquisition_notice",
        ),
        ({"Event": "customer_acquisition"}, "acquisition_notice"),
        ({"Event": "change_external_chat"}, "other_event"),
        ({"MsgType": "text"}, "other_event"),
    ],
)
def test_an_event_goes_where_it_belongs(event: dict[str, str], entity: str) -> None:
    xml = "".join(f"<{name}>{value}</{name}>" for name, value in event.items())
    request = encrypted_event(f"<xml>{xml}</xml>".encode())

    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, SOURCE), SOURCE)

    assert (record.entity, json.loads(record.payload)) == (entity, {"event": event})


def test_ids_of_a_page_are_the_customers() -> None:
    platform = WecomPlatform(customers.STREAM, customers.PATH)
    ids = platform.fill(3)
    pages: Sequence[Page] = TestCustomers().pull(platform)

    assert [list(page.external_ids) for page in pages] == [ids]
