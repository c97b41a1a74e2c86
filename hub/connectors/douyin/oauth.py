"""OAuth of the marketing API (notes §1): the consent page, tokens for a code, a new pair for an old one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.code_table import TokenStaleError
from hub.connectors.douyin.client import check_answer
from hub.connectors.douyin.options import options_of
from hub.connectors.http import no_answer
from hub.connectors.sessions import Account, TokenSet
from hub.connectors.source_options import application_secret, require_option
from hub.errors import AuthorizationLostError, PlatformDownError
from hub.settings import SourceSettings

TOKEN_PATH = "/open_api/oauth2/access_token/"  # noqa: S105 -- a path
REFRESH_PATH = "/open_api/oauth2/refresh_token/"
ACCOUNTS_PATH = "/open_api/oauth2/advertiser/get/"
CONSENT_PATH = "/openapi/audit/oauth.html"


class _Tokens(msgspec.Struct):
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_token_expires_in: int
    advertiser_ids: list[int | str] = []


class _Granted(msgspec.Struct):
    data: _Tokens


class _Listed(msgspec.Struct):
    items: list[dict[str, Any]] = msgspec.field(name="list", default_factory=list)


class _Accounts(msgspec.Struct):
    data: _Listed


def authorize_url(source: SourceSettings, *, state: str, redirect_uri: str) -> str:
    """The consent page. `material_auth=1` shows the tick-box without which leads can be refused (40119)."""
    options = options_of(source)
    require_option(options.app_id, "app_id", "douyin")
    query = {"app_id": options.app_id, "state": state, "redirect_uri": redirect_uri}
    if options.scope:
        query["scope"] = json.dumps(options.scope, separators=(",", ":"))
    if options.material_auth:
        query["material_auth"] = "1"
    return f"{options.authorize_base}{CONSENT_PATH}?{urlencode(query)}"


def exchange(http: httpx.Client, source: SourceSettings, code: str, *, now: datetime) -> TokenSet:
    """Tokens for `code`, which works once and for ten minutes."""
    return _tokens(http, source, TOKEN_PATH, {"auth_code": code}, now)


def refresh(
    http: httpx.Client, source: SourceSettings, refresh_token: str, *, now: datetime
) -> TokenSet:
    """A new pair; from the platform's answer on the old access and refresh tokens are dead."""
    return _tokens(http, source, REFRESH_PATH, {"refresh_token": refresh_token}, now)


def accounts(http: httpx.Client, source: SourceSettings, access_token: str) -> list[Account]:
    """The accounts that the grant covers.

    Raises:
        AuthorizationLostError: the access token is not accepted.
    """
    options = options_of(source)
    try:
        response = http.get(
            options.api_base + ACCOUNTS_PATH, headers={"Access-Token": access_token}
        )
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    try:
        body = check_answer(response, options)
    except TokenStaleError as error:
        raise AuthorizationLostError(str(error), code=error.code) from None
    try:
        listed = msgspec.json.decode(body, type=_Accounts).data.items
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's list of accounts cannot be read") from None
    return [_account(item) for item in listed]


def _account(item: Mapping[str, Any]) -> Account:
    return Account(
        external_id=str(item.get("advertiser_id") or item.get("account_id") or ""),
        name=str(item.get("advertiser_name") or item.get("account_name") or ""),
        role=str(item.get("account_role") or ""),
    )


def _tokens(
    http: httpx.Client, source: SourceSettings, path: str, grant: Mapping[str, str], now: datetime
) -> TokenSet:
    options = options_of(source)
    document = {
        "app_id": _number(options.app_id),
        "secret": application_secret(options.app_id, options.secret_env, "douyin"),
        **grant,
    }
    try:
        response = http.post(options.api_base + path, json=document)
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    try:
        body = check_answer(response, options)
    except TokenStaleError as error:
        # Asked with a refresh token or a code: there is nothing left to refresh with.
        raise AuthorizationLostError(str(error), code=error.code) from None
    try:
        granted = msgspec.json.decode(body, type=_Granted).data
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's tokens cannot be read") from None
    return TokenSet(
        access_token=granted.access_token,
        access_expires_at=now + timedelta(seconds=granted.expires_in),
        refresh_token=granted.refresh_token,
        refresh_expires_at=now + timedelta(seconds=granted.refresh_token_expires_in),
        accounts=tuple(str(account) for account in granted.advertiser_ids),
    )


def _number(app_id: str) -> int | str:
    """The application id as the vendor's samples write it: a JSON number."""
    return int(app_id) if app_id.isascii() and app_id.isdigit() else app_id
