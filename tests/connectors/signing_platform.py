"""A platform of signing flows for the shared pull suite: a list, and details that are asked one by one."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import respx

from hub.connectors.base import OpenFlow, Page, PullRequest
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import PullPorts
from hub.settings import SourceSettings
from tests.connectors.suite import FakePlatform

NOW = datetime(2026, 2, 17, 12, tzinfo=UTC)
SECRET_ENV = "HUB_TEST_SIGNING_SECRET"


class OneToken:
    """A token that never dies."""

    async def access_token(self, *, stale: str | None = None) -> str:
        return "demo-token"


class FlowPlatform(FakePlatform):
    """Answers every call of a connector; `stream` says whether a list or details are asked for."""

    def __init__(self, connector: Any, source: SourceSettings, stream: str) -> None:
        self.connector, self.source, self.stream = connector, source, stream
        self.ids: list[str] = []
        self.gone: set[str] = set()
        self.aged = timedelta(days=2)
        self.changed_at = NOW - timedelta(days=2)
        self.may_be_done = False
        self._failures: list[httpx.Response] = []

    @abstractmethod
    def failure(self, *, permanent: bool) -> httpx.Response:
        """An answer with a code."""

    @abstractmethod
    def listed(self, request: httpx.Request) -> httpx.Response:
        """A page of the list."""

    @abstractmethod
    def detail(self, request: httpx.Request) -> httpx.Response:
        """One flow."""

    def needed(self, records: int) -> int:
        return records if self.stream == "open_signings" else super().needed(records)

    def fill(self, count: int) -> list[str]:
        self.ids = [f"flow{n:04d}" for n in range(count)]
        return self.ids

    def fail(self, *, permanent: bool, times: int) -> None:
        self._failures = [self.failure(permanent=permanent)] * times

    def fail_http(self, status: int, *, times: int) -> None:
        self._failures = [httpx.Response(status, text="19900000001")] * times

    async def pages(self) -> list[Page]:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        limiter = RateLimiter(clock=lambda: sum(slept), sleep=sleep)
        ports = PullPorts(OneToken(), lambda *parts: "x", limiter, sleep=sleep, now=lambda: NOW)
        seen = NOW - self.aged
        flows = [OpenFlow(each, seen, self.changed_at, self.may_be_done) for each in self.ids]
        request = PullRequest(self.stream, None, NOW, self.cursor, flows)
        with respx.mock(assert_all_called=False) as router:
            router.route().mock(side_effect=self._answer)
            async with self.connector.session(self.source, ports) as session:
                found = self.connector.pages(session, request, self.source)
                return [page async for page in found]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self._failures:
            return self._failures.pop(0)
        first = len(self.ids)
        self.ids = [f"flow{n:04d}" for n in range(first, first + self.inserts)] + self.ids
        return self.detail(request) if self.stream == "open_signings" else self.listed(request)
