"""The pushing side: signed messages, sent again every 30 s and three times at most, then never (notes §2).

The sender keeps its own list of what was acknowledged: conservation is judged by that list.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

import httpx
import msgspec

from hub.connectors.xiaohongshu.simulator.people import Message, SimulatedDm, SimulatedForm
from hub.connectors.xiaohongshu.simulator.world import World

_OK = 200
HEADER = "X-Red-Signature"
Lead = SimulatedForm | SimulatedDm


@dataclass(frozen=True, slots=True)
class Habits:
    """How the sender behaves; shares are between 0 and 1.

    `lost_ack_share` of the acknowledgements never reach it, so it sends again; with `restamp` a repetition
    has a timestamp of its own (whether it has is not documented). `reorder_within` shuffles leads among that
    many neighbours, and the messages of one lead. `form` is no habit of this platform: it sends JSON only.
    """

    form: bool = False
    duplicate_share: float = 0.0
    lost_ack_share: float = 0.0
    reorder_within: int = 1
    restamp: bool = False
    retry_after_s: Sequence[float] = (30.0, 30.0, 30.0)
    at_once: int = 64
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A lead all of whose messages the receiver has acknowledged, with the first and the last instant."""

    clue: Lead
    sent_at: datetime
    acknowledged_at: datetime


@dataclass(slots=True)
class SendReport:
    """What the sender saw. `given_up` are keys of leads of which a message was never acknowledged."""

    attempts: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    retries: int = 0
    refused: int = 0
    given_up: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0


class PushSender:
    """Posts leads of a world to `url`, signed with the world's token or with `constants["token"]`.

    `transport` takes the requests instead of the network.
    """

    def __init__(
        self,
        world: World,
        url: str,
        *,
        constants: Mapping[str, str] | None = None,
        habits: Habits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._world = world
        self._url = url
        self._token = (constants or {}).get("token", world.app_secret).encode()
        self._habits = habits or Habits()
        self._transport = transport
        self._chance = Random(f"sender:{world.seed}")  # noqa: S311 -- habits that can be repeated
        self.acknowledged: dict[str, Acknowledged] = {}

    async def send(self, clues: Iterable[Lead], *, rate: float | None = None) -> SendReport:
        """Push leads, `rate` a second (None: as fast as answers come); gives what became of them."""
        report = SendReport()
        started = time.monotonic()
        room = asyncio.Semaphore(self._habits.at_once)
        async with self._client() as http, asyncio.TaskGroup() as tasks:
            for place, clue in enumerate(self._shuffled(list(clues))):
                if rate:
                    await asyncio.sleep(max(0.0, started + place / rate - time.monotonic()))
                await room.acquire()
                plan = self._plan(clue)
                task = tasks.create_task(self._deliver(http, clue, plan, report))
                task.add_done_callback(lambda _: room.release())
        report.elapsed_s = time.monotonic() - started
        return report

    def body(self, clue: Lead, place: int = 0, *, repetition: int = 0) -> bytes:
        """The bytes of message number `place` of a lead."""
        sent_at, data = clue.messages()[place]
        late_s = 30 * repetition if self._habits.restamp else 0
        document = {
            "timestamp": int(sent_at.timestamp()) + late_s,
            "source": "official",
            "data": self._world.drifted(data, clue.number),
        }
        return msgspec.json.encode(document)

    def signature(self, body: bytes) -> str:
        """The value of `X-Red-Signature`."""
        return "sha1=" + hmac.digest(self._token, body, "sha1").hex()

    def _client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=self._habits.at_once)
        timeout = httpx.Timeout(self._habits.timeout_s)
        return httpx.AsyncClient(timeout=timeout, limits=limits, transport=self._transport)

    async def send_test(self) -> int:
        """Press test on the set-up page: questions without answers. Gives the status."""
        asked = [{"label": label, "value": ""} for label in ("姓名", "手机号")]
        data = {"leads_id": "", "data": asked}
        stamp = int(self._world.clock().timestamp())
        body = msgspec.json.encode({"timestamp": stamp, "source": "official", "data": data})
        async with self._client() as http:
            return (await self._post(http, body)).status_code

    def _shuffled(self, items: list[Lead]) -> list[Lead]:
        """Neighbours shuffled among themselves."""
        within = max(1, self._habits.reorder_within)
        for start in range(0, len(items), within):
            part = items[start : start + within]
            self._chance.shuffle(part)
            items[start : start + within] = part
        return items

    def _plan(self, clue: Lead) -> list[tuple[int, bool, bool]]:
        """For each message its place, whether it is sent twice, whether its first ack is lost.

        Drawn before the requests, so that a run can be repeated.
        """
        habits, chance = self._habits, self._chance
        messages: list[Message] = clue.messages()
        places = list(range(len(messages)))
        if habits.reorder_within > 1:
            chance.shuffle(places)
        return [
            (n, chance.random() < habits.duplicate_share, chance.random() < habits.lost_ack_share)
            for n in places
        ]

    async def _deliver(
        self,
        http: httpx.AsyncClient,
        clue: Lead,
        plan: Sequence[tuple[int, bool, bool]],
        report: SendReport,
    ) -> None:
        """All messages of a lead, each until it is acknowledged or given up."""
        sent_at = self._world.clock()
        for place, is_twice, loses_ack in plan:
            if not await self._insist(http, clue, place, report, loses_ack=loses_ack):
                report.given_up.append(clue.key)
                return
            if is_twice:
                report.duplicates += 1
                await self._try(http, self.body(clue, place), report)
        if clue.key not in self.acknowledged:
            self.acknowledged[clue.key] = Acknowledged(clue, sent_at, self._world.clock())
            report.acknowledged += 1

    async def _insist(
        self,
        http: httpx.AsyncClient,
        clue: Lead,
        place: int,
        report: SendReport,
        *,
        loses_ack: bool,
    ) -> bool:
        """Send one message until it is acknowledged; False once it was sent for the last time."""
        for repetition, wait_s in enumerate((*self._habits.retry_after_s, None)):
            body = self.body(clue, place, repetition=repetition)
            is_taken = await self._try(http, body, report)
            if is_taken and not loses_ack:
                return True
            loses_ack = False
            if wait_s is not None:
                report.retries += 1
                await asyncio.sleep(wait_s)
        return False

    async def _try(self, http: httpx.AsyncClient, body: bytes, report: SendReport) -> bool:
        """Whether a message was answered with 200, which is all that counts."""
        report.attempts += 1
        try:
            answer = await self._post(http, body)
        except httpx.HTTPError:
            return False
        if answer.status_code != _OK:
            report.refused += 1
        return answer.status_code == _OK

    async def _post(self, http: httpx.AsyncClient, body: bytes) -> httpx.Response:
        headers = {"Content-Type": "application/json", HEADER: self.signature(body)}
        return await http.post(self._url, content=body, headers=headers)
