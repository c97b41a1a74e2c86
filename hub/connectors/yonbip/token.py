"""The application's token: first the tenant's own address is asked for, then a token there."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from hub.connectors.http import no_answer, raise_for_http
from hub.connectors.sessions import TokenSet
from hub.connectors.source_options import application_secret, https_base, require_option
from hub.connectors.yonbip.options import options_of
from hub.errors import (
    AuthorizationLostError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)
from hub.settings import SourceSettings

ADDRESS = "/open-auth/dataCenter/getGatewayAddress"
TOKEN = "/open-auth/selfAppAuth/base/v1/getAccessToken"  # noqa: S105 -- a path
_GOOD = "00000"
_BUSY = frozenset({"310032", "310039", "310042", "310046", "310043", "310504", "310071", "310072", "202"})  # fmt: skip
_WAIT_S = 5.0


def signature(app_key: str, timestamp: str, secret: str) -> str:
    """Base64 of the HMAC-SHA256 over names and values of the two parameters, sorted by name."""
    text = f"appKey{app_key}timestamp{timestamp}"
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


def issue(http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
    """A token, good for two hours.

    Raises:
        ConfigError: tenant, application or secret is not set.
        AuthorizationLostError: the platform does not accept them.
        TransientError: it did not answer or is busy.
    """
    options = options_of(source)
    app_key = require_option(options.app_key, "app_key", "yonbip")
    tenant = require_option(options.tenant_id, "tenant_id", "yonbip")
    secret = application_secret(app_key, options.secret_env, "yonbip")
    found = _get(http, options.gateway + ADDRESS, {"tenantId": tenant})
    base = _text(found, "tokenUrl")
    try:
        base = https_base(base)
    except ValueError:
        raise PlatformRejectedError("the tenant's address is none", code="address") from None
    stamp = str(int(now.timestamp() * 1000))
    query = {
        "appKey": app_key,
        "timestamp": stamp,
        "signature": signature(app_key, stamp, secret),
    }
    given = _get(http, base + TOKEN, query)
    lives_s = given.get("expire")
    expires = now + timedelta(seconds=lives_s) if isinstance(lives_s, int) else None
    return TokenSet(_text(given, "access_token"), expires, accounts=(tenant,))


def _get(http: httpx.Client, url: str, query: dict[str, str]) -> dict[str, Any]:
    try:
        response = http.get(url, params=query)
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    try:
        answer = msgspec.json.decode(response.content, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise_for_http(response)
        raise PlatformDownError("the platform's answer cannot be read") from None
    code = str(answer.get("code", ""))
    data = answer.get("data")
    if code == _GOOD and isinstance(data, dict):
        return data
    raise _error_of(code if code.isalnum() else "none")


def _error_of(code: str) -> HubError:
    if code in _BUSY:
        return RateLimitedError(
            f"the platform is busy (code {code})", retry_after_s=_WAIT_S, dimension="token"
        )
    return AuthorizationLostError(
        f"the platform does not accept application or tenant (code {code})", code=code
    )


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise PlatformDownError("the platform's answer lacks what was asked for")
    return value
