"""The application's token: `gettoken`, for the corp's id and the application's Secret (notes §2)."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import msgspec

from hub.connectors.http import no_answer, raise_for_http
from hub.connectors.sessions import TokenSet
from hub.connectors.source_options import require_option
from hub.connectors.wecom.errors import error_of
from hub.connectors.wecom.options import WecomOptions, options_of
from hub.connectors.wecom.secrecy import keep_tokens_out_of_logs
from hub.errors import ConfigError, PlatformDownError, RateLimitedError
from hub.settings import SourceSettings, secrets_from_environment

PATH = "/cgi-bin/gettoken"
# Many calls with a wrong secret and the platform shuts the address out for about an hour.
_SHUT_OUT_S = 3600.0


class Head(msgspec.Struct):
    """What every answer begins with; the code decides, not the HTTP status."""

    errcode: int


class _Issued(msgspec.Struct):
    access_token: str
    expires_in: int


def check_answer(response: httpx.Response, options: WecomOptions) -> bytes:
    """The body of an answer whose code is 0.

    Raises:
        HubError: what the code means; PlatformDownError where there is none to read.
    """
    try:
        code = msgspec.json.decode(response.content, type=Head).errcode
    except (ValueError, RecursionError):
        raise_for_http(response)
        raise PlatformDownError("the platform answered without a code") from None
    if code == 0:
        return response.content
    raise error_of(code, overrides=options.error_actions, blocked_s=options.blocked_s)


def issue(http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
    """A token; while one is good, the platform gives the same one again.

    Raises:
        ConfigError: corp id or secret is not set.
        AuthorizationLostError: the platform does not accept them.
        TransientError: it did not answer, is busy, or shuts us out for now.
    """
    keep_tokens_out_of_logs()
    options = options_of(source)
    query = {"corpid": require_option(options.corp_id, "corp_id", "wecom"),
             "corpsecret": _secret(options)}  # fmt: skip
    try:
        response = http.get(options.api_base + PATH, params=query)
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    try:
        body = check_answer(response, options)
    except RateLimitedError as error:
        raise RateLimitedError(str(error), retry_after_s=_SHUT_OUT_S, dimension="token") from None
    try:
        issued = msgspec.json.decode(body, type=_Issued)
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's token cannot be read") from None
    return TokenSet(
        access_token=issued.access_token,
        access_expires_at=now + timedelta(seconds=issued.expires_in),
        accounts=(options.corp_id,),
    )


def _secret(options: WecomOptions) -> str:
    require_option(options.secret_env, "secret_env", "wecom")
    secrets = secrets_from_environment(options.secret_env)
    if not secrets:
        raise ConfigError(f"set the environment variable {options.secret_env} (Secret of the app)")
    return secrets[0].decode()
