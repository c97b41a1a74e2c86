"""Calls: the token, its renewal, the code table, our own limits, and that no token is ever shown."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.code_table import TokenStaleError
from hub.connectors.wecom import CONNECTOR
from hub.connectors.wecom.errors import RULES, Action, error_of
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
    TransientError,
)
from hub.settings import SourceSettings
from tests.unit.connectors.wecom.calls import BASE, NOW, Time, Tokens, a_session

PATH = "externalcontact/get"
OK = {"errcode": 0, "errmsg": "ok"}


def answers(*codes: int) -> list[httpx.Response]:
    return [
        httpx.Response(200, json={"errcode": code, "errmsg": "张三 token-1"}) for code in codes
    ]


def call(*replies: httpx.Response, time: Time | None = None, tokens: Tokens | None = None,
         **options: Any) -> tuple[bytes, respx.Route]:  # fmt: skip
    async def whole() -> bytes:
        async with a_session(time, tokens, **options) as session:
            return await session.get(PATH, {"external_userid": "wm1"})

    with respx.mock as router:
        route = router.get(BASE + PATH).mock(side_effect=list(replies))
        try:
            return asyncio.run(whole()), route
        finally:
            call.count = route.call_count  # type: ignore[attr-defined]  # how many went out, also after an error


def test_the_token_stands_in_the_query() -> None:
    _, route = call(*answers(0))

    assert dict(route.calls[0].request.url.params) == {
        "external_userid": "wm1",
        "access_token": "token-1",
    }


@pytest.mark.parametrize("code", [40014, 42001])
def test_a_dead_token_is_renewed_once_and_the_call_repeated(code: int) -> None:
    tokens = Tokens()
    _, route = call(*answers(code, 0), tokens=tokens)

    assert tokens.asked == [None, "token-1"]
    assert route.calls[1].request.url.params["access_token"] == "token-2"


def test_a_second_refusal_of_the_token_is_the_end() -> None:
    with pytest.raises(AuthorizationLostError):
        call(*answers(42001, 42001, 0))

    assert call.count == 2  # type: ignore[attr-defined]  # see `call`


@pytest.mark.parametrize("code", [-1, 6000, 45033, 45035])
def test_a_passing_trouble_is_tried_again(code: int) -> None:
    time = Time()
    call(*answers(code, code, 0), time=time)

    assert len(time.slept) == 2


def test_a_trouble_that_stays_ends_after_all_tries() -> None:
    with pytest.raises(PlatformDownError):
        call(*answers(*[-1] * 9))

    assert call.count == 4  # type: ignore[attr-defined]  # see `call`


@pytest.mark.parametrize("code", [40058, 40096, 41001, 48002, 50003, 60011, 60020, 84061, 999_999])
def test_a_refusal_is_not_tried_again(code: int) -> None:
    with pytest.raises(PlatformRejectedError) as caught:
        call(*answers(code, 0))

    assert (caught.value.code, call.count) == (str(code), 1)  # type: ignore[attr-defined]  # see `call`


def test_45009_shuts_that_api_and_no_other_until_its_window_ends() -> None:
    time = Time()

    async def whole() -> None:
        async with a_session(time) as session:
            with pytest.raises(RateLimitedError) as first:
                await session.get(PATH)
            with pytest.raises(RateLimitedError) as second:
                await session.get(PATH)
            await session.get("externalcontact/list")
            time.passed += 60
            await session.get(PATH)

            assert (first.value.retry_after_s, second.value.retry_after_s) == (60.0, 60.0)

    with respx.mock as router:
        shut = router.get(BASE + PATH).mock(side_effect=answers(45009, 0))
        router.get(BASE + "externalcontact/list").respond(json=OK)
        asyncio.run(whole())

        assert shut.call_count == 2
        assert time.slept == []


def test_our_own_share_of_the_limit_is_kept() -> None:
    time = Time()

    async def whole() -> None:
        async with a_session(time, calls_per_minute=2) as session:
            for _ in range(2):
                await session.get(PATH)
            time.passed += 30
            await session.get(PATH)

    with respx.mock as router:
        router.get(BASE + PATH).respond(json=OK)
        asyncio.run(whole())

    assert time.slept == [30.0]


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(404),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(500),
    ],
)
def test_an_answer_without_a_code_is_an_error_and_shows_nothing(reply: httpx.Response) -> None:
    with pytest.raises((TransientError, PlatformRejectedError)) as caught:
        call(*[reply] * 9)

    assert "token-1" not in str(caught.value)


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout])
def test_no_token_reaches_an_error_or_a_log(
    failure: type[httpx.HTTPError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def whole() -> None:
        async with a_session() as session:
            await session.get(PATH)
            await session.get("externalcontact/list")

    with respx.mock as router:
        router.get(BASE + PATH).respond(json=OK)
        failed = failure("GET https://x/?access_token=token-1")
        router.get(BASE + "externalcontact/list").mock(side_effect=failed)
        with pytest.raises(PlatformDownError) as caught:
            asyncio.run(whole())

    assert "token-1" not in caplog.text + str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None


def test_what_the_platform_says_in_words_is_not_repeated() -> None:
    with pytest.raises(PlatformRejectedError) as caught:
        call(*answers(40058))

    assert "张三" not in str(caught.value)


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_code_of_the_table_becomes_its_error(code: int) -> None:
    found = error_of(code, overrides={}, blocked_s=60.0)
    wanted = {
        Action.RETRY: PlatformDownError,
        Action.SLOW_DOWN: RateLimitedError,
        Action.BLOCK: RateLimitedError,
        Action.REFRESH: TokenStaleError,
        Action.REAUTHORIZE: AuthorizationLostError,
    }.get(RULES[code].action, PlatformRejectedError)

    assert type(found) is wanted or isinstance(found, wanted)
    assert str(code) in str(found)


def test_what_is_done_about_a_code_can_be_set() -> None:
    found = error_of(999_999, overrides={999_999: "retry"}, blocked_s=60.0)

    assert isinstance(found, PlatformDownError)
    with pytest.raises(ConfigError, match=r"error_actions\.1"):
        error_of(1, overrides={1: "pray"}, blocked_s=60.0)


SOURCE = SourceSettings.model_validate(
    {"platform": "wecom", "options": {"corp_id": "ww0", "secret_env": "HUB_TEST_WECOM_SECRET"}}
)


def issued(reply: httpx.Response) -> Any:
    with respx.mock as router, httpx.Client() as http:
        route = router.get(BASE + "gettoken").mock(return_value=reply)
        found = CONNECTOR.issue(http, SOURCE, now=NOW)
        assert dict(route.calls[0].request.url.params) == {"corpid": "ww0", "corpsecret": "s3"}
        return found


def test_a_token_is_given_for_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TEST_WECOM_SECRET", "s3")
    given = {**OK, "access_token": "T" * 512, "expires_in": 7200}
    found = issued(httpx.Response(200, json=given))

    assert (found.access_token, found.accounts) == ("T" * 512, ("ww0",))
    assert found.access_expires_at == NOW + timedelta(seconds=7200)
    assert "TTT" not in repr(found)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (httpx.Response(200, json={"errcode": 40001}), AuthorizationLostError),
        (httpx.Response(200, json={"errcode": 40013}), AuthorizationLostError),
        (httpx.Response(200, json={"errcode": -1}), PlatformDownError),
        (httpx.Response(200, json={"errcode": 45009}), RateLimitedError),
        (httpx.Response(200, json=OK), PlatformDownError),
        (httpx.Response(502), PlatformDownError),
    ],
)
def test_a_token_that_is_not_given_says_why(
    reply: httpx.Response, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TEST_WECOM_SECRET", "s3")
    with pytest.raises(error) as caught:
        issued(reply)

    assert "s3" not in str(caught.value)
    if isinstance(caught.value, RateLimitedError):
        assert caught.value.retry_after_s == 3600


def test_without_a_secret_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_TEST_WECOM_SECRET", raising=False)
    with httpx.Client() as http, pytest.raises(ConfigError, match="HUB_TEST_WECOM_SECRET"):
        CONNECTOR.issue(http, SOURCE, now=NOW)
