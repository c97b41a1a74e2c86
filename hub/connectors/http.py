"""Calls over HTTP as every connector makes them: one place that retries, bounded in tries and time.

No `httpx` error leaves this room, and no message carries an address, a header or a body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from hub.errors import PlatformDownError, PlatformRejectedError, RateLimitedError, TransientError

T = TypeVar("T")

_TOO_MANY, _SERVER_ERROR, _CLIENT_ERROR, _REQUEST_TIMEOUT = 429, 500, 400, 408


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a call that may work later is tried again.

    `budget_s` bounds the sum of all waits; a wait that would exceed it is not begun.
    """

    tries: int = 6
    budget_s: float = 400.0
    first_s: float = 1.0
    longest_s: float = 60.0


async def retried(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    sleep: Callable[[float], Awaitable[None]],
) -> T:
    """The result of `call`, tried again after each TransientError: after `retry_after_s`, or backing off.

    Raises:
        TransientError: the last one, once tries or time are used up. Others at once.
    """
    back_off = wait_random_exponential(multiplier=policy.first_s, max=policy.longest_s)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, TransientError) else None
        return back_off(state) if asked_s is None else asked_s

    def stop(state: RetryCallState) -> bool:
        waits_s = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= policy.tries or waits_s > policy.budget_s

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait,
        stop=stop,
        sleep=sleep,
        reraise=True,
    )
    return await retrying(call)


async def send(http: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """The platform's answer, whatever its status.

    Raises:
        PlatformDownError: no answer (refused, cut off, too late).
    """
    try:
        return await http.send(request)
    except httpx.HTTPError as error:
        raise no_answer(error) from None


def no_answer(error: httpx.HTTPError) -> PlatformDownError:
    """The one error for a call without an answer; says only what kind of failure it was."""
    return PlatformDownError(f"the platform did not answer ({type(error).__name__})")


def raise_for_http(response: httpx.Response) -> None:
    """Turn an HTTP status that no platform code explains into an error; nothing for 2xx and 3xx.

    Raises:
        RateLimitedError: 429. PlatformDownError: 5xx or 408. PlatformRejectedError: another 4xx.
    """
    status = response.status_code
    if status == _TOO_MANY:
        raise RateLimitedError(
            "the platform answered 429", retry_after_s=retry_after_s(response), dimension="http"
        )
    if status >= _SERVER_ERROR or status == _REQUEST_TIMEOUT:
        raise PlatformDownError(f"the platform answered {status}")
    if status >= _CLIENT_ERROR:
        raise PlatformRejectedError(f"the platform answered {status}", code=f"http_{status}")


def retry_after_s(response: httpx.Response) -> float | None:
    """`Retry-After` in seconds, None if it is absent or a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
