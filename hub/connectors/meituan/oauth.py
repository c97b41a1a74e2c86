"""OAuth of today's platform and of 北极星: the consent page, tokens for a code, new ones for a refresh token.

Paths, parameters and lifetimes are the vendor's; the names in the answer (`accessToken`, `expireIn` …)
and its code 0 are those that several public clients read. 北极星 (retired) is the profile `beijixing`: it
counts how often a grant may still be renewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.http import no_answer
from hub.connectors.meituan.client import base_of, check_answer, secret_of
from hub.connectors.meituan.options import MeituanOptions, options_of
from hub.connectors.meituan.signing import Profile, with_sign
from hub.connectors.sessions import TokenSet
from hub.connectors.source_options import require_option
from hub.errors import AuthorizationLostError, PlatformDownError
from hub.settings import SourceSettings

CONSENT_PATH = "/general/auth"
TOKEN_PATH, REFRESH_PATH = "/oauth/token", "/oauth/refresh"
OLD_CONSENT_PATH, OLD_TOKEN_PATH = "/dz-open/merchant/auth", "/router/oauth/token"
_BASES = {
    Profile.MTOP: "https://open-erp.meituan.com",
    Profile.BEIJIXING: "https://e.dianping.com",
}
_SUCCESS = frozenset(("0", "OP_SUCCESS"))

T = TypeVar("T")


class _Tokens(msgspec.Struct, rename="camel"):
    access_token: str
    expire_in: int
    refresh_token: str = ""
    op_biz_code: str | int = ""


class _Granted(msgspec.Struct):
    data: _Tokens


class _OldTokens(msgspec.Struct):
    """What 北极星 gives; `bid` names the merchant. At the last refresh no refresh token comes."""

    access_token: str
    expires_in: int
    refresh_token: str | None = None
    remain_refresh_count: int | None = None
    bid: str | int | None = None


def authorize_url(
    source: SourceSettings, *, state: str, redirect_uri: str = "", now: datetime | None = None
) -> str:
    """The consent page, signed at `now` (default: the current instant) where it wants that.

    Raises:
        ConfigError: the source has no application id or secret.
    """
    options = options_of(source)
    base = options.authorize_base or _BASES[options.profile]
    if options.profile is Profile.BEIJIXING:
        query = {
            "app_key": require_option(options.app_id, "app_id", "meituan"),
            "state": state,
            "redirect_url": options.redirect_url or redirect_uri,
            "scope": options.scope,
        }
        return f"{base}{OLD_CONSENT_PATH}?{urlencode({k: v for k, v in query.items() if v})}"
    fields = {
        **_head(options, now or datetime.now(UTC)),
        "state": state,
        "scope": options.scope,
    }
    signed = with_sign(options.profile, fields, secret_of(options))
    return f"{base}{CONSENT_PATH}?{urlencode(signed)}"


def exchange(http: httpx.Client, source: SourceSettings, code: str, *, now: datetime) -> TokenSet:
    """Tokens for `code`, which works for ten minutes. `accounts` holds the merchant's opBizCode (or bid)."""
    options = options_of(source)
    if options.profile is Profile.BEIJIXING:
        callback = require_option(options.redirect_url, "redirect_url", "meituan")
        old = {"grant_type": "authorization_code", "auth_code": code, "redirect_url": callback}
        return _old_tokens(http, options, old, now)
    grant = {"grantType": "authorization_code", "code": code}
    return _tokens(http, source, TOKEN_PATH, grant, now)


def refresh(
    http: httpx.Client, source: SourceSettings, refresh_token: str, *, now: datetime
) -> TokenSet:
    """New tokens. Whether the refresh token changes is unknown: without a new one the old one stays.

    北极星 gives none at the last of its counted refreshes: then the merchant must authorise again.
    """
    options = options_of(source)
    if options.profile is Profile.BEIJIXING:
        if not refresh_token:
            text = "the platform's refreshes are used up"
            raise AuthorizationLostError(text, code="no_refreshes_left")
        old = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _old_tokens(http, options, old, now)
    scope = options_of(source).scope or "all"
    grant = {"grantType": "refresh_token", "refreshToken": refresh_token, "scope": scope}
    return _tokens(http, source, REFRESH_PATH, grant, now)


def _tokens(
    http: httpx.Client, source: SourceSettings, path: str, grant: Mapping[str, str], now: datetime
) -> TokenSet:
    options = options_of(source)
    fields = with_sign(options.profile, {**_head(options, now), **grant}, secret_of(options))
    response = _post(http, base_of(options) + path, fields)
    found = _read(check_answer(response, options, success=_SUCCESS), _Granted).data
    is_new = bool(found.refresh_token)
    lifetime = timedelta(days=options.refresh_days)
    return TokenSet(
        access_token=found.access_token,
        access_expires_at=now + timedelta(seconds=found.expire_in),
        refresh_token=found.refresh_token or grant.get("refreshToken", ""),
        refresh_expires_at=now + lifetime if is_new else None,
        accounts=(str(found.op_biz_code),) if found.op_biz_code else (),
    )


def _head(options: MeituanOptions, now: datetime) -> dict[str, str]:
    return {
        "developerId": options.app_id,
        "businessId": options.business_id,
        "timestamp": str(int(now.timestamp())),
        "charset": "UTF-8",
    }


def _old_tokens(
    http: httpx.Client, options: MeituanOptions, grant: Mapping[str, str], now: datetime
) -> TokenSet:
    """Tokens of 北极星: an unsigned form with the secret in it; how long a refresh token lives is unknown."""
    fields = {"app_key": options.app_id, "app_secret": secret_of(options), **grant}
    response = _post(http, base_of(options) + OLD_TOKEN_PATH, fields)
    found = _read(check_answer(response, options), _OldTokens)
    return TokenSet(
        access_token=found.access_token,
        access_expires_at=now + timedelta(seconds=found.expires_in),
        refresh_token=found.refresh_token or "",
        accounts=(str(found.bid),) if found.bid else (),
        refreshes_left=found.remain_refresh_count,
    )


def _post(http: httpx.Client, url: str, fields: Mapping[str, str]) -> httpx.Response:
    try:
        return http.post(url, data=dict(fields))
    except httpx.HTTPError as error:
        raise no_answer(error) from None


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's tokens cannot be read") from None
