"""A platform's list by time, in memory, and what pulls it as the step does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.base import Page, PullRequest
from hub.connectors.windows import Ask, Listing, Plan, TimedList, windowed_pages
from hub.errors import TransientError

NOW = datetime(2026, 2, 17, 12, 0, tzinfo=UTC)
PLAN = Plan(
    chunks=[("1",)],
    page_size=10,
    step=timedelta(days=7),
    first=timedelta(days=7),
    overlap=timedelta(minutes=20),
    max_pages=1000,
)


@dataclass
class FakeList:
    """A platform that lists newest first; `cap` is the most that it shows of one window."""

    created: list[datetime] = field(default_factory=list)
    cap: int | None = None
    start_is_inclusive: bool = True
    end_is_inclusive: bool = True
    appears_per_call: int = 0
    shown_after: timedelta = timedelta(0)
    now: datetime = NOW
    asked: list[Ask] = field(default_factory=list)
    account_of: Callable[[int], str] = lambda _: "1"
    fails_at: int | None = None

    async def ask(self, ask: Ask) -> bytes:
        self.asked.append(ask)
        if self.fails_at == len(self.asked):
            raise TransientError("the platform is away")
        self.created += [self.now] * self.appears_per_call
        ids = [i for i, at in enumerate(self.created) if self._shows(ask, i, at)]
        ids.sort(key=lambda i: (self.created[i], i), reverse=True)
        listed = ids if self.cap is None else ids[: self.cap]
        shown = listed[ask.offset : ask.offset + ask.size]
        total = len(ids)
        return json.dumps(
            {"items": [{"id": str(i)} for i in shown], "total": total, "size": ask.size}
        ).encode()

    def _shows(self, ask: Ask, number: int, at: datetime) -> bool:
        second = at.replace(microsecond=0)
        start, end = (bound.replace(microsecond=0) for bound in (ask.start, ask.end))
        begins = start <= second if self.start_is_inclusive else start < second
        ends = second <= end if self.end_is_inclusive else second < end
        is_visible = at + self.shown_after <= self.now
        return begins and ends and is_visible and self.account_of(number) in ask.accounts

    def ids(self) -> set[str]:
        return {str(i) for i in range(len(self.created))}


def read(body: bytes) -> Listing | None:
    found = json.loads(body)
    if "items" not in found:
        return None
    items = [json.dumps(item).encode() for item in found["items"]]
    return Listing(items, found["total"], -(-found["total"] // found["size"]))


def identity(item: bytes) -> str | None:
    found: str | None = json.loads(item).get("id")
    return found


class Puller:
    """Pulls as the step does: the cursor of the last page that was stored is the next one's."""

    def __init__(self, platform: FakeList, plan: Plan = PLAN) -> None:
        self.platform, self.plan = platform, plan
        self.cursor: Mapping[str, Any] = {}
        self.stored: list[str] = []
        self.reported: list[int] = []

    def pull(self, *, stop_after: int | None = None, since: datetime | None = None) -> None:
        request = PullRequest("x", since, self.platform.now, self.cursor)
        asyncio.run(self._pull(request, stop_after))

    async def _pull(self, request: PullRequest, stop_after: int | None) -> None:
        listed = TimedList("x", self.platform.ask, read, identity)
        left = stop_after
        async for page in windowed_pages(listed, self.plan, request):
            self._store(page)
            left = None if left is None else left - 1
            if left == 0:
                return

    def _store(self, page: Page) -> None:
        self.cursor = json.loads(json.dumps(page.cursor))
        self.stored += page.external_ids
        if page.reported_total is not None:
            self.reported.append(page.reported_total)

    @property
    def is_whole(self) -> bool:
        return set(self.stored) == self.platform.ids()


def spread(count: int, every_s: float, *, ago_s: float = 3600) -> list[datetime]:
    return [NOW - timedelta(seconds=ago_s - i * every_s) for i in range(count)]
