"""Calls to the marketing API: token, own rate limits, the code table, bounded retries."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from types import TracebackType

import httpx
import msgspec

from hub.connectors.douyin.errors import TokenStaleError, error_of
from hub.connectors.douyin.options import DouyinOptions
from hub.connectors.http import RetryPolicy, raise_for_http, retried, send
from hub.connectors.limits import Limit
from hub.connectors.sessions import PullPorts
from hub.errors import (
    AuthorizationLostError,
    HubError,
    PlatformDownError,
    RateLimitedError,
)

Parameter = str | int | Sequence[int]


class _Coded(msgspec.Struct):
    code: int


def code_of(body: bytes) -> int | None:
    """The business code of an answer, None if the body holds none."""
    try:
        return msgspec.json.decode(body, type=_Coded).code
    except (ValueError, RecursionError):
        return None


def check_answer(response: httpx.Response, options: DouyinOptions) -> bytes:
    """The body of an answer whose code is 0. The code decides, not the HTTP status (notes §5).

    Raises:
        HubError: what the code means; PlatformDownError where there is no code to read.
    """
    code = code_of(response.content)
    if code == 0:
        return response.content
    if code is None:
        raise_for_http(response)
        raise PlatformDownError("the platform answered without a code")
    raise error_of(
        code,
        response.headers,
        overrides=options.error_actions,
        customer_delay_s=options.customer_delay_s,
    )


class DouyinSession:
    """One pull's calls. Use it as an async context manager; it closes its HTTP client."""

    def __init__(self, options: DouyinOptions, ports: PullPorts) -> None:
        self.options = options
        self.ports = ports
        self._http = ports.http()
        self._policy = RetryPolicy(tries=options.tries, budget_s=options.retry_budget_s)

    async def __aenter__(self) -> DouyinSession:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def get(
        self, path: str, params: Mapping[str, Parameter], *, accounts: Sequence[str]
    ) -> bytes:
        """The body of a successful answer to `GET path`; `accounts` are those whose quota it uses.

        Raises:
            TransientError: still failing after all tries.
            PlatformRejectedError, AuthorizationLostError: a code that a retry does not change.
        """
        stale: str | None = None

        async def attempt() -> bytes:
            # A dead access token is refreshed once in a call; a second refusal is no matter of age.
            nonlocal stale
            token = await self.ports.tokens.access_token(stale=stale)
            try:
                return await self._once(path, params, token, accounts)
            except TokenStaleError as error:
                if stale is not None:
                    raise AuthorizationLostError(str(error), code=error.code) from None
                stale = token
            return await attempt()

        return await retried(attempt, self._policy, self.ports.sleep)

    async def _once(
        self, path: str, params: Mapping[str, Parameter], token: str, accounts: Sequence[str]
    ) -> bytes:
        await self.ports.limiter.acquire(self._limits(path, accounts))
        request = self._http.build_request(
            "GET",
            self.options.api_base + path,
            params={key: _written(value) for key, value in params.items()},
            headers={"Access-Token": token},
        )
        response = await send(self._http, request)
        try:
            return check_answer(response, self.options)
        except HubError as error:
            self._slow_down(path, accounts, error)
            raise

    def _limits(self, path: str, accounts: Sequence[str]) -> dict[Hashable, Limit]:
        """Our own share of two of the platform's three limits; the third is nobody's to keep."""
        limits: dict[Hashable, Limit] = {
            ("developer", self.options.app_id, path): Limit(self.options.developer_qps)
        }
        for account in accounts:
            limits["account", account, path] = Limit(self.options.account_qps)
        return limits

    def _slow_down(self, path: str, accounts: Sequence[str], error: HubError) -> None:
        """Keep others under the same limit from running into it: a developer's, or an account's only."""
        if not isinstance(error, RateLimitedError) or error.retry_after_s is None:
            return
        if error.dimension == "developer":
            key = ("developer", self.options.app_id, path)
            self.ports.limiter.block(key, error.retry_after_s)
        elif error.dimension == "customer":
            for account in accounts:
                self.ports.limiter.block(("account", account, path), error.retry_after_s)


def _written(value: Parameter) -> str:
    """A query parameter as the platform reads it: arrays are JSON text."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
