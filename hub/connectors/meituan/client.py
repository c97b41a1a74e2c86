"""Calls to the gateway, signed by the profile of the source, and what their answers mean.

Only what is documented is here: how a call is signed and how its answer is wrapped. The fields of the
follow-up write-back are not public, so that the caller brings them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Set
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import msgspec

from hub.connectors.http import RetryPolicy, raise_for_http, retried, send
from hub.connectors.meituan.options import MeituanOptions
from hub.connectors.meituan.signing import Profile, with_sign
from hub.connectors.source_options import application_secret
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    PlatformDownError,
    PlatformRejectedError,
)

FOLLOW_UP_PATH = "/ddzh/customercenter/addfollowup"
_BASES = {
    Profile.MTOP: "https://api-open-cater.meituan.com",
    Profile.BEIJIXING: "https://openapi.dianping.com",
}
_SUCCESS = {
    Profile.MTOP: frozenset(("OP_SUCCESS",)),
    Profile.BEIJIXING: frozenset(("200",)),
}
_CHINA = timezone(timedelta(hours=8))


class _Answer(msgspec.Struct):
    code: str | int


class MeituanClient:
    """Calls of one source. The HTTP client, the clock and the token are handed in."""

    def __init__(
        self,
        options: MeituanOptions,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._options = options
        self._http = http
        self._clock = clock
        self._sleep = sleep
        self._policy = RetryPolicy(tries=options.tries, budget_s=options.retry_budget_s)

    async def call(self, path: str, parameters: Mapping[str, Any], *, token: str = "") -> bytes:
        """The body of a successful answer to `POST path`.

        `parameters` go into `biz` as JSON; with 北极星 they are fields of the form, as text.

        Raises:
            ConfigError: the source has no application id or secret.
            TransientError: no answer, HTTP 5xx or 429, after all tries.
            PlatformRejectedError, AuthorizationLostError: the platform said no.
        """
        secret = secret_of(self._options)

        async def attempt() -> bytes:
            # Signed anew at each try: how old a time stamp may be is not documented.
            unsigned = form_fields(self._options, parameters, token=token, now=self._clock())
            fields = with_sign(self._options.profile, unsigned, secret)
            request = self._http.build_request("POST", base_of(self._options) + path, data=fields)
            return check_answer(await send(self._http, request), self._options)

        return await retried(attempt, self._policy, self._sleep)

    async def add_followup(self, parameters: Mapping[str, Any], *, token: str) -> bytes:
        """Write a follow-up of a lead back; see `call`.

        Raises:
            ConfigError: the source belongs to 北极星, which has no such call.
        """
        if self._options.profile is not Profile.MTOP:
            raise ConfigError("a follow-up is written back with options.profile: mtop only")
        return await self.call(FOLLOW_UP_PATH, parameters, token=token)


def form_fields(
    options: MeituanOptions, parameters: Mapping[str, Any], *, token: str, now: datetime
) -> dict[str, str]:
    """The fields of a call before they are signed. `now` is aware: each profile writes it its own way."""
    if options.profile is Profile.MTOP:
        return {
            "developerId": options.app_id,
            "businessId": options.business_id,
            "appAuthToken": token,
            "timestamp": str(int(now.timestamp())),
            "charset": "UTF-8",
            "version": "2",
            "biz": msgspec.json.encode(parameters).decode(),
        }
    return {
        **{name: str(value) for name, value in parameters.items()},
        "app_key": options.app_id,
        "session": token,
        "timestamp": now.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S"),
        "format": "json",
        "v": "1",
        "sign_method": "MD5",
    }


def check_answer(
    response: httpx.Response, options: MeituanOptions, *, success: Set[str] = frozenset()
) -> bytes:
    """The body of an answer whose code says success: one of `success`, else of the profile's own.

    Raises:
        PlatformDownError: no code to read, or one that `options.error_actions` retries.
        AuthorizationLostError: one that it says is the end of the grant.
        PlatformRejectedError: any other. No message of the platform's is repeated: it may name a person.
    """
    raise_for_http(response)
    try:
        code = str(msgspec.json.decode(response.content, type=_Answer).code)
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform answered without a code") from None
    if code in (success or _SUCCESS[options.profile]):
        return response.content
    action = options.error_actions.get(code, "stop")
    words = f"the platform refused with code {code[:40]}"
    if action == "retry":
        raise PlatformDownError(words)
    if action == "reauthorize":
        raise AuthorizationLostError(words, code=code)
    raise PlatformRejectedError(words, code=code)


def base_of(options: MeituanOptions) -> str:
    """The gateway's address."""
    return options.api_base or _BASES[options.profile]


def secret_of(options: MeituanOptions) -> str:
    """The signKey (or 北极星's secret) that signs calls.

    Raises:
        ConfigError: the source has no application id or no secret; says which.
    """
    return application_secret(options.app_id, options.secret_env, "meituan")
