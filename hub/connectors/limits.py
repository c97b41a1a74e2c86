"""Rate limits that a client keeps by itself: sliding windows by key, and keys blocked until later.

One limiter serves one process. Several processes that pull under one developer account each keep
their own count, so give each its share of the quota.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `calls` within any `window_s` seconds (a sliding window, not calendar seconds)."""

    calls: int
    window_s: float = 1.0


class RateLimiter:
    """Delays calls so that no key exceeds its limit. Safe for many tasks of one event loop."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._calls: dict[Hashable, deque[float]] = {}
        self._blocked: dict[Hashable, float] = {}

    async def acquire(self, limits: dict[Hashable, Limit]) -> None:
        """Wait until every key of `limits` has room and none is blocked, then count the call."""
        while (wait_s := self.wait_s(limits)) > 0:
            await self._sleep(wait_s)
        now = self._clock()
        for key in limits:
            self._calls.setdefault(key, deque()).append(now)

    def block(self, key: Hashable, for_s: float) -> None:
        """No call under `key` for the next `for_s` seconds; a longer block stays."""
        self._blocked[key] = max(self._blocked.get(key, 0.0), self._clock() + for_s)

    def wait_s(self, limits: dict[Hashable, Limit]) -> float:
        """Seconds until a call under all of `limits` is allowed; 0 if it is now."""
        now = self._clock()
        return max((self._wait_of(key, limit, now) for key, limit in limits.items()), default=0.0)

    def _wait_of(self, key: Hashable, limit: Limit, now: float) -> float:
        blocked_s = max(0.0, self._blocked.get(key, 0.0) - now)
        calls = self._calls.get(key)
        if not calls:
            return blocked_s
        while calls and calls[0] <= now - limit.window_s:
            calls.popleft()
        if len(calls) < limit.calls:
            return blocked_s
        # The call that must leave the window before there is room for one more.
        leaves_at = calls[len(calls) - limit.calls] + limit.window_s
        return max(blocked_s, leaves_at - now)
