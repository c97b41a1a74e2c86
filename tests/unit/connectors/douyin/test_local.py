"""Route B: JSON in a POST, fifty accounts a call, the codes of route A."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.base import PullRequest
from hub.connectors.douyin import CONNECTOR
from hub.connectors.douyin.local import PATH
from hub.connectors.douyin.records import read_laike_listing, read_listing
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import PullPorts
from hub.errors import PlatformRejectedError
from hub.settings import PullSettings, SourceSettings
from tests.connectors.suite import NOW

URL = "https://api.oceanengine.com" + PATH


class OneToken:
    """Never dies."""

    async def access_token(self, *, stale: str | None = None) -> str:
        return "demo_at"


def pull(source: SourceSettings) -> None:
    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def run() -> None:
        limiter = RateLimiter(clock=lambda: now[0], sleep=sleep)
        ports = PullPorts(tokens=OneToken(), fingerprint=str, limiter=limiter, sleep=sleep)
        request = PullRequest("life_clue", None, NOW)
        async with CONNECTOR.session(source, ports) as session:
            async for _ in CONNECTOR.pages(session, request, source):
                pass

    now = [0.0]
    asyncio.run(run())


def a_source(*accounts: int, page_size: int = 500) -> SourceSettings:
    return SourceSettings(
        platform="douyin",
        pulls=("life_clue",),
        pull=PullSettings(page_size=page_size),
        options={"local_account_ids": list(accounts)},
    )


def an_answer(**data: Any) -> httpx.Response:
    return httpx.Response(200, json={"code": 0, "data": data})


def asked(route: respx.Route) -> list[dict[str, Any]]:
    return [json.loads(call.request.content) for call in route.calls]


@respx.mock
def test_parameters_are_json_in_a_post_and_ids_are_numbers() -> None:
    route = respx.post(URL).mock(return_value=an_answer(list=[]))
    pull(a_source(1810000000000001))

    assert asked(route) == [
        {
            "local_account_ids": [1810000000000001],
            "start_time": "2026-02-10 20:00:00",
            "end_time": "2026-02-17 20:00:00",
            "page": 1,
            "page_size": 100,
        }
    ]
    assert route.calls.last.request.headers["Access-Token"] == "demo_at"
    assert route.calls.last.request.url.query == b""


@respx.mock
def test_more_than_fifty_accounts_are_asked_in_chunks() -> None:
    route = respx.post(URL).mock(return_value=an_answer(list=[]))
    pull(a_source(*range(1, 121)))

    assert [len(one["local_account_ids"]) for one in asked(route)] == [50, 50, 20]


@respx.mock
def test_the_totals_of_this_list_end_it() -> None:
    item = {"clue_id": "7400000000000000002"}
    info = {"page_number": 1, "page_size": 10, "page_total": 1, "total": 1}
    route = respx.post(URL).mock(return_value=an_answer(list=[item], page_info=info))
    pull(a_source(1))

    assert route.call_count == 1


@respx.mock
def test_a_list_under_another_name_is_not_taken_for_an_empty_one() -> None:
    info = {"page_number": 1, "page_size": 10, "page_total": 1, "total": 1}
    respx.post(URL).mock(return_value=an_answer(clues=[{}], page_info=info))

    with pytest.raises(PlatformRejectedError, match="holds no list"):
        pull(a_source(1))


@pytest.mark.parametrize("info", [None, {}, {"total": "x"}, {"page_total": -1}, 7])
def test_totals_that_cannot_be_read_are_absent(info: Any) -> None:
    life = json.dumps({"code": 0, "data": {"list": [{"clue_id": "1"}], "page_info": info}})
    laike = json.dumps({"data": {"clue_data": [{"clue_id": "1"}], "page": info}})

    for found in (read_listing(life.encode()), read_laike_listing(laike.encode())):
        assert found is not None
        assert found.total_number is None
        assert len(found.items) == 1
