"""Calls to e签宝: each signed anew, its own limit, the code table, bounded retries."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import httpx
import msgspec

from hub.connectors.api_session import ApiSession
from hub.connectors.esign.errors import error_of, gateway_error
from hub.connectors.esign.options import EsignOptions, options_of
from hub.connectors.esign.signing import headers
from hub.connectors.http import RetryPolicy, raise_for_http, send
from hub.connectors.limits import Limit
from hub.connectors.sessions import PullPorts
from hub.connectors.source_options import application_secret
from hub.errors import PlatformDownError
from hub.settings import SourceSettings

_UNAUTHORIZED = 401


class _Answer(msgspec.Struct):
    code: int
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Refusal(msgspec.Struct):
    message: str = ""


class EsignSession(ApiSession):
    """Calls of one source; there is no token."""

    def __init__(self, source: SourceSettings, ports: PullPorts) -> None:
        self.options: EsignOptions = options_of(source)
        self._secret = application_secret(self.options.app_id, self.options.secret_env, "esign")
        policy = RetryPolicy(tries=self.options.tries, budget_s=self.options.retry_budget_s)
        super().__init__(ports, policy)

    async def get(self, path: str) -> bytes:
        """The body of a successful answer to `GET path`; errors as `post`."""
        return await self._call("GET", path, b"")

    async def post(self, path: str, document: Mapping[str, Any]) -> bytes:
        """The body of a successful answer to `POST path`.

        Raises:
            TransientError: still failing after all tries.
            PlatformRejectedError: a code that a retry does not change.
        """
        return await self._call("POST", path, msgspec.json.encode(document))

    async def _call(self, method: str, path: str, body: bytes) -> bytes:
        options = self.options
        limits: dict[Hashable, Limit] = {("esign", options.app_id): Limit(options.calls_per_s)}

        async def attempt() -> bytes:
            await self.ports.limiter.acquire(limits)
            signed = headers(
                options.app_id,
                self._secret,
                method=method,
                path=path,
                body=body,
                now=self.ports.now(),
            )
            request = self._http.build_request(
                method, options.api_base + path, content=body or None, headers=signed
            )
            return check_answer(await send(self._http, request), options)

        return await self.retried(attempt)


def check_answer(response: httpx.Response, options: EsignOptions) -> bytes:
    """The body of an answer whose code is 0.

    Raises:
        HubError: what the code or the gateway's refusal means; PlatformDownError without a code to read.
    """
    if response.status_code == _UNAUTHORIZED:
        raise gateway_error(_message(response.content))
    raise_for_http(response)
    try:
        code = msgspec.json.decode(response.content, type=_Answer).code
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform answered without a code") from None
    if code != 0:
        raise error_of(code, options.error_actions)
    return response.content


def data_of(body: bytes) -> bytes:
    """The `data` of a successful answer.

    Raises:
        PlatformDownError: there is no object: what was answered may be cut off.
    """
    try:
        data = msgspec.json.decode(body, type=_Answer).data
        msgspec.json.decode(data, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's answer cannot be read") from None
    return bytes(data)


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refusal).message
    except (ValueError, RecursionError):
        return ""
