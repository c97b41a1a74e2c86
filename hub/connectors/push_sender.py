"""The pushing side of a simulated platform: posts leads, with the bad habits of the real ones.

How real platforms retry is mostly not documented, so all of it can be set. The sender keeps its own
list of what was acknowledged to it: conservation is judged by that list, not by the receiver's.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Generic, Literal, Protocol, TypeVar

import httpx


class Pushed(Protocol):
    """A lead that can be sent: `key` is what the sender remembers it by."""

    @property
    def key(self) -> str:
        """The same for the same lead."""
        ...


Lead = TypeVar("Lead", bound=Pushed)


@dataclass(frozen=True, slots=True)
class Habits:
    """How the sender behaves; shares are between 0 and 1.

    `lost_ack_share` of the acknowledgements never reach the sender, so it sends again.
    `reorder_within` shuffles leads among that many neighbours.
    """

    form: bool = False
    charset: str = "utf-8"
    duplicate_share: float = 0.0
    lost_ack_share: float = 0.0
    reorder_within: int = 1
    retry_after_s: Sequence[float] = (0.2, 1.0, 3.0, 5.0)
    at_once: int = 64
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Acknowledged(Generic[Lead]):
    """A lead that the receiver has acknowledged to the sender, with the first instants of each."""

    lead: Lead
    sent_at: datetime
    acknowledged_at: datetime


@dataclass(slots=True)
class SendReport:
    """What the sender saw. `given_up` are keys of leads that were never acknowledged."""

    attempts: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    retries: int = 0
    refused: int = 0
    given_up: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0


Ending = Literal["ok", "refused", "unanswered"]


class BasePushSender(ABC, Generic[Lead]):
    """Posts leads to `url`. `acknowledged` goes by the leads' `key` and only grows.

    A platform's own says what a request looks like (`request`) and what counts as taken (`is_ack`).
    `transport` takes the requests instead of the network.
    """

    def __init__(
        self,
        url: str,
        *,
        seed: int,
        clock: Callable[[], datetime],
        habits: Habits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._habits = habits or Habits()
        self._clock = clock
        self._transport = transport
        self._chance = Random(f"sender:{seed}")  # noqa: S311 -- habits that can be repeated
        self.acknowledged: dict[str, Acknowledged[Lead]] = {}

    @abstractmethod
    def request(self, lead: Lead) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers of one try; asked for anew at each."""

    @abstractmethod
    def is_ack(self, answer: httpx.Response) -> bool:
        """Whether the platform would take this answer for an acknowledgement."""

    async def exchange(self, http: httpx.AsyncClient, lead: Lead) -> httpx.Response:
        """One try: a POST. Some platforms send by GET, or several requests for one lead.

        Raises:
            httpx.HTTPError: nobody answered.
        """
        body, headers = self.request(lead)
        return await http.post(self._url, content=body, headers=headers)

    def client(self) -> httpx.AsyncClient:
        """A client as patient as the platform is; through `transport`, if one was given."""
        timeout = httpx.Timeout(self._habits.timeout_s)
        limits = httpx.Limits(max_connections=self._habits.at_once)
        return httpx.AsyncClient(timeout=timeout, limits=limits, transport=self._transport)

    async def send(self, leads: Iterable[Lead], *, rate: float | None = None) -> SendReport:
        """Push leads, `rate` a second (None: as fast as answers come); gives what became of them.

        The rate is kept whatever the receiver's speed, up to `habits.at_once` open requests.
        """
        report = SendReport()
        started = time.monotonic()
        room = asyncio.Semaphore(self._habits.at_once)
        async with self.client() as http, asyncio.TaskGroup() as tasks:
            for place, lead in enumerate(self._ordered(leads)):
                if rate:
                    await asyncio.sleep(max(0.0, started + place / rate - time.monotonic()))
                await room.acquire()
                plan = self._plan()
                task = tasks.create_task(self._deliver(http, lead, plan, report))
                task.add_done_callback(lambda _: room.release())
        report.elapsed_s = time.monotonic() - started
        return report

    def _ordered(self, leads: Iterable[Lead]) -> list[Lead]:
        """Neighbours shuffled among themselves."""
        ordered = list(leads)
        within = max(1, self._habits.reorder_within)
        for start in range(0, len(ordered), within):
            part = ordered[start : start + within]
            self._chance.shuffle(part)
            ordered[start : start + within] = part
        return ordered

    def _plan(self) -> tuple[bool, bool]:
        """Drawn before the request, so that a run can be repeated: is it sent twice, is its ack lost."""
        habits = self._habits
        draws = self._chance.random(), self._chance.random()
        return draws[0] < habits.duplicate_share, draws[1] < habits.lost_ack_share

    async def _deliver(
        self,
        http: httpx.AsyncClient,
        lead: Lead,
        plan: tuple[bool, bool],
        report: SendReport,
    ) -> None:
        """One lead until it is acknowledged or given up."""
        is_twice, loses_ack = plan
        sent_at = self._clock()
        for wait_s in (*self._habits.retry_after_s, None):
            ending = await self._post(http, lead, report)
            if ending == "ok" and not loses_ack:
                self._note(lead, sent_at, report)
                break
            loses_ack = False
            if wait_s is None:
                report.given_up.append(lead.key)
                return
            report.retries += 1
            await asyncio.sleep(wait_s)
        if is_twice:
            report.duplicates += 1
            await self._post(http, lead, report)

    async def _post(self, http: httpx.AsyncClient, lead: Lead, report: SendReport) -> Ending:
        report.attempts += 1
        try:
            answer = await self.exchange(http, lead)
        except httpx.HTTPError:
            return "unanswered"
        if self.is_ack(answer):
            return "ok"
        report.refused += 1
        return "refused"

    def _note(self, lead: Lead, sent_at: datetime, report: SendReport) -> None:
        if lead.key not in self.acknowledged:
            self.acknowledged[lead.key] = Acknowledged(lead, sent_at, self._clock())
            report.acknowledged += 1
