"""A source of 来客, and sessions with a clock that sleeping moves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

import httpx

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin import CONNECTOR
from hub.connectors.limits import RateLimiter
from hub.connectors.resolving import Answer, Ask
from hub.connectors.sessions import PullPorts
from hub.settings import SourceSettings
from tests.connectors.suite import NOW

BASE = "https://open.douyin.com"
SECRET_ENV = "HUB_TEST_LAIKE_SECRET"
SECRET = "demo_client_secret_0123456789abc"  # 32 bytes
ACCOUNT = "7100000000000000001"


def a_source(**options: Any) -> SourceSettings:
    given = {"client_key": "awdemo0001", "secret_env": SECRET_ENV} | options
    return SourceSettings(platform="douyin", account=ACCOUNT, pulls=("laike_clue",), options=given)


def coded(data: int | None, extra: int | None, said: str = "") -> httpx.Response:
    def status(code: int | None) -> dict[str, Any]:
        return {} if code is None else {"error_code": code, "description": said}

    return httpx.Response(200, json={"data": status(data), "extra": status(extra)})


class Tokens:
    """Gives a new token for each stale one."""

    def __init__(self) -> None:
        self.issued = 0

    async def access_token(self, *, stale: str | None = None) -> str:
        self.issued += stale == f"clt-{self.issued}"
        return f"clt-{self.issued}"


class Quota:
    """So many a day."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, date], int] = {}

    async def take(self, name: str, wanted: int, *, limit: int, day: date) -> int:
        used = self.taken.get((name, day), 0)
        given = max(0, min(wanted, limit - used))
        self.taken[name, day] = used + given
        return given


class Bench:
    """Sessions with a clock that sleeping moves."""

    def __init__(self) -> None:
        self.seconds, self.slept = 0.0, [0.0][:0]
        self.tokens, self.quota = Tokens(), Quota()
        self.now = NOW

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    @property
    def ports(self) -> PullPorts:
        return PullPorts(
            tokens=self.tokens,
            fingerprint=str,
            limiter=RateLimiter(clock=lambda: self.seconds, sleep=self.sleep),
            quota=self.quota,
            sleep=self.sleep,
            now=lambda: self.now,
        )

    def pull(self, source: SourceSettings) -> list[Page]:
        async def run() -> list[Page]:
            request = PullRequest("laike_clue", None, NOW)
            async with CONNECTOR.session(source, self.ports) as session:
                return [page async for page in CONNECTOR.pages(session, request, source)]

        return asyncio.run(run())

    def resolve(self, source: SourceSettings, *payloads: Mapping[str, Any]) -> list[Answer]:
        async def run() -> list[Answer]:
            asks = [Ask("laike_clue", payload, "phone") for payload in payloads]
            async with CONNECTOR.session(source, self.ports) as session:
                return list(await CONNECTOR.resolve(session, asks, source))

        return asyncio.run(run())
