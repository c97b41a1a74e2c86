"""The pushing side of the simulated platform: a rule that posts leads, with its bad habits.

How the real platform retries is not documented, so all of it can be set. The sender keeps its own
list of what was acknowledged to it: conservation is judged by that list, not by the receiver's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.douyin.simulator.people import SimulatedClue, SimulatedStarClue
from hub.connectors.douyin.simulator.world import Clock, World, utc_now

_OK = 200
Lead = SimulatedClue | SimulatedStarClue
# Keys as a person types them into a rule: ours on the right of the connector's defaults.
DEFAULT_RULE: Mapping[str, str] = {
    "clueId": "clue_id",
    "name": "name",
    "mobile": "telephone",
    "create_time": "create_time_detail",
    "promotion_id": "promotion_id",
    "adv_id": "advertiser_id",
    "adv_name": "advertiser_name",
    "province": "province_name",
    "clue_source": "clue_source",
    "remark_dict": "remark_dict",
}


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
class Acknowledged:
    """A lead that the receiver has acknowledged to the sender, with the first instants of each."""

    clue: Lead
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


class PushSender:
    """Posts leads of a world to `url`. `acknowledged` goes by the leads' `key` and only grows.

    Leads of the ad account are pushed by a rule, those of 星图 whole.
    """

    def __init__(
        self,
        world: World,
        url: str,
        *,
        rule: Mapping[str, str] = DEFAULT_RULE,
        constants: Mapping[str, str] | None = None,
        habits: Habits | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._world = world
        self._url = url
        self._rule = rule
        self._constants = constants or {}
        self._habits = habits or Habits()
        self._clock = clock
        self._chance = Random(f"sender:{world.seed}")  # noqa: S311 -- habits that can be repeated
        self.acknowledged: dict[str, Acknowledged] = {}

    async def send(self, clues: Iterable[Lead], *, rate: float | None = None) -> SendReport:
        """Push leads, `rate` a second (None: as fast as answers come); gives what became of them.

        The rate is kept whatever the receiver's speed, up to `habits.at_once` open requests.
        """
        report = SendReport()
        started = time.monotonic()
        room = asyncio.Semaphore(self._habits.at_once)
        timeout = httpx.Timeout(self._habits.timeout_s)
        limits = httpx.Limits(max_connections=self._habits.at_once)
        async with (
            httpx.AsyncClient(timeout=timeout, limits=limits) as http,
            asyncio.TaskGroup() as tasks,
        ):
            for place, clue in enumerate(self._ordered(clues)):
                if rate:
                    await asyncio.sleep(max(0.0, started + place / rate - time.monotonic()))
                await room.acquire()
                plan = self._plan()
                task = tasks.create_task(self._deliver(http, clue, plan, report))
                task.add_done_callback(lambda _: room.release())
        report.elapsed_s = time.monotonic() - started
        return report

    def body(self, clue: Lead) -> tuple[bytes, str]:
        """The request body and content type for a lead, as the rule says."""
        if isinstance(clue, SimulatedClue):
            fields = self._by_rule(clue)
        else:
            fields = self._world.drifted(clue.pushed(), clue.number)
        fields = {**fields, **self._constants}
        habits = self._habits
        if not habits.form:
            return msgspec.json.encode(fields), "application/json"
        flat = {key: _flat(value) for key, value in fields.items()}
        body = urlencode(flat, encoding=habits.charset).encode()
        return body, f"application/x-www-form-urlencoded; charset={habits.charset}"

    def _by_rule(self, clue: SimulatedClue) -> dict[str, Any]:
        """What the rule was given; a field that a drift adds goes along under its own name."""
        plain = clue.listed(clue.created_at)
        plain["promotion_id"] = str(plain["promotion_id"])
        shown = self._world.drifted(plain, clue.number)
        ruled = {key: shown[name] for key, name in self._rule.items() if name in shown}
        return ruled | {name: value for name, value in shown.items() if name not in plain}

    def _ordered(self, clues: Iterable[Lead]) -> list[Lead]:
        """Neighbours shuffled among themselves."""
        ordered = list(clues)
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
        clue: Lead,
        plan: tuple[bool, bool],
        report: SendReport,
    ) -> None:
        """One lead until it is acknowledged or given up."""
        is_twice, loses_ack = plan
        sent_at = self._clock()
        for wait_s in (*self._habits.retry_after_s, None):
            ending = await self._post(http, clue, report)
            if ending == "ok" and not loses_ack:
                self._note(clue, sent_at, report)
                break
            loses_ack = False
            if wait_s is None:
                report.given_up.append(clue.key)
                return
            report.retries += 1
            await asyncio.sleep(wait_s)
        if is_twice:
            report.duplicates += 1
            await self._post(http, clue, report)

    async def _post(self, http: httpx.AsyncClient, clue: Lead, report: SendReport) -> Ending:
        report.attempts += 1
        body, content_type = self.body(clue)
        try:
            answer = await http.post(
                self._url, content=body, headers={"Content-Type": content_type}
            )
        except httpx.HTTPError:
            return "unanswered"
        if _is_ack(answer):
            return "ok"
        report.refused += 1
        return "refused"

    def _note(self, clue: Lead, sent_at: datetime, report: SendReport) -> None:
        if clue.key not in self.acknowledged:
            self.acknowledged[clue.key] = Acknowledged(clue, sent_at, self._clock())
            report.acknowledged += 1


def _is_ack(answer: httpx.Response) -> bool:
    """HTTP 200 and code 0 in the body."""
    if answer.status_code != _OK:
        return False
    try:
        document = msgspec.json.decode(answer.content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("code") == 0


def _flat(value: object) -> str:
    """A form can hold text only: what is not text travels as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
