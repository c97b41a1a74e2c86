"""Calls to the platform: token, own rate limits, the code table, bounded retries.

The platform has two gateways with their own hosts, headers and codes: the marketing API (here) and that
of 来客 (`laike_gateway`). A session speaks to either.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import msgspec

from hub.connectors.api_session import ApiSession
from hub.connectors.douyin.errors import error_of
from hub.connectors.douyin.options import DouyinOptions
from hub.connectors.http import RetryPolicy, raise_for_http, send
from hub.connectors.limits import Limit
from hub.connectors.sessions import PullPorts
from hub.errors import HubError, PlatformDownError, RateLimitedError

BUSY = "gateway"
"""The dimension of a limit that is answered with pauses of 1, 2, 4 … seconds, never at once (notes §10)."""
_LONGEST_PAUSE_S = 32.0

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


class Gateway(Protocol):
    """One of the platform's two: where it is, how a call carries its token, what its answers mean."""

    def base(self, options: DouyinOptions) -> str:
        """Its address."""
        ...

    def headers(self, token: str, options: DouyinOptions) -> dict[str, str]:
        """The headers of a call."""
        ...

    def limits(self, call: Call, options: DouyinOptions) -> dict[Hashable, Limit]:
        """What we keep by ourselves for a call."""
        ...

    def check(self, response: httpx.Response, options: DouyinOptions) -> bytes:
        """The body of a good answer.

        Raises:
            HubError: what its codes mean.
        """
        ...

    def blocked(
        self, call: Call, options: DouyinOptions, error: RateLimitedError
    ) -> Sequence[Hashable]:
        """The limits under which others must wait, too, when a call was refused so."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call: POST if there is a `document`, else GET. `accounts` are those whose quota it uses."""

    gateway: Gateway
    path: str
    params: Mapping[str, Parameter] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    accounts: Sequence[str] = ()


class MarketingGateway:
    """The marketing API (routes A to C)."""

    def base(self, options: DouyinOptions) -> str:
        """`options.api_base`."""
        return options.api_base

    def headers(self, token: str, options: DouyinOptions) -> dict[str, str]:
        """The token, named as the vendor's table has it."""
        return {"Access-Token": token}

    def limits(self, call: Call, options: DouyinOptions) -> dict[Hashable, Limit]:
        """Our own share of two of the platform's three limits; the third is nobody's to keep."""
        limits: dict[Hashable, Limit] = {
            ("developer", options.app_id, call.path): Limit(options.developer_qps)
        }
        for account in call.accounts:
            limits["account", account, call.path] = Limit(options.account_qps)
        return limits

    def check(self, response: httpx.Response, options: DouyinOptions) -> bytes:
        """See `check_answer`."""
        return check_answer(response, options)

    def blocked(
        self, call: Call, options: DouyinOptions, error: RateLimitedError
    ) -> Sequence[Hashable]:
        """A developer's limit, or those of the accounts only."""
        if error.dimension == "developer":
            return [("developer", options.app_id, call.path)]
        if error.dimension == "customer":
            return [("account", account, call.path) for account in call.accounts]
        return []


MARKETING = MarketingGateway()


class DouyinSession(ApiSession):
    """One pull's or resolver's calls. Use it as an async context manager; it closes its HTTP client."""

    def __init__(self, options: DouyinOptions, ports: PullPorts) -> None:
        super().__init__(ports, RetryPolicy(tries=options.tries, budget_s=options.retry_budget_s))
        self.options = options

    async def get(
        self, path: str, params: Mapping[str, Parameter], *, accounts: Sequence[str]
    ) -> bytes:
        """The body of a successful answer to `GET path` of the marketing API; see `call`."""
        return await self.call(Call(MARKETING, path, params, accounts=accounts))

    async def call(self, call: Call) -> bytes:
        """The body of a successful answer.

        Raises:
            TransientError: still failing after all tries.
            PlatformRejectedError, AuthorizationLostError: a code that a retry does not change.
        """
        pause_s = 1.0

        def slow_down(error: HubError) -> None:
            nonlocal pause_s
            if isinstance(error, RateLimitedError) and error.dimension == BUSY:
                error.retry_after_s, pause_s = pause_s, min(2 * pause_s, _LONGEST_PAUSE_S)

        return await self.with_token(lambda token: self._once(call, token), before_retry=slow_down)

    async def _once(self, call: Call, token: str) -> bytes:
        gateway, options = call.gateway, self.options
        await self.ports.limiter.acquire(gateway.limits(call, options))
        request = self._http.build_request(
            "GET" if call.document is None else "POST",
            gateway.base(options) + call.path,
            params={key: _written(value) for key, value in call.params.items()} or None,
            json=call.document,
            headers=gateway.headers(token, options),
        )
        response = await send(self._http, request)
        try:
            return gateway.check(response, options)
        except RateLimitedError as error:
            # Keep others under the same limit from running into it.
            for key in gateway.blocked(call, options, error):
                if error.retry_after_s is not None:
                    self.ports.limiter.block(key, error.retry_after_s)
            raise


def _written(value: Parameter) -> str:
    """A query parameter as the platform reads it: arrays are JSON text."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
