"""The Douyin connector passes the suite that every connector passes, for each of its shapes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import respx

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin import CONNECTOR
from hub.connectors.douyin.laike import PATH as LAIKE_PATH
from hub.connectors.douyin.local import PATH as LIFE_PATH
from hub.connectors.douyin.pull import PATH as CLUE_PATH
from hub.connectors.douyin.simulator.local_people import a_laike_clue, a_life_clue
from hub.connectors.douyin.simulator.people import a_clue, a_star_clue
from hub.connectors.douyin.star import PATH as STAR_PATH
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import PullPorts
from hub.model.delivery import HookRequest
from hub.privacy.keyring import KeyRing
from hub.settings import PullSettings, SignatureSettings, SourceSettings
from tests.connectors.suite import NOW, FakePlatform, PullSuite, PushCase, PushSuite

BASE = "https://api.oceanengine.com"
TOKEN = "constant-set-in-console"
PUSHED = {
    "clueId": "7400000000000000001",
    "name": "张三",
    "mobile": "19900000001",
    "create_time": "2026-02-17 08:00:00",
    "promotion_id": "7300000000000000123",
    "source": "oceanengine",
    "hub_token": TOKEN,
}
READ = {
    "clue_id": "7400000000000000001",
    "name": "张三",
    "telephone": "19900000001",
    "create_time_detail": "2026-02-17 08:00:00",
    "promotion_id": "7300000000000000123",
    "source": "oceanengine",
}
CLUE_SOURCE = SourceSettings(
    platform="douyin",
    push="clue_push",
    signature=SignatureSettings(scheme="static_body", field="hub_token", secret_env="HUB_X"),
)
ACK = {"code": 0, "message": "success"}


def a_push(body: bytes, content_type: str) -> HookRequest:
    return HookRequest("POST", b"", {"content-type": content_type}, body)


class TestJsonRulePush(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=CLUE_SOURCE,
            request=a_push(json.dumps(PUSHED).encode(), "application/json; charset=utf-8"),
            secrets=(TOKEN.encode(),),
            payloads=[READ],
            ack=ACK,
            secret_texts=(TOKEN,),
        )


class TestFormRulePush(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        body = urlencode(PUSHED, encoding="gbk").encode()
        return PushCase(
            connector=CONNECTOR,
            source=CLUE_SOURCE,
            request=a_push(body, "application/x-www-form-urlencoded; charset=gbk"),
            secrets=(TOKEN.encode(),),
            payloads=[READ],
            ack=ACK,
            secret_texts=(TOKEN,),
        )


STAR_LEAD = {
    "star_id": 1800000000000000001,
    "order_id": 7000000000000000002,
    "item_id": 7500000000000000001,
    "uid": "90000000000002",
    "phone": "19900000002",
    "name": "测试二",
    "create_time": "2026-02-17 20:00:00",
}


class TestStarPush(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=SourceSettings(
                platform="douyin",
                push="star_push",
                signature=SignatureSettings(
                    scheme="static_body", field="hub_token", secret_env="HUB_X"
                ),
            ),
            request=a_push(
                json.dumps({**STAR_LEAD, "hub_token": TOKEN}).encode(), "application/json"
            ),
            secrets=(TOKEN.encode(),),
            payloads=[STAR_LEAD],
            ack=ACK,
            secret_texts=(TOKEN,),
        )


class TestStarPushPage(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        two = [STAR_LEAD, {**STAR_LEAD, "phone": "19900000003"}]
        body = json.dumps({"code": 0, "data": {"list": two, "page_info": {"page": 1}}}).encode()
        return PushCase(
            connector=CONNECTOR,
            source=SourceSettings(
                platform="douyin",
                push="star_push",
                signature=SignatureSettings(
                    scheme="static_header", header="X-Token", secret_env="HUB_X"
                ),
            ),
            request=HookRequest(
                "POST", b"", {"content-type": "application/json", "x-token": TOKEN}, body
            ),
            secrets=(TOKEN.encode(),),
            payloads=two,
            ack=ACK,
        )


class TestOpenEvent(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        secret = b"demo_client_secret_0123456789abcd"
        event = {"event": "personal_tab_contact", "client_key": "awdemo0001", "content": "{}"}
        body = json.dumps(event).encode()
        asked = b'{"event":"verify_webhook","client_key":"","content":{"challenge":12345}}'
        headers = {
            "content-type": "application/json",
            "msg-id": "demo-msg-1",
            "x-douyin-signature": hashlib.sha1(secret + body).hexdigest(),  # noqa: S324 -- the platform's scheme
        }
        return PushCase(
            connector=CONNECTOR,
            source=SourceSettings(
                platform="douyin",
                push="open_event",
                signature=SignatureSettings(
                    scheme="sha1_concat", header="X-Douyin-Signature", secret_env="HUB_X"
                ),
            ),
            request=HookRequest("POST", b"", headers, body),
            secrets=(secret,),
            payloads=[event],
            ack=ACK,
            delivery_key="demo-msg-1",
            challenge=a_push(asked, "application/json"),
            answer={"challenge": 12345},
        )


class TestSpiEvent(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        secret = b"demo_spi_secret_key"
        body = (
            b'{"message_id":"m-1","subscribe_task_id":1001,"advertiser_ids":[1700000000000001],'
            b'"service_label":"demo.label","publish_time":1735689600000,"timestamp":1735689600123,'
            b'"nonce":"n1","data":"{\\"x\\":1}"}'
        )
        signature = "66818832dd69d5ec37a98bf8fe37d7ef04700cc8af0b4af8b570f3805da99e76"
        headers = {"content-type": "application/json", "x-open-signature": signature}
        return PushCase(
            connector=CONNECTOR,
            source=SourceSettings(
                platform="douyin",
                push="spi_event",
                signature=SignatureSettings(
                    scheme="hmac_sha256", header="X-Open-Signature", secret_env="HUB_X"
                ),
            ),
            request=HookRequest("POST", b"", headers, body),
            secrets=(secret,),
            payloads=[json.loads(body)],
            ack={"BaseResp": {"StatusCode": 200, "StatusMessage": "ok"}},
            delivery_key="m-1",
            challenge=HookRequest("GET", b"challenge=77&event=verify_webhook", {}, b""),
            answer={"BaseResp": {"StatusCode": 200, "StatusMessage": "ok"}, "challenge": 77},
            has_contract=False,
        )


class AlwaysGood:
    """A token that never dies."""

    async def access_token(self, *, stale: str | None = None) -> str:
        return "demo_at"


LISTS = {
    "clue": ("GET", BASE + CLUE_PATH, a_clue, "1700000000000001"),
    "star_clue": ("GET", BASE + STAR_PATH, None, "1800000000000001"),
    "life_clue": ("POST", BASE + LIFE_PATH, a_life_clue, "1810000000000001"),
    "laike_clue": (
        "GET",
        "https://open.douyin.com" + LAIKE_PATH,
        a_laike_clue,
        "7100000000000000001",
    ),
}


class FakeOceanEngine(FakePlatform):
    """One list of the platform behind respx."""

    def __init__(
        self, mock: respx.MockRouter, keyring: KeyRing, stream: str, source: SourceSettings
    ) -> None:
        self._keyring, self._stream, self._source = keyring, stream, source
        self._items: list[dict[str, Any]] = []
        self._codes: list[int] = []
        self._statuses: list[int] = []
        self.slept: list[float] = []
        method, url, self._make, self._account = LISTS[stream]
        self._route = mock.route(method=method, url__startswith=url).mock(side_effect=self._answer)

    @property
    def calls(self) -> int:  # type: ignore[override]  # counted by respx
        return self._route.call_count

    def fill(self, count: int) -> list[str]:
        times = [NOW - timedelta(minutes=place) for place in range(count)]
        self._items = [self._listed(i, at) for i, at in enumerate(times)]
        return [str(place) for place in range(count)]

    def _listed(self, number: int, at: datetime) -> dict[str, Any]:
        lead: Any = (
            self._make(1, number, self._account, at, at)
            if self._make is not None
            else a_star_clue(1, number, self._account, at)
        )
        listed: dict[str, Any] = lead.listed(NOW)
        return listed

    def fail(self, *, permanent: bool, times: int) -> None:
        codes = (2190004, 2100001) if self._stream == "laike_clue" else (40118, 50000)
        self._codes = [codes[0] if permanent else codes[1]] * times

    def fail_http(self, status: int, *, times: int) -> None:
        self._statuses = [status] * times

    async def pages(self) -> list[Page]:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        ports = PullPorts(
            tokens=AlwaysGood(),
            fingerprint=self._keyring.synthetic_id,
            limiter=RateLimiter(clock=self._clock, sleep=sleep),
            sleep=sleep,
        )
        request = PullRequest(self._stream, since=None, until=NOW, cursor=self.cursor)
        async with CONNECTOR.session(self._source, ports) as session:
            return [page async for page in CONNECTOR.pages(session, request, self._source)]

    def _clock(self) -> float:
        """Every call is a second after the one before, so that our own limits never wait."""
        return float(self._route.call_count)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self._statuses:
            return httpx.Response(self._statuses.pop(0), text="19900000001")
        # The newest stand first: whatever appears pushes the others on to later pages.
        new = [self._listed(1000 + len(self._items) + n, NOW) for n in range(self.inserts)]
        self._items = new + self._items
        code = self._codes.pop(0) if self._codes else 0
        asked = json.loads(request.content) if request.content else dict(request.url.params)
        page, size = int(asked["page"]), int(asked["page_size"])
        shown = self._items[(page - 1) * size : page * size] if code == 0 else []
        total = len(self._items)
        pages = -(-total // size)
        info = {"page_number": page, "page_size": size, "page_total": pages, "total": total}
        if self._stream == "laike_clue":
            data = {"error_code": code, "clue_data": shown, "page": info}
            return httpx.Response(200, json={"data": data, "extra": {"error_code": code}})
        if self._stream != "life_clue":
            info = {"page": page, "total_number": total, "total_page": pages}
        data = {"page_info": info, "list": shown} if code == 0 else {}
        return httpx.Response(200, json={"code": code, "message": "demo", "data": data})


class DouyinPullSuite(PullSuite):
    stream: str
    connector = CONNECTOR
    source = SourceSettings(
        platform="douyin",
        pulls=("clue", "star_clue"),
        pull=PullSettings(page_size=10),
        options={"advertiser_ids": [1700000000000001], "star_ids": ["1800000000000001"]},
    )

    @pytest.fixture
    def platform(self, keyring: KeyRing) -> Iterator[FakePlatform]:
        with respx.mock(assert_all_called=False) as mock:
            yield FakeOceanEngine(mock, keyring, self.stream, self.source)


class TestCluePull(DouyinPullSuite):
    stream = "clue"


class TestStarCluePull(DouyinPullSuite):
    stream = "star_clue"


class TestLifeCluePull(DouyinPullSuite):
    stream = "life_clue"
    source = SourceSettings(
        platform="douyin",
        account="1810000000000001",
        pulls=("life_clue",),
        pull=PullSettings(page_size=10),
    )


class TestLaikeCluePull(DouyinPullSuite):
    stream = "laike_clue"
    source = SourceSettings(
        platform="douyin",
        account="7100000000000000001",
        pulls=("laike_clue",),
        pull=PullSettings(page_size=10),
        options={"client_key": "awdemo0001"},
    )
