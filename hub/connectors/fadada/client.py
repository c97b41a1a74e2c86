"""Calls to 法大大: the token in a header, each signed anew, own limits by interface, bounded retries."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from hub.connectors.api_session import ApiSession
from hub.connectors.code_table import TokenStaleError
from hub.connectors.fadada.errors import SUCCESS, error_of
from hub.connectors.fadada.options import FadadaOptions, options_of
from hub.connectors.http import RetryPolicy, no_answer, raise_for_http, send
from hub.connectors.limits import Limit
from hub.connectors.sessions import PullPorts, TokenSet
from hub.connectors.signing_callbacks import FASC_FIELD, fasc_signature
from hub.connectors.source_options import application_secret
from hub.errors import AuthorizationLostError, PlatformDownError, RateLimitedError
from hub.settings import SourceSettings

TOKEN_PATH = "/service/get-access-token"  # noqa: S105 -- an address, no secret
_LIFETIME_S = 7200
_FORBIDDEN, _BACK_OFF_S = 403, 2.0


class _Head(msgspec.Struct):
    code: str
    msg: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Issued(msgspec.Struct):
    accessToken: str  # noqa: N815 -- the platform's name
    expiresIn: int | str = _LIFETIME_S  # noqa: N815 -- the platform's name


class FadadaSession(ApiSession):
    """Calls of one source."""

    def __init__(self, source: SourceSettings, ports: PullPorts) -> None:
        self.options: FadadaOptions = options_of(source)
        self._secret = secret_of(self.options)
        policy = RetryPolicy(tries=self.options.tries, budget_s=self.options.retry_budget_s)
        super().__init__(ports, policy)

    async def post(self, path: str, document: Mapping[str, Any]) -> bytes:
        """The body of a successful answer to `POST path`; `document` goes as bizContent.

        Raises:
            TransientError: still failing after all tries.
            PlatformRejectedError, AuthorizationLostError: a code that a retry does not change.
        """
        content = msgspec.json.encode(document).decode()
        key = ("fadada", self.options.app_id, path)
        limits: dict[Hashable, Limit] = {key: Limit(self.options.calls_per_s)}

        async def once(token: str) -> bytes:
            await self.ports.limiter.acquire(limits)
            signed = headers(
                self.options.app_id,
                self._secret,
                content=content,
                token=token,
                now=self.ports.now(),
            )
            request = self._http.build_request(
                "POST", self.options.api_base + path, data={FASC_FIELD: content}, headers=signed
            )
            return check_answer(await send(self._http, request), self.options)

        return await self.with_token(once)


def headers(
    app_id: str, secret: str, *, now: datetime, content: str = "", token: str = ""
) -> dict[str, str]:
    """The signed headers of a call made at `now` (aware), with a nonce of its own; without `token` it asks for one."""
    timestamp = str(int(now.timestamp() * 1000))
    counted = {
        "X-FASC-App-Id": app_id,
        "X-FASC-Sign-Type": "HMAC-SHA256",
        "X-FASC-Timestamp": timestamp,
        "X-FASC-Nonce": secrets.token_hex(16),
        "X-FASC-Api-SubVersion": "5.1",
        **({"X-FASC-AccessToken": token} if token else {"X-FASC-Grant-Type": "client_credential"}),
    }
    signed = fasc_signature(secret.encode(), timestamp, {**counted, FASC_FIELD: content})
    return {**counted, "X-FASC-Sign": signed}


def secret_of(options: FadadaOptions) -> str:
    """The application's secret.

    Raises:
        ConfigError: application id or secret is not set.
    """
    return application_secret(options.app_id, options.secret_env, "fadada")


def check_answer(response: httpx.Response, options: FadadaOptions) -> bytes:
    """The body of an answer whose code says success.

    Raises:
        HubError: what the code means, or the HTTP status where there is none to read.
    """
    try:
        head = msgspec.json.decode(response.content, type=_Head)
    except (ValueError, RecursionError):
        if response.status_code == _FORBIDDEN:
            raise RateLimitedError(
                "the platform answered 403", retry_after_s=_BACK_OFF_S, dimension="http"
            ) from None
        raise_for_http(response)
        raise PlatformDownError("the platform answered without a code") from None
    if head.code != SUCCESS:
        raise error_of(head.code, head.msg or "", options.error_actions)
    return response.content


def data_of(body: bytes) -> bytes:
    """The `data` of a successful answer.

    Raises:
        PlatformDownError: there is no object: what was answered may be cut off.
    """
    try:
        data = msgspec.json.decode(body, type=_Head).data
        msgspec.json.decode(data, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's answer cannot be read") from None
    return bytes(data)


def issue(http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
    """A token for the application's secret.

    Raises:
        ConfigError: application id or secret is not set.
        AuthorizationLostError: the platform does not accept them.
        TransientError: it did not answer or is busy.
    """
    options = options_of(source)
    signed = headers(options.app_id, secret_of(options), now=now)
    try:
        response = http.post(options.api_base + TOKEN_PATH, headers=signed)
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    try:
        issued = msgspec.json.decode(data_of(check_answer(response, options)), type=_Issued)
        lifetime_s = int(issued.expiresIn)
    except TokenStaleError as error:
        raise AuthorizationLostError(str(error), code=error.code) from None
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's token cannot be read") from None
    until = now + timedelta(seconds=lifetime_s)
    return TokenSet(issued.accessToken, until, accounts=(options.app_id,))
