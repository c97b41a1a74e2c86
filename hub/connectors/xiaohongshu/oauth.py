"""OAuth of the marketing API (notes §1): the consent page, tokens for a code, a new pair for an old one.

No call of that API lists the granted accounts; the answer with the tokens names them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.http import no_answer, raise_for_http
from hub.connectors.sessions import TokenSet
from hub.connectors.source_options import application_secret, require_option
from hub.connectors.xiaohongshu.options import XiaohongshuOptions, options_of
from hub.errors import AuthorizationLostError, HubError, PlatformDownError
from hub.settings import SourceSettings

TOKEN_PATH = "/api/open/oauth2/access_token"  # noqa: S105 -- a path
REFRESH_PATH = "/api/open/oauth2/refresh_token"

_UNREADABLE = (ValueError, RecursionError)


class _Head(msgspec.Struct):
    code: int
    success: bool = False
    msg: str = ""


class _Advertiser(msgspec.Struct):
    advertiser_id: int | str


class _Tokens(msgspec.Struct):
    """`approval_advertisers` is absent for applications of 蒲公英."""

    access_token: str
    access_token_expires_in: int
    refresh_token: str
    refresh_token_expires_in: int
    approval_advertisers: list[_Advertiser] | None = None
    advertiser_id: int | str | None = None

    def accounts(self) -> tuple[str, ...]:
        """Ids of the accounts that the grant covers."""
        listed = [str(each.advertiser_id) for each in self.approval_advertisers or ()]
        own = [] if self.advertiser_id is None else [str(self.advertiser_id)]
        return tuple(dict.fromkeys(listed or own))


class _Granted(msgspec.Struct):
    data: _Tokens


def authorize_url(source: SourceSettings, *, state: str, redirect_uri: str) -> str:
    """The consent page. Names are in camel case here, in snake case in every call."""
    options = options_of(source)
    require_option(options.app_id, "app_id", "xiaohongshu")
    query = {
        "appId": options.app_id,
        "scope": json.dumps(options.scope, separators=(",", ":")),
        "redirectUri": redirect_uri,
        "state": state,
    }
    return f"{options.authorize_page}?{urlencode(query)}"


def exchange(http: httpx.Client, source: SourceSettings, code: str, *, now: datetime) -> TokenSet:
    """Tokens for `code`, which lives ten minutes."""
    return _tokens(http, source, TOKEN_PATH, {"auth_code": code}, now)


def refresh(
    http: httpx.Client, source: SourceSettings, refresh_token: str, *, now: datetime
) -> TokenSet:
    """A new pair; only the refresh token of the newest answer is good for the next one."""
    return _tokens(http, source, REFRESH_PATH, {"refresh_token": refresh_token}, now)


def _tokens(
    http: httpx.Client, source: SourceSettings, path: str, grant: Mapping[str, str], now: datetime
) -> TokenSet:
    options = options_of(source)
    document: dict[str, Any] = {
        "app_id": int(options.app_id or 0),
        "secret": application_secret(options.app_id, options.secret_env, "xiaohongshu"),
        **grant,
    }
    try:
        response = http.post(options.api_base + path, json=document)
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    _check(response, options)
    try:
        granted = msgspec.json.decode(response.content, type=_Granted).data
    except _UNREADABLE:
        raise PlatformDownError("the platform's tokens cannot be read") from None
    return TokenSet(
        access_token=granted.access_token,
        access_expires_at=now + timedelta(seconds=granted.access_token_expires_in),
        refresh_token=granted.refresh_token,
        refresh_expires_at=now + timedelta(seconds=granted.refresh_token_expires_in),
        accounts=granted.accounts(),
    )


def _check(response: httpx.Response, options: XiaohongshuOptions) -> None:
    """Nothing for an answer of `code` 0 with `success`; else the error that it means.

    Raises:
        AuthorizationLostError, TransientError, PlatformRejectedError.
    """
    try:
        head = msgspec.json.decode(response.content, type=_Head)
    except _UNREADABLE:
        raise_for_http(response)
        raise PlatformDownError("the platform answered without a code") from None
    if head.code == 0 and head.success:
        raise_for_http(response)
        return
    raise _error(head, response, options)


def _error(head: _Head, response: httpx.Response, options: XiaohongshuOptions) -> HubError:
    """No table of codes is known, so a code can be tried again unless it speaks of the token."""
    is_lost = head.code in options.lost_codes or any(
        word.casefold() in head.msg.casefold() for word in options.lost_words
    )
    if is_lost and response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
        text = f"platform code {head.code}: the code or refresh token is not accepted"
        return AuthorizationLostError(text, code=str(head.code))
    raise_for_http(response)
    return PlatformDownError(f"platform code {head.code}: its meaning is not documented")
