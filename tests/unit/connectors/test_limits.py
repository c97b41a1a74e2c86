"""Our own rate limits: sliding windows, and blocks that hit one key only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hub.connectors.limits import Limit, RateLimiter


@dataclass
class Time:
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def a_limiter() -> tuple[RateLimiter, Time]:
    time = Time()
    return RateLimiter(clock=time, sleep=time.sleep), time


def test_calls_within_the_limit_do_not_wait() -> None:
    limiter, time = a_limiter()

    async def three() -> None:
        for _ in range(3):
            await limiter.acquire({"a": Limit(3)})

    asyncio.run(three())
    assert time.slept == []


def test_no_sliding_second_holds_more_calls_than_the_limit() -> None:
    limiter, time = a_limiter()
    made: list[float] = []

    async def many() -> None:
        for place in range(20):
            time.now += 0.15 if place % 3 else 0.0
            await limiter.acquire({"a": Limit(3)})
            made.append(time.now)

    asyncio.run(many())
    for start in made:
        assert sum(start <= at < start + 1.0 for at in made) <= 3


def test_a_block_hits_its_key_only() -> None:
    limiter, _ = a_limiter()
    limiter.block("account 1", 60)

    assert limiter.wait_s({"account 1": Limit(5)}) == 60
    assert limiter.wait_s({"account 2": Limit(5)}) == 0


def test_a_shorter_block_does_not_end_a_longer_one() -> None:
    limiter, time = a_limiter()
    limiter.block("a", 300)
    limiter.block("a", 1)
    time.now += 100

    assert limiter.wait_s({"a": Limit(5)}) == 200


def test_a_call_waits_for_the_slowest_of_its_limits() -> None:
    limiter, _ = a_limiter()
    limiter.block("developer", 5)
    limiter.block("account", 60)

    assert limiter.wait_s({"developer": Limit(5), "account": Limit(5)}) == 60
