"""The founding story, as the demo plays it: overnight 用户抖音号 appears in pushed 星图 leads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.alerts.notices import notices_about
from hub.alerts.reading import open_alerts
from hub.connectors.douyin.simulator import Habits, PushSender, SimulatedStarClue, Simulator
from hub.crm import reading
from hub.database.engine import store_errors
from hub.errors import TransientError
from hub.inbox.held_groups import held_groups
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing
from hub.registry.findings import find_findings
from hub.settings import HubSettings
from hub.steps.demo.hub import STAR, DemoHub, secret_env
from hub.steps.drift.proposal import gather
from hub.steps.drift.publish import Decision, publish_proposal, still_waiting

DRIFT = "douyin-id-required"
ADDED = 9
_MERCHANT, _ENTITY = "default", "star_push"
_RATE = 100.0
_LOOK_EVERY_S = 0.02
_WITHIN_S = 60.0
_json = msgspec.json.Decoder()
T = TypeVar("T")


@dataclass(slots=True)
class StoryResult:
    """What was seen: `timeline` are seconds since the first changed payload was sent, and what happened then."""

    changed: int = 0
    gained: int = 0
    held: int = 0
    missing: int = 0
    alert_after_s: float = 0.0
    replayed_after_s: float = 0.0
    question: str = ""
    answer: str = ""
    notice: str = ""
    timeline: list[tuple[float, str]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every changed lead was kept, and has now what came with the change."""
        return self.changed == self.gained > 0 and not self.held and not self.missing


@dataclass(slots=True)
class FoundingStory:
    """One telling; `say` is told of each step. The hub's own contract is tolerant: nothing is held."""

    hub: DemoHub
    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings
    simulator: Simulator
    say: Callable[[str], None]
    result: StoryResult = field(default_factory=StoryResult)
    sent_at: dict[UUID, float] = field(default_factory=dict)
    _began_at: float = 0.0

    def play(self, leads: int) -> StoryResult:
        """`leads` as they were, `leads` in the new form; find, ask, answer, publish, replay.

        Raises:
            TransientError: something did not come within a minute.
        """
        self.say("星图 pushes its leads, as every day")
        self._push(leads)
        self.say("overnight: 用户抖音号 (douyin_id) and eight tags appear, the UID stays")
        changed = self._change(leads)
        finding = self._notice_it(changed)
        self._answer(finding)
        self._look_back(changed, finding)
        return self.result

    def _change(self, leads: int) -> list[UUID]:
        world = self.simulator.world
        world.use_drift(DRIFT, after=len(world.star_clues))
        self._began_at = time.time()
        changed = self._push(leads // 4 or 1)
        seen = self._wait("an alert about the change", self._alert)
        self._tell("alert: " + str(seen["summary"]), at=seen["first_at"].timestamp())
        self.result.alert_after_s = self.result.timeline[-1][0]
        return changed + self._push(leads - len(changed))

    def _notice_it(self, changed: Sequence[UUID]) -> str:
        """Wait until all is loaded and seen; the finding that the question hangs on."""
        self._wait("the leads in their new form", lambda: self._are_loaded(changed))
        found = self._wait("the findings", self._findings)
        self.result.changed = len(changed)
        self.result.held = self._held()
        text = f"{len(changed)} leads came in the new form, {self.result.held} held"
        self._tell(f"{len(found)} findings; {text}; what is new is kept with each lead")
        return found["/douyin_id"]

    def _answer(self, finding: str) -> None:
        """What a person does: read the question, answer, publish, watch the replay."""
        gathered = gather(self.engine, self.keyring, self.settings, finding)
        proposal = gathered.proposal({})
        answers = dict.fromkeys(proposal.open_questions, "repoint")
        self.result.question = "; ".join(question.text for question in proposal.questions)
        self.result.answer = ", ".join(f"{name}={choice}" for name, choice in answers.items())
        self._tell(f"proposal; it asks: {self.result.question}")
        decision = Decision("demo", "用户抖音号 replaces the UID", answers)
        published = publish_proposal(self.engine, self.keyring, self.settings, gathered, decision)
        published_at = time.time()
        self._tell(f"answered {self.result.answer}, published {published.mapping}")
        self._wait("the replay", lambda: still_waiting(self.engine, published) == 0)
        self.result.replayed_after_s = time.time() - published_at
        self._tell(f"{published.waiting} leads mapped anew by themselves")

    def _look_back(self, changed: Sequence[UUID], finding: str) -> None:
        documents = self._documents(changed)
        self.result.missing = len(self.sent_at) - len(self._there(list(self.sent_at)))
        self.result.gained = sum(1 for one in documents if one.get("douyin_id") and one.get("ext"))
        with store_errors(), self.engine.begin() as conn:
            notices = notices_about(conn, finding)
        self.result.notice = str(notices[-1]["title"]) if notices else ""
        self._tell(
            f"{self.result.gained} leads have a douyin_id and tags; notice {self.result.notice}"
        )

    def _push(self, count: int) -> list[UUID]:
        url = f"{self.hub.url}/hooks/{STAR}/{self.hub.secrets[secret_env(STAR)]}"
        sender = PushSender(self.simulator.world, url, habits=Habits(at_once=16))
        leads = self.simulator.world.add_star_clues(count, every_s=0.0)
        asyncio.run(sender.send(leads, rate=_RATE))
        for lead in leads:
            ack = sender.acknowledged.get(lead.key)
            self.sent_at[self._id(lead)] = ack.sent_at.timestamp() if ack else 0.0
        return [self._id(lead) for lead in leads]

    def _id(self, lead: SimulatedStarClue) -> UUID:
        key = self.keyring.synthetic_id("douyin/star_clue", *lead.identity())
        return lead_id(_MERCHANT, STAR, "lead", key, 0)

    def _alert(self) -> sa.RowMapping | None:
        with store_errors(), self.engine.begin() as conn:
            found = open_alerts(conn, "drift:")
        return next((row for row in found if f"/{_ENTITY}" in row["summary"]), None)

    def _findings(self) -> dict[str, str] | None:
        """Pointer → id of what is open, None until all of it is."""
        with store_errors(), self.engine.begin() as conn:
            found = find_findings(conn, states=("open",), platform="douyin", entity=_ENTITY)
        return {one.pointer: one.id for one in found} if len(found) >= ADDED else None

    def _are_loaded(self, ids: Sequence[UUID]) -> bool:
        return len(self._there(ids)) == len(ids)

    def _there(self, ids: Sequence[UUID]) -> set[UUID]:
        with store_errors(), self.engine.begin() as conn:
            return reading.which_leads(conn, ids)

    def _held(self) -> int:
        with store_errors(), self.engine.begin() as conn:
            return sum(group.records for group in held_groups(conn).get(STAR, ()))

    def _documents(self, ids: Sequence[UUID]) -> list[Mapping[str, Any]]:
        with store_errors(), self.engine.begin() as conn:
            rows = [row for one in ids if (row := reading.get_lead(conn, one)) is not None]
        return [_json.decode(self.keyring.unseal(row["sealed"], row["id"].bytes)) for row in rows]

    def _tell(self, text: str, *, at: float | None = None) -> None:
        seconds = (at or time.time()) - self._began_at
        self.result.timeline.append((seconds, text))
        self.say(f"{seconds:6.2f} s  {text}")

    def _wait(self, what: str, look: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            dead = self.hub.dead()
            if dead is not None:
                raise TransientError(f"the demo's {dead} ended; see {self.hub.home / 'logs'}")
            time.sleep(_LOOK_EVERY_S)
        raise TransientError(f"the demo waited {_WITHIN_S:.0f} s for {what}")
