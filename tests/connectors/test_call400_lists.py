"""The lists of TCCC and clink pass the suite of every pull; their signatures are those of the vendors."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from hub.connectors.base import Page, PullRequest
from hub.connectors.call400 import CONNECTOR, clink, tccc
from hub.connectors.call400.credentials import Credentials
from hub.connectors.call400.pull import api_of, plan_of
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import NoTokens, PullPorts
from hub.connectors.windows import Ask
from hub.errors import ConfigError, PlatformRejectedError, RateLimitedError
from hub.model.delivery import Envelope
from hub.privacy.keyring import KeyRing
from hub.settings import PullSettings, SourceSettings
from tests.connectors.suite import NOW, FakePlatform, PullSuite

KEY_ID, SECRET = "AKDEMO01", "demo_clink_secret"
ENVIRONMENT = {"HUB_CALL_ID": KEY_ID, "HUB_CALL_SECRET": SECRET}
KEYS = {"key_id_env": "HUB_CALL_ID", "secret_env": "HUB_CALL_SECRET"}
CLINK_BASE = "https://api-bj.clink.cn"
TCCC = SourceSettings(
    platform="call400",
    account="1400000001",
    pulls=("tccc_cdr_list",),
    pull=PullSettings(page_size=10),
    options=KEYS,
)
CLINK = SourceSettings(
    platform="call400",
    pulls=("clink_cdr",),
    pull=PullSettings(page_size=10),
    options={**KEYS, "api_base": CLINK_BASE},
)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def a_listed_call(number: int, at: datetime) -> dict[str, Any]:
    """A call as TCCC lists it, answered after ten seconds."""
    began = int(at.timestamp())
    return {
        "SessionId": f"s-{number}",
        "Caller": f"00861990000{number:04d}",
        "Callee": "4001234567",
        "Time": began,
        "Direction": 0,
        "CallType": 2,
        "Duration": 45,
        "RingTimestamp": began,
        "AcceptTimestamp": began + 10,
        "EndedTimestamp": began + 55,
        "EndStatus": 1,
    }


def a_clink_call(number: int, at: datetime) -> dict[str, Any]:
    """A call as clink lists it, its number masked."""
    began = int(at.timestamp())
    return {
        "uniqueId": f"demo-{began}.{number}",
        "customerNumber": f"199****{number:04d}",
        "status": "1",
        "startTime": began,
        "bridgeTime": began + 10,
        "endTime": began + 55,
    }


@dataclass
class FakeLists:
    """Both vendors behind one transport: they check signatures and list what is in the window."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    faults: list[int | str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    new: Callable[[], list[dict[str, Any]]] = list

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.calls = self.new() + self.calls
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            return httpx.Response(fault, json={"error": {"code": "Demo"}})
        is_tccc = request.method == "POST"
        return self._tccc(request, fault) if is_tccc else self._clink(request)

    def _tccc(self, request: httpx.Request, fault: str | None) -> httpx.Response:
        now = datetime.fromtimestamp(int(request.headers["X-TC-Timestamp"]), UTC)
        signed = tccc.authorization(
            Credentials(KEY_ID, SECRET), host=request.url.host, service="ccc",
            payload=request.content, now=now,
        )  # fmt: skip
        assert request.headers["Authorization"] == signed
        assert request.headers["X-TC-Action"] == "DescribeTelCdr"
        if fault:
            return httpx.Response(
                200, json={"Response": {"Error": {"Code": fault, "Message": "1990000"}}}
            )
        asked = json.loads(request.content)
        start, end = asked["StartTimeStamp"], asked["EndTimeStamp"]
        found = [one for one in self.calls if start <= one["Time"] <= end]
        first = asked["PageNumber"] * asked["PageSize"]
        shown = found[first : first + asked["PageSize"]]
        return httpx.Response(
            200,
            json={"Response": {"TotalCount": len(found), "TelCdrList": shown, "RequestId": "r"}},
        )

    def _clink(self, request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.url.query.decode()))
        given = asked.pop("Signature")
        assert given == clink.signature(
            SECRET, method="GET", host=request.url.host, path="list_cdr_ibs",
            query=clink.canonical_query(asked),
        )  # fmt: skip
        start, end = int(asked["startTime"]), int(asked["endTime"])
        found = [one for one in self.calls if start <= one["startTime"] <= end]
        offset, limit = int(asked["offset"]), int(asked["limit"])
        assert offset + limit <= 100_000
        shown = found[offset : offset + limit]
        return httpx.Response(200, json={"totalCount": len(found), "cdrIbs": shown})


class FakeVendor(FakePlatform):
    """The suite's view of `FakeLists`."""

    def __init__(self, keyring: KeyRing, source: SourceSettings) -> None:
        self._keyring, self._source = keyring, source
        self.lists = FakeLists(new=self._appearing)
        self.slept: list[float] = []

    @property
    def calls(self) -> int:  # type: ignore[override]  # counted by the transport
        return len(self.lists.requests)

    def _make(self, number: int, at: datetime) -> dict[str, Any]:
        make = a_listed_call if "tccc_cdr_list" in self._source.pulls else a_clink_call
        return make(number, at)

    def _appearing(self) -> list[dict[str, Any]]:
        first = 1000 + len(self.lists.calls)
        at = NOW - timedelta(seconds=30)
        return [self._make(first + n, at) for n in range(self.inserts)]

    def fill(self, count: int) -> list[str]:
        self.lists.calls = [self._make(n, NOW - timedelta(minutes=n)) for n in range(count)]
        return [str(n) for n in range(count)]

    def fail(self, *, permanent: bool, times: int) -> None:
        if "tccc_cdr_list" in self._source.pulls:
            fault: int | str = (
                "AuthFailure.SecretIdNotFound" if permanent else "InternalError.DBError"
            )
        else:
            fault = 403 if permanent else 503
        self.lists.faults = [fault] * times

    def fail_http(self, status: int, *, times: int) -> None:
        self.lists.faults = [status] * times

    async def pages(self) -> list[Page]:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        ports = PullPorts(
            tokens=NoTokens(),
            fingerprint=self._keyring.synthetic_id,
            limiter=RateLimiter(clock=lambda: float(self.calls), sleep=sleep),
            http=self.lists.client,
            sleep=sleep,
            now=lambda: NOW,
        )
        (stream,) = self._source.pulls
        request = PullRequest(stream, since=NOW - timedelta(days=1), until=NOW, cursor=self.cursor)
        async with CONNECTOR.session(self._source, ports) as session:
            return [page async for page in CONNECTOR.pages(session, request, self._source)]


class CallListSuite(PullSuite):
    connector = CONNECTOR

    @pytest.fixture
    def platform(self, keyring: KeyRing) -> FakePlatform:
        return FakeVendor(keyring, self.source)


class TestTcccList(CallListSuite):
    source = TCCC


class TestClinkList(CallListSuite):
    source = CLINK


def test_a_call_of_tencent_cloud_is_signed_as_its_page_shows() -> None:
    """The vendor's own example, secrets starred out as it prints them."""
    payload = (
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    )
    credentials = Credentials(
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******"
    )
    signed = tccc.authorization(
        credentials,
        host="cvm.tencentcloudapi.com",
        service="cvm",
        payload=payload,
        now=datetime.fromtimestamp(1551113065, UTC),
    )

    assert signed == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******/2019-02-25/cvm/tc3_request,"
        " SignedHeaders=content-type;host,"
        " Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"
    )


def test_a_call_of_clink_is_signed_as_its_sdk_does() -> None:
    query = clink.canonical_query(
        {
            "startTime": "1763740800",
            "endTime": "1763827199",
            "limit": "100",
            "offset": "0",
            "AccessKeyId": KEY_ID,
            "Expires": "600",
            "Timestamp": "2026-11-22T04:00:00Z",
        }
    )

    assert query == (
        "AccessKeyId=AKDEMO01&Expires=600&Timestamp=2026-11-22T04%3A00%3A00Z&endTime=1763827199"
        "&limit=100&offset=0&startTime=1763740800"
    )
    given = clink.signature(
        SECRET, method="GET", host="api-bj.clink.cn", path="list_cdr_ibs", query=query
    )
    assert given == "EaPHyw2ZnpnsFPFhUUDZVCR1BfQ="


@pytest.mark.parametrize(("slash", "path"), [(True, "/list_cdr_ibs/"), (False, "/list_cdr_ibs")])
def test_clink_is_asked_at_the_address_that_its_sdk_uses(slash: bool, path: str) -> None:
    """The SDK signs one spelling and sends the other; whoever finds that changed sets an option."""
    options = {**CLINK.options, "clink_slash": slash, "clink_hidden_type": 1}
    api = api_of("clink_cdr", CLINK.model_copy(update={"options": options}))
    page = Ask((), NOW - timedelta(hours=1), NOW, 3, 100)

    request = api.request(httpx.AsyncClient(), page, NOW)

    assert request.url.path == path
    assert request.url.params["Signature"]
    assert (request.url.params["offset"], request.url.params["limit"]) == ("200", "100")
    assert request.url.params["hiddenType"] == "1"
    assert request.url.params["Timestamp"] == "2026-02-17T12:00:00Z"


def test_the_signed_address_is_not_logged(
    keyring: KeyRing, caplog: pytest.LogCaptureFixture
) -> None:
    """Until it expires, whoever reads it could read the list."""
    vendor = FakeVendor(keyring, CLINK)
    vendor.fill(3)
    with caplog.at_level(logging.DEBUG):
        asyncio.run(vendor.pages())

    assert "AccessKeyId" not in caplog.text


def test_tccc_counts_pages_from_zero_and_windows_stay_in_what_it_keeps() -> None:
    api = api_of("tccc_cdr_list", TCCC)
    since = NOW - timedelta(days=400)
    plan = plan_of(api, TCCC, PullRequest("tccc_cdr_list", since, NOW))
    body = json.loads(api.request(httpx.AsyncClient(), Ask((), NOW, NOW, 1, 10), NOW).content)

    assert (body["PageNumber"], body["PageSize"], body["SdkAppId"]) == (0, 10, 1400000001)
    assert plan.earliest == NOW - timedelta(days=180) + timedelta(minutes=1)
    assert plan.step < timedelta(days=90)


def test_a_window_of_clink_that_is_too_full_is_halved() -> None:
    plan = plan_of(api_of("clink_cdr", CLINK), CLINK, PullRequest("clink_cdr", None, NOW))

    assert plan.most == 100_000
    assert plan.step <= timedelta(days=28)
    assert clink.PAGE_SIZES == (10, 100)


@pytest.mark.parametrize("size", [1, 500])
def test_a_page_is_never_of_a_size_that_the_vendor_refuses(size: int) -> None:
    source = CLINK.model_copy(update={"pull": PullSettings(page_size=size)})
    plan = plan_of(api_of("clink_cdr", source), source, PullRequest("clink_cdr", None, NOW))

    assert 10 <= plan.page_size <= 100


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("RequestLimitExceeded", RateLimitedError),
        ("RequestLimitExceeded.UinLimitExceeded", RateLimitedError),
        ("AuthFailure.SignatureExpire", PlatformRejectedError),
        ("InvalidParameterValue.InstanceNotExist", PlatformRejectedError),
        ("", PlatformRejectedError),
    ],
)
def test_a_code_of_tccc_says_whether_to_try_again(code: str, error: type[Exception]) -> None:
    answer = httpx.Response(
        200, json={"Response": {"Error": {"Code": code, "Message": "1990000"}}}
    )

    with pytest.raises(error) as caught:
        api_of("tccc_cdr_list", TCCC).check(answer)
    assert "1990000" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (TCCC.model_copy(update={"options": {}}), "key_id_env"),
        (TCCC.model_copy(update={"options": {**KEYS, "secret_env": "HUB_NONE"}}), "HUB_NONE"),
        (TCCC.model_copy(update={"account": None}), "SdkAppId"),
        (CLINK.model_copy(update={"options": KEYS}), "api-bj.clink.cn"),
        (CLINK.model_copy(update={"options": {**KEYS, "window_days": 40}}), "window_days"),
    ],
)
def test_what_a_pull_needs_is_asked_for_in_words(source: SourceSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        api_of(source.pulls[0], source)


def test_a_source_is_one_vendor() -> None:
    with pytest.raises(ConfigError, match="one vendor"):
        CONNECTOR.check(TCCC.model_copy(update={"pulls": ("tccc_cdr_list", "clink_cdr")}))


def test_a_source_names_the_entities_of_its_pushes_and_lists() -> None:
    source = TCCC.model_copy(update={"push": "tccc_cdr"})

    assert CONNECTOR.entities(source) == ("tccc_cdr", "tccc_record", "tccc_cdr_list")
    assert CONNECTOR.entities(CLINK) == ("clink_cdr",)
    assert CONNECTOR.entities(CLINK.model_copy(update={"push": "tinet_cdr"})) == (
        "tinet_cdr",
        "clink_cdr",
    )


def test_a_page_without_calls_is_no_record() -> None:
    page = Envelope("tccc_cdr_list", b'{"Response":{"TotalCount":0,"RequestId":"r"}}')

    assert CONNECTOR.split(page, TCCC) == []
