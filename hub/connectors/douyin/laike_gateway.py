"""The gateway of 来客: its host, its header, its two codes in each answer, and the client token."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta

import httpx
import msgspec

from hub.connectors.douyin.client import BUSY, Call
from hub.connectors.douyin.errors import LAIKE_RULES, error_of
from hub.connectors.douyin.options import DouyinOptions, options_of
from hub.connectors.douyin.records import LAIKE_CLUE
from hub.connectors.http import no_answer, raise_for_http
from hub.connectors.limits import Limit
from hub.connectors.sessions import TokenSet
from hub.connectors.source_options import application_secret, require_option
from hub.errors import (
    AuthorizationLostError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)
from hub.settings import SourceSettings

TOKEN_PATH = "/oauth/client_token/"  # noqa: S105 -- a path
_MINUTE_S = 60.0


class _Status(msgspec.Struct):
    error_code: int | None = None
    description: str = ""
    sub_description: str = ""


class _Statuses(msgspec.Struct):
    data: _Status | None = None
    extra: _Status | None = None


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int


class _Issued(msgspec.Struct):
    data: _Token


class LaikeGateway:
    """`open.douyin.com`, for lists and decryption of 来客."""

    def base(self, options: DouyinOptions) -> str:
        """`options.laike_base`."""
        return options.laike_base

    def headers(self, token: str, options: DouyinOptions) -> dict[str, str]:
        """The client token, and the root merchant's account if one is set."""
        root = options.laike_root_account
        return {"access-token": token, **({"Rpc-Transit-Life-Account": root} if root else {})}

    def limits(self, call: Call, options: DouyinOptions) -> dict[Hashable, Limit]:
        """Our own limit of calls a minute, for all accounts of the application together."""
        return {self._key(call, options): Limit(options.laike_per_minute, _MINUTE_S)}

    def check(self, response: httpx.Response, options: DouyinOptions) -> bytes:
        """See `check_answer`."""
        return check_answer(response, options)

    def blocked(
        self, call: Call, options: DouyinOptions, error: RateLimitedError
    ) -> Sequence[Hashable]:
        """Every call of the application to this path."""
        return [self._key(call, options)]

    def _key(self, call: Call, options: DouyinOptions) -> Hashable:
        return ("laike", options.client_key, call.path)


LAIKE = LaikeGateway()


def check_answer(response: httpx.Response, options: DouyinOptions) -> bytes:
    """The body of an answer both of whose codes are 0 (or one, where it gives one only).

    Raises:
        HubError: what the codes mean; PlatformDownError where there is none to read.
    """
    found = _statuses(response.content)
    codes = [status.error_code for status in found if status.error_code is not None]
    failed = [code for code in codes if code != 0]
    if codes and not failed:
        return response.content
    if not codes:
        raise_for_http(response)
        raise PlatformDownError("the platform answered without a code")
    if any(word in _said(found) for word in options.busy_words):
        raise RateLimitedError(f"platform code {failed[0]}: asked too often", dimension=BUSY)
    raise error_of(
        _deciding(failed, options),
        response.headers,
        overrides=options.error_actions,
        customer_delay_s=options.customer_delay_s,
        rules=LAIKE_RULES,
    )


def _statuses(body: bytes) -> list[_Status]:
    try:
        found = msgspec.json.decode(body, type=_Statuses)
    except (ValueError, RecursionError):
        return []
    return [status for status in (found.data, found.extra) if status is not None]


def _said(found: Sequence[_Status]) -> str:
    """What the platform says of it; to be looked at, never to be repeated."""
    return " ".join(f"{status.description} {status.sub_description}" for status in found)


def _deciding(failed: Sequence[int], options: DouyinOptions) -> int:
    """Of two codes that differ, the one that the table knows what to do about."""
    known = [code for code in failed if code in LAIKE_RULES or code in options.error_actions]
    return next(iter(known), failed[0])


def issues_tokens(source: SourceSettings) -> bool:
    """Whether a source gets a client token for its application's secret: it pulls 来客."""
    return LAIKE_CLUE in source.pulls and bool(options_of(source).client_key)


def issue(http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
    """A client token, good for what `expires_in` says (two hours).

    Raises:
        ConfigError: application or secret is not set.
        AuthorizationLostError: the platform does not accept them.
        TransientError: it did not answer or is busy.
    """
    options = options_of(source)
    require_option(options.client_key, "client_key", "douyin")
    document = {
        "grant_type": "client_credential",
        "client_key": options.client_key,
        "client_secret": application_secret(options.client_key, options.secret_env, "douyin"),
    }
    try:
        response = http.post(options.laike_base + TOKEN_PATH, json=document)
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    try:
        body = check_answer(response, options)
    except PlatformRejectedError as error:
        raise AuthorizationLostError(str(error), code=error.code) from None
    try:
        issued = msgspec.json.decode(body, type=_Issued).data
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's token cannot be read") from None
    return TokenSet(issued.access_token, now + timedelta(seconds=issued.expires_in))
