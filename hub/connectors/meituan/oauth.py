"""OAuth of today's platform: the consent page, tokens for a code, new ones for a refresh token.

Paths, parameters and lifetimes are the vendor's; the names in the answer (`accessToken`, `expireIn` …)
and its code 0 are those that several public clients read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.http import no_answer
from hub.connectors.meituan.client import base_of, check_answer, secret_of
from hub.connectors.meituan.options import MeituanOptions, options_of
from hub.connectors.meituan.signing import Profile, with_sign
from hub.connectors.sessions import Account, TokenSet
from hub.errors import ConfigError, PlatformDownError
from hub.settings import SourceSettings

CONSENT_PATH = "/general/auth"
TOKEN_PATH, REFRESH_PATH = "/oauth/token", "/oauth/refresh"
_SUCCESS = frozenset(("0", "OP_SUCCESS"))


class _Tokens(msgspec.Struct, rename="camel"):
    access_token: str
    expire_in: int
    refresh_token: str = ""
    op_biz_code: str | int = ""


class _Granted(msgspec.Struct):
    data: _Tokens


def authorize_url(source: SourceSettings, *, state: str, now: datetime | None = None) -> str:
    """The consent page, signed at `now` (default: the current instant).

    Raises:
        ConfigError: the source has no application id or secret, or belongs to 北极星.
    """
    options = _mtop(source)
    fields = {
        **_head(options, now or datetime.now(UTC)),
        "state": state,
        "scope": options.scope,
    }
    signed = with_sign(options.profile, fields, secret_of(options))
    return f"{options.authorize_base}{CONSENT_PATH}?{urlencode(signed)}"


def exchange(http: httpx.Client, source: SourceSettings, code: str, *, now: datetime) -> TokenSet:
    """Tokens for `code`, which works for ten minutes. `accounts` holds the merchant's opBizCode."""
    grant = {"grantType": "authorization_code", "code": code}
    return _tokens(http, source, TOKEN_PATH, grant, now)


def refresh(
    http: httpx.Client, source: SourceSettings, refresh_token: str, *, now: datetime
) -> TokenSet:
    """New tokens. Whether the refresh token changes is unknown: without a new one the old one stays."""
    scope = options_of(source).scope or "all"
    grant = {"grantType": "refresh_token", "refreshToken": refresh_token, "scope": scope}
    return _tokens(http, source, REFRESH_PATH, grant, now)


def accounts(source: SourceSettings) -> list[Account]:
    """Nothing can be listed.

    Raises:
        ConfigError: always; says where the merchant is named instead.
    """
    raise ConfigError(
        "meituan lists no granted accounts; the merchant's opBizCode comes with the tokens"
    )


def _tokens(
    http: httpx.Client, source: SourceSettings, path: str, grant: Mapping[str, str], now: datetime
) -> TokenSet:
    options = _mtop(source)
    fields = with_sign(options.profile, {**_head(options, now), **grant}, secret_of(options))
    try:
        response = http.post(base_of(options) + path, data=fields)
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    body = check_answer(response, options, success=_SUCCESS)
    try:
        found = msgspec.json.decode(body, type=_Granted).data
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's tokens cannot be read") from None
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


def _mtop(source: SourceSettings) -> MeituanOptions:
    options = options_of(source)
    if options.profile is not Profile.MTOP:
        raise ConfigError("北极星 is retired: only options.profile: mtop can be authorised")
    return options
