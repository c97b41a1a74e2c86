"""Calls to the API: the token in the query, own limits, the code table, bounded retries.

The address of a call holds the token, so it never reaches a log or an error: `send` names the kind of
failure only, and the HTTP client's own log line is kept shut for these calls.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from hub.connectors.api_session import ApiSession
from hub.connectors.http import RetryPolicy, send
from hub.connectors.limits import Limit
from hub.connectors.sessions import PullPorts
from hub.connectors.wecom.options import WecomOptions
from hub.connectors.wecom.secrecy import keep_tokens_out_of_logs
from hub.connectors.wecom.token import check_answer
from hub.errors import PlatformDownError, RateLimitedError

Shape = TypeVar("Shape")

_MINUTE_S, _HOUR_S = 60.0, 3600.0


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


class WecomSession(ApiSession):
    """Calls of one source. Use it as an async context manager; it closes its HTTP client.

    `clock` says when something was read; tests bring their own.
    """

    def __init__(
        self,
        options: WecomOptions,
        ports: PullPorts,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        keep_tokens_out_of_logs()
        super().__init__(ports, RetryPolicy(tries=options.tries, budget_s=options.retry_budget_s))
        self.options = options
        self.clock = clock

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of a successful answer to `GET /cgi-bin/<path>`; errors as `post`."""
        return await self._call("GET", path, params or {}, None)

    async def post(self, path: str, document: Mapping[str, Any]) -> bytes:
        """The body of a successful answer to `POST /cgi-bin/<path>`.

        Raises:
            TransientError: still failing after all tries, or the API is shut for longer than they last.
            PlatformRejectedError, AuthorizationLostError: a code that a retry does not change.
        """
        return await self._call("POST", path, {}, document)

    async def _call(
        self, method: str, path: str, params: Mapping[str, str], document: Mapping[str, Any] | None
    ) -> bytes:
        async def once(token: str) -> bytes:
            return await self._once(method, path, {**params, "access_token": token}, document)

        return await self.with_token(once)

    async def _once(
        self, method: str, path: str, query: Mapping[str, str], document: Mapping[str, Any] | None
    ) -> bytes:
        limits = self._limits(path)
        await self._wait_for(limits)
        request = self._http.build_request(
            method, f"{self.options.api_base}/cgi-bin/{path}", params=query, json=document
        )
        response = await send(self._http, request)
        try:
            return check_answer(response, self.options)
        except RateLimitedError as error:
            if error.dimension == "api" and error.retry_after_s is not None:
                for key in limits:
                    self.ports.limiter.block(key, error.retry_after_s)
            raise

    async def _wait_for(self, limits: dict[Hashable, Limit]) -> None:
        """Wait for room; a wait that no call's patience covers is an error at once.

        Raises:
            RateLimitedError: with the time until there is room.
        """
        wait_s = self.ports.limiter.wait_s(limits)
        if wait_s > self.options.retry_budget_s:
            text = "this API is shut until its window ends"
            raise RateLimitedError(text, retry_after_s=wait_s, dimension="api")
        await self.ports.limiter.acquire(limits)

    def _limits(self, path: str) -> dict[Hashable, Limit]:
        """Our share of what a corp may call of one API in a minute and in an hour."""
        corp, options = self.options.corp_id, self.options
        return {
            ("wecom", corp, path, "minute"): Limit(options.calls_per_minute, _MINUTE_S),
            ("wecom", corp, path, "hour"): Limit(options.calls_per_hour, _HOUR_S),
        }


def read_answer(body: bytes, shape: type[Shape]) -> Shape:
    """An answer as `shape`.

    Raises:
        PlatformDownError: it is of another shape: what was answered may be cut off.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's answer cannot be read") from None
