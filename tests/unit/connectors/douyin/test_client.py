"""Calls: headers, arrays in the query, one refresh, waits as the platform asks, no secrets in errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.base import PullRequest
from hub.connectors.douyin import CONNECTOR
from hub.connectors.douyin.client import DouyinSession
from hub.connectors.douyin.options import DouyinOptions
from hub.connectors.douyin.pull import PATH, plan_of
from hub.connectors.limits import Limit, RateLimiter
from hub.connectors.sessions import PullPorts
from hub.connectors.windows import legs
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)
from hub.settings import PullSettings, SourceSettings
from tests.connectors.suite import NOW

URL = f"https://api.oceanengine.com{PATH}"
ACCOUNT = "1700000000000001"


class Tokens:
    """Gives a new token for each stale one."""

    def __init__(self) -> None:
        self.stale: list[str] = []
        self.current = "at-0"

    async def access_token(self, *, stale: str | None = None) -> str:
        if stale == self.current:
            self.stale.append(stale)
            self.current = f"at-{len(self.stale)}"
        return self.current


class Bench:
    """A session over respx with a clock that sleeping moves."""

    def __init__(self, mock: respx.MockRouter, **options: Any) -> None:
        self.route = mock.get(URL)
        self.tokens = Tokens()
        self.now = 0.0
        self.slept: list[float] = []
        self.limiter = RateLimiter(clock=lambda: self.now, sleep=self.sleep)
        self.options = DouyinOptions(app_id="1", **options)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def answers(self, *found: Any) -> None:
        self.route.mock(side_effect=[_answer(item) for item in found])

    def get(self, **params: Any) -> bytes:
        ports = PullPorts(
            tokens=self.tokens, fingerprint=str, limiter=self.limiter, sleep=self.sleep
        )

        async def call() -> bytes:
            async with DouyinSession(self.options, ports) as session:
                return await session.get(PATH, params, accounts=(ACCOUNT,))

        return asyncio.run(call())


def _answer(item: Any) -> Any:
    if isinstance(item, int):
        return httpx.Response(200, json={"code": item, "message": "张三 19900000001"})
    return item


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    with respx.mock(assert_all_called=False) as mock:
        yield lambda **options: Bench(mock, **options)


MakeBench = Callable[..., Bench]


def test_the_token_is_a_header_and_arrays_are_json_in_the_query(bench: MakeBench) -> None:
    made = bench()
    made.answers(0)
    made.get(advertiser_ids=[1700000000000001, 2], page=1, start_time="2026-02-17 08:00:00")

    request = made.route.calls.last.request
    assert request.headers["Access-Token"] == "at-0"
    assert "access_token" not in str(request.url)
    assert request.url.params["advertiser_ids"] == "[1700000000000001,2]"


@pytest.mark.parametrize("code", [40102, 40105])
def test_a_stale_token_is_refreshed_once(bench: MakeBench, code: int) -> None:
    made = bench()
    made.answers(code, 0)
    made.get()

    assert made.tokens.stale == ["at-0"]
    assert made.slept == []


def test_a_token_that_is_stale_again_is_a_lost_grant(bench: MakeBench) -> None:
    made = bench()
    made.answers(40105, 40105)

    with pytest.raises(AuthorizationLostError):
        made.get()

    assert made.route.call_count == 2


def test_a_customer_limit_blocks_that_account_and_no_other(bench: MakeBench) -> None:
    made = bench(customer_delay_s=45)
    made.answers(40130, 0)
    made.get()

    assert made.slept == [45]


def test_a_customer_limit_that_lasts_is_given_up_with_its_dimension(bench: MakeBench) -> None:
    made = bench(tries=2)
    made.answers(40130, 40130)

    with pytest.raises(RateLimitedError) as caught:
        made.get()

    assert caught.value.dimension == "customer"
    assert made.limiter.wait_s({("account", ACCOUNT, PATH): Limit(2)}) > 0
    assert made.limiter.wait_s({("account", "2", PATH): Limit(2)}) == 0


def test_the_minute_penalty_is_waited_out(bench: MakeBench) -> None:
    made = bench()
    penalty = httpx.Response(
        200, json={"code": 40110}, headers={"X-RateLimit-Dimension": "developer_qpm"}
    )
    made.answers(penalty, 0)
    made.get()

    assert made.slept == [300]


def test_a_wait_beyond_the_budget_is_not_begun(bench: MakeBench) -> None:
    made = bench(retry_budget_s=10)
    made.answers(40130)

    with pytest.raises(RateLimitedError):
        made.get()

    assert made.slept == []


def test_a_busy_endpoint_backs_off_longer_each_time_with_jitter(bench: MakeBench) -> None:
    made = bench(developer_qps=100, account_qps=100)  # our own limiter must not wait here, too
    made.answers(40100, 40100, 40100, 0)
    made.get()

    assert len(made.slept) == 3
    assert all(0 <= waited <= 2**place for place, waited in enumerate(made.slept))


def test_the_code_decides_not_the_status(bench: MakeBench) -> None:
    made = bench()
    made.answers(httpx.Response(500, json={"code": 40118}))

    with pytest.raises(PlatformRejectedError) as caught:
        made.get()

    assert caught.value.code == "40118"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(502, text="<html>"), PlatformDownError),
        (httpx.Response(200, text="<html>"), PlatformDownError),
        (httpx.Response(429), RateLimitedError),
        (httpx.Response(404), PlatformRejectedError),
        (httpx.ConnectError("x"), PlatformDownError),
        (httpx.ReadTimeout("x"), PlatformDownError),
        (httpx.RemoteProtocolError("x"), PlatformDownError),
    ],
)
def test_an_answer_without_a_code_is_judged_by_its_status(
    bench: MakeBench, answer: Any, error: type[Exception]
) -> None:
    made = bench(tries=1)
    made.answers(answer)

    with pytest.raises(error):
        made.get()


def test_errors_repeat_nothing_that_the_platform_said(bench: MakeBench) -> None:
    made = bench(tries=1)
    made.answers(40000)

    with pytest.raises(PlatformRejectedError) as caught:
        made.get()

    assert "张三" not in str(caught.value)
    assert "at-0" not in str(caught.value)


def test_own_calls_stay_below_the_accounts_share(bench: MakeBench) -> None:
    made = bench(account_qps=2)
    made.answers(0, 0, 0)
    for _ in range(3):
        made.get()

    assert sum(made.slept) >= 1


# ---- windows of route A


def a_source(**changes: Any) -> SourceSettings:
    given: dict[str, Any] = {"account": ACCOUNT, "pulls": ("clue",)} | changes
    return SourceSettings(platform="douyin", **given)


def windows(cursor: dict[str, Any], source: SourceSettings, **options: Any) -> list[Any]:
    request = PullRequest("clue", None, NOW, cursor)
    return list(legs(request, plan_of(source, DouyinOptions(**options))))


def test_the_first_pull_goes_back_some_days_in_windows() -> None:
    found = windows({}, a_source(pull=PullSettings(first_days=20)))

    assert found[0].start == NOW - timedelta(days=20)
    assert [leg.end - leg.start for leg in found] == [timedelta(days=d) for d in (7, 7, 6)]
    assert found[-1].end == NOW


def test_a_later_pull_goes_back_at_least_as_long_as_fields_settle() -> None:
    cursor = {"watermark": (NOW - timedelta(minutes=5)).isoformat()}

    (leg,) = windows(cursor, a_source(pull=PullSettings(overlap_s=0)))

    assert leg.start == NOW - timedelta(minutes=15)


def test_an_interrupted_window_is_finished_with_its_own_end() -> None:
    end = NOW - timedelta(hours=1)
    start = end - timedelta(hours=2)
    resume = {"start": start.isoformat(), "end": end.isoformat(), "chunk": 0, "page": 4}

    first, second = windows({"resume": resume}, a_source())

    assert (first.start, first.end, first.page) == (start, end, 4)
    assert (second.start, second.end, second.page) == (end - timedelta(seconds=1200), NOW, 1)


def test_more_than_a_hundred_accounts_are_asked_in_chunks() -> None:
    ids = [str(1700000000000000 + place) for place in range(250)]
    cursor = {"watermark": NOW.isoformat()}

    found = windows(cursor, a_source(), advertiser_ids=ids)

    assert [len(leg.accounts) for leg in found] == [100, 100, 50]
    assert [leg.closes for leg in found] == [False, False, True]


def test_without_an_account_there_is_nothing_to_ask() -> None:
    with pytest.raises(ConfigError, match="account"):
        windows({}, a_source(account=None))


def test_an_unknown_stream_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match="life"):
        CONNECTOR.pages(None, PullRequest("life", None, NOW), a_source())


def test_a_list_that_is_not_one_is_kept_and_stops_the_pull(bench: MakeBench) -> None:
    made = bench()
    made.answers(httpx.Response(200, json={"code": 0, "data": {"rows": 3, "list": "x"}}))
    ports = PullPorts(tokens=made.tokens, fingerprint=str, limiter=made.limiter, sleep=made.sleep)
    pages = []

    async def pull() -> None:
        async with DouyinSession(made.options, ports) as session:
            async for page in CONNECTOR.pages(session, PullRequest("clue", None, NOW), a_source()):
                pages.append(page)

    with pytest.raises(PlatformRejectedError) as caught:
        asyncio.run(pull())

    assert caught.value.code == "shape"
    (page,) = pages
    assert page.cursor["resume"]["page"] == 1
    assert page.envelope is not None
    (record,) = CONNECTOR.split(page.envelope, a_source())
    assert record.unreadable == "no_list"
    assert json.loads(record.payload)["data"]["list"] == "x"
