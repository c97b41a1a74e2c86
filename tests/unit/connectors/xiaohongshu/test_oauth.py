"""Tokens of the marketing API: the vendor's answer, rotation, and what an undocumented code means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from hub.connectors.xiaohongshu import CONNECTOR
from hub.connectors.xiaohongshu.oauth import REFRESH_PATH, TOKEN_PATH
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)
from hub.settings import SourceSettings

NOW = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
SECRET_ENV = "HUB_TEST_XHS_APP"
# The vendor's sample with invented values.
GRANTED: dict[str, Any] = {
    "code": 0,
    "success": True,
    "msg": "成功",
    "data": {
        "access_token": "demo_at",
        "access_token_expires_in": 86399,
        "refresh_token": "demo_rt",
        "refresh_token_expires_in": 2591999,
        "user_id": "u-demo",
        "approval_role_type": 4,
        "role_type": 1,
        "platform_type": 1,
        "approval_advertisers": [{"advertiser_id": 1000001, "advertiser_name": "演示账户"}],
        "advertiser_id": 1000001,
        "scope": '["report_service"]',
        "corporation_name": "演示公司",
        "create_time": 1735689600000,
        "update_time": 1735689600000,
    },
}


def a_source(**options: Any) -> SourceSettings:
    made = {"app_id": 77, "secret_env": SECRET_ENV, **options}
    return SourceSettings(platform="xiaohongshu", options=made)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_ENV, "demo_secret")


class Platform:
    """Answers each call with the next answer and keeps what was asked."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, Any]] = []

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((str(request.url), json.loads(request.content)))
        answer = self._answers.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, json=answer)


def refresh(answer: Any, **options: Any) -> Any:
    with Platform(answer).client() as http:
        return CONNECTOR.refresh(http, a_source(**options), "old_rt", now=NOW)


def test_the_consent_page_gets_its_names_in_camel_case() -> None:
    url = CONNECTOR.authorize_url(
        a_source(scope=["report_service", "ad_query"]), state="s", redirect_uri="https://h/x"
    )

    assert url.startswith("https://ad-market.xiaohongshu.com/auth?")
    assert parse_qs(urlsplit(url).query) == {
        "appId": ["77"],
        "scope": ['["report_service","ad_query"]'],
        "redirectUri": ["https://h/x"],
        "state": ["s"],
    }


def test_a_code_is_traded_for_tokens_that_live_as_long_as_the_answer_says() -> None:
    platform = Platform(GRANTED)
    with platform.client() as http:
        found = CONNECTOR.exchange(http, a_source(), "demo_code", now=NOW)

    assert platform.asked == [
        (
            f"https://adapi.xiaohongshu.com{TOKEN_PATH}",
            {"app_id": 77, "secret": "demo_secret", "auth_code": "demo_code"},
        )
    ]
    assert (found.access_token, found.refresh_token) == ("demo_at", "demo_rt")
    assert found.access_expires_at == NOW + timedelta(seconds=86399)
    assert found.refresh_expires_at == NOW + timedelta(seconds=2591999)
    assert found.accounts == ("1000001",)


def test_a_refresh_sends_the_token_it_was_given_and_gives_the_new_pair() -> None:
    platform = Platform(GRANTED)
    with platform.client() as http:
        found = CONNECTOR.refresh(http, a_source(), "old_rt", now=NOW)

    assert platform.asked[0][0].endswith(REFRESH_PATH)
    assert platform.asked[0][1] == {
        "app_id": 77,
        "secret": "demo_secret",
        "refresh_token": "old_rt",
    }
    assert found.refresh_token == "demo_rt"


def test_without_a_list_of_accounts_the_one_of_the_grant_counts() -> None:
    data = {k: v for k, v in GRANTED["data"].items() if k != "approval_advertisers"}

    assert refresh({**GRANTED, "data": data}).accounts == ("1000001",)
    data.pop("advertiser_id")
    assert refresh({**GRANTED, "data": data}).accounts == ()


def failed(code: int, msg: str, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "success": False, "msg": msg})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failed(901, "refresh_token invalid"), AuthorizationLostError),
        (failed(902, "auth_code 已过期", 400), AuthorizationLostError),
        (failed(903, "系统繁忙"), PlatformDownError),
        (failed(904, "token service down", 503), PlatformDownError),
        (failed(905, "参数错误", 400), PlatformRejectedError),
        (httpx.Response(200, json={"code": 0, "success": False}), PlatformDownError),
        (httpx.Response(200, json={"code": 0, "success": True, "data": {}}), PlatformDownError),
        (httpx.Response(429, headers={"retry-after": "7"}), RateLimitedError),
        (httpx.Response(502, text="<html>"), PlatformDownError),
        (httpx.Response(403, text="<html>"), PlatformRejectedError),
        (httpx.Response(200, text="<html>"), PlatformDownError),
        (httpx.Response(200, text="[" * 100_000), PlatformDownError),
    ],
)
def test_an_answer_without_tokens_is_one_of_our_errors(
    answer: httpx.Response, error: type[HubError]
) -> None:
    with pytest.raises(error) as caught:
        refresh(answer)

    assert type(caught.value) is error
    assert "old_rt" not in str(caught.value)
    assert "demo_secret" not in str(caught.value)


def test_what_loses_a_grant_can_be_set_once_it_is_known() -> None:
    with pytest.raises(AuthorizationLostError):
        refresh(failed(903, "系统繁忙"), lost_codes=[903])
    with pytest.raises(PlatformDownError):
        refresh(failed(901, "refresh_token invalid"), lost_words=[])


def test_no_answer_is_worth_another_try() -> None:
    def break_off(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("demo_secret")

    with (
        httpx.Client(transport=httpx.MockTransport(break_off)) as http,
        pytest.raises(PlatformDownError) as caught,
    ):
        CONNECTOR.refresh(http, a_source(), "old_rt", now=NOW)

    assert "demo_secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"app_id": ""}, "app_id"),
        ({"app_id": "x"}, "app_id"),
        ({"secret_env": ""}, "secret_env"),
        ({"secret_env": "HUB_TEST_NOT_SET"}, "HUB_TEST_NOT_SET"),
        ({"api_base": "http://example.com"}, "api_base"),
    ],
)
def test_what_is_missing_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        refresh(GRANTED, **options)


def test_a_source_that_is_only_pushed_needs_no_grant() -> None:
    assert not CONNECTOR.is_ready(SourceSettings(platform="xiaohongshu", push="form_push"))
    assert CONNECTOR.is_ready(a_source())
