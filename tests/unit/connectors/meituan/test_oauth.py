"""Authorising a Meituan source: signed addresses, tokens and lifetimes, errors without secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import respx

from hub.connectors.meituan import CONNECTOR, oauth
from hub.connectors.meituan.signing import Profile, sign
from hub.connectors.sessions import TokenSet
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    PlatformDownError,
    PlatformRejectedError,
)
from hub.settings import SourceSettings
from tests.connectors.test_meituan import a_source

AT = datetime(2025, 1, 1, tzinfo=UTC)
VARIABLE, KEY = "HUB_MEITUAN_TEST_KEY", "demoSignKey"
BASE = "https://api-open-cater.meituan.com"
DATA = {
    "accessToken": "demo_at",
    "expireIn": 2592000,
    "opBizCode": "143000001",
    "refreshToken": "demo_rt",
    "scope": "all",
}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> SourceSettings:
    monkeypatch.setenv(VARIABLE, KEY)
    return a_source("none", app_id=100001, secret_env=VARIABLE, scope="customercenter")


def is_signed(fields: dict[str, str]) -> bool:
    return fields["sign"] == sign(Profile.MTOP, fields, KEY)


def trade(source: SourceSettings, answer: httpx.Response, path: str, how: str) -> Any:
    """The tokens that `how` gave, and the fields that it sent."""
    with respx.mock:
        route = respx.post(BASE + path).mock(return_value=answer)
        with httpx.Client() as http:
            found: TokenSet = getattr(CONNECTOR, how)(http, source, "demo_given", now=AT)
        sent = dict(parse_qsl(route.calls.last.request.content.decode()))
    return found, sent


def granted(code: Any = 0, **changes: Any) -> httpx.Response:
    data = {k: v for k, v in {**DATA, **changes}.items() if v is not None}
    return httpx.Response(200, json={"code": code, "data": data, "traceId": "-1"})


def test_the_consent_page_is_signed(source: SourceSettings) -> None:
    url = urlsplit(oauth.authorize_url(source, state="demo-state", now=AT))
    fields = dict(parse_qsl(url.query))

    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://open-erp.meituan.com/general/auth"
    assert fields == {
        "developerId": "100001",
        "businessId": "58",
        "timestamp": "1735689600",
        "charset": "UTF-8",
        "state": "demo-state",
        "scope": "customercenter",
        "sign": fields["sign"],
    }
    assert is_signed(fields)
    given = CONNECTOR.authorize_url(source, state="s", redirect_uri="https://hub.example.com/")
    assert "state=s" in given


@pytest.mark.parametrize("code", [0, "OP_SUCCESS"])
def test_a_code_gives_tokens_and_names_the_merchant(source: SourceSettings, code: Any) -> None:
    found, sent = trade(source, granted(code), "/oauth/token", "exchange")

    assert (found.access_token, found.refresh_token) == ("demo_at", "demo_rt")
    assert found.access_expires_at == AT + timedelta(days=30)
    assert found.refresh_expires_at == AT + timedelta(days=35)
    assert found.accounts == ("143000001",)
    assert (sent["grantType"], sent["code"]) == ("authorization_code", "demo_given")
    assert is_signed(sent)


def test_a_refresh_stores_what_comes_back(source: SourceSettings) -> None:
    found, sent = trade(source, granted(refreshToken="demo_rt2"), "/oauth/refresh", "refresh")

    assert found.refresh_token == "demo_rt2"
    assert (sent["grantType"], sent["refreshToken"]) == ("refresh_token", "demo_given")
    assert is_signed(sent)


def test_without_a_new_refresh_token_the_old_one_stays_and_its_end_is_not_known(
    source: SourceSettings,
) -> None:
    found, _ = trade(source, granted(refreshToken=None), "/oauth/refresh", "refresh")

    assert (found.refresh_token, found.refresh_expires_at) == ("demo_given", None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, json={"code": "DEMO_ERROR"}), PlatformRejectedError),
        (httpx.Response(200, json={"code": "DEMO_DEAD"}), AuthorizationLostError),
        (httpx.Response(502), PlatformDownError),
        (httpx.Response(200, text="<html>"), PlatformDownError),
        (httpx.Response(200, json={"code": 0, "data": {"x": 1}}), PlatformDownError),
    ],
)
def test_no_tokens_is_an_error_that_names_no_secret(
    source: SourceSettings, answer: httpx.Response, error: type[Exception]
) -> None:
    options = {**source.options, "error_actions": {"DEMO_DEAD": "reauthorize"}}
    with pytest.raises(error) as caught:
        trade(source.model_copy(update={"options": options}), answer, "/oauth/refresh", "refresh")

    assert "demo_given" not in str(caught.value)


def test_what_cannot_be_authorised_says_so(
    source: SourceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CONNECTOR.is_ready(source)
    assert not CONNECTOR.is_ready(a_source("none"))
    assert (CONNECTOR.grant_holder(source), CONNECTOR.warn_days(source)) == ("", 7)
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ConfigError, match=VARIABLE):
        oauth.authorize_url(source, state="s")


# ---- 北极星

CALLBACK = "https://hub.example.com/oauth/old/callback"
OLD_TOKEN = {
    "code": 200,
    "msg": "success",
    "access_token": "demo_session",
    "expires_in": 2592000,
    "refresh_token": "demo_rt2",
    "remain_refresh_count": 11,
    "scope": "tuangou",
    "bid": "demo_bid",
    "token_type": "bearer",
}


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> SourceSettings:
    monkeypatch.setenv(VARIABLE, KEY)
    return a_source(
        "none",
        profile="beijixing",
        app_id="demoapp",
        secret_env=VARIABLE,
        redirect_url=CALLBACK,
    )


def old_trade(
    source: SourceSettings, answer: httpx.Response, how: str
) -> tuple[TokenSet, dict[str, str]]:
    """The tokens that `how` gave, and the fields that it sent."""
    with respx.mock:
        route = respx.post("https://openapi.dianping.com/router/oauth/token")
        route.mock(return_value=answer)
        with httpx.Client() as http:
            found: TokenSet = getattr(CONNECTOR, how)(http, source, "demo_given", now=AT)
        sent = dict(parse_qsl(route.calls.last.request.content.decode()))
    return found, sent


def test_a_merchant_of_beijixing_grants_at_its_own_page(old: SourceSettings) -> None:
    url = urlsplit(CONNECTOR.authorize_url(old, state="demo-state", redirect_uri="ignored"))

    assert (
        f"{url.scheme}://{url.netloc}{url.path}" == "https://e.dianping.com/dz-open/merchant/auth"
    )
    assert dict(parse_qsl(url.query)) == {
        "app_key": "demoapp",
        "state": "demo-state",
        "redirect_url": CALLBACK,
    }


def test_a_code_of_beijixing_gives_a_session_and_how_often_it_can_be_renewed(
    old: SourceSettings,
) -> None:
    found, sent = old_trade(old, httpx.Response(200, json=OLD_TOKEN), "exchange")

    assert (found.access_token, found.refresh_token) == ("demo_session", "demo_rt2")
    assert found.access_expires_at == AT + timedelta(days=30)
    assert (found.refresh_expires_at, found.refreshes_left) == (None, 11)
    assert found.accounts == ("demo_bid",)
    assert sent == {
        "app_key": "demoapp",
        "app_secret": KEY,
        "grant_type": "authorization_code",
        "auth_code": "demo_given",
        "redirect_url": CALLBACK,
    }


def test_the_last_refresh_of_beijixing_brings_no_refresh_token(old: SourceSettings) -> None:
    """The old one must not be tried again: the merchant has to authorise."""
    last = {**OLD_TOKEN, "remain_refresh_count": 0, "refresh_token": None}
    found, sent = old_trade(old, httpx.Response(200, json=last), "refresh")

    assert (found.refresh_token, found.refreshes_left) == ("", 0)
    assert (sent["grant_type"], sent["refresh_token"]) == ("refresh_token", "demo_given")
    with httpx.Client() as http, pytest.raises(AuthorizationLostError, match="used up"):
        CONNECTOR.refresh(http, old, found.refresh_token, now=AT)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": 0, "msg": "success"}, PlatformRejectedError),
        ({"code": 608, "msg": "demo_given"}, PlatformRejectedError),
        ({"code": 200}, PlatformDownError),
    ],
)
def test_success_of_beijixing_is_200_and_nothing_else(
    old: SourceSettings, answer: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        old_trade(old, httpx.Response(200, json=answer), "exchange")

    assert "demo_given" not in str(caught.value)


def test_a_code_of_beijixing_needs_the_registered_callback(old: SourceSettings) -> None:
    options = {**old.options, "redirect_url": ""}
    bare = old.model_copy(update={"options": options})
    with httpx.Client() as http, pytest.raises(ConfigError, match="redirect_url"):
        CONNECTOR.exchange(http, bare, "demo_given", now=AT)
