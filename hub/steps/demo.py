"""The demo: a simulated platform and a form send leads to a real hub, watched from outside."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import sqlalchemy as sa

from hub.connectors.douyin.simulator import Habits, PushSender, Simulator
from hub.crm import reading
from hub.database.engine import store_errors
from hub.errors import HubError, TransientError
from hub.inbox import counts
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.authorize import begin_authorization
from hub.steps.demo_hub import (
    ADS,
    FORM,
    FORM_SECRET_ENV,
    FORM_SOURCE,
    PUSH_SECRET_ENV,
    STAR,
    DemoHub,
)
from hub.steps.demo_story import FoundingStory, StoryResult
from hub.steps.grant import grant_of
from hub.steps.pull import pull_source
from hub.steps.verify import Verification, verify

_MERCHANT = "default"
_NAMES = ("张三", "李四", "王五", "赵六", "测试😀")
_WATCH_EVERY_S = 0.01
_STORY_LEADS = 60


@dataclass(slots=True)
class DemoResult:
    """What the demo saw: the check of the store, and seconds from sending to queryable."""

    verification: Verification
    waits_s: list[float]
    sent: int
    missing: int
    refused: int
    story: StoryResult

    @property
    def holds(self) -> bool:
        """Whether every lead that was acknowledged is there, both laws hold, and the story ended well."""
        lost = self.missing or self.refused
        return self.verification.holds and not lost and self.story.holds

    def percentile_ms(self, percent: int) -> float:
        """A percentile of sending → queryable, in milliseconds."""
        if len(self.waits_s) < 2:
            return 1000 * sum(self.waits_s)
        return 1000 * statistics.quantiles(self.waits_s, n=100, method="inclusive")[percent - 1]


@dataclass(slots=True)
class Watch:
    """Looks at the CRM from outside, and remembers when each lead was first seen there."""

    engine: sa.Engine
    seen: dict[UUID, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Look every ten milliseconds until `stop`."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        with self.engine.connect() as conn:
            while not self._stop.wait(_WATCH_EVERY_S):
                now = time.time()
                since = datetime.now(UTC) - timedelta(seconds=10)
                for lead in reading.loaded_since(conn, since):
                    self.seen.setdefault(lead, now)
                conn.rollback()


@dataclass(slots=True)
class Demo:
    """One run. `say` is told of each phase, `step` of each lead that was sent."""

    hub: DemoHub
    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings
    simulator: Simulator
    leads: int
    say: Callable[[str], None]
    step: Callable[[int], None]
    sent_at: dict[UUID, float] = field(default_factory=dict)
    refused: int = 0

    def play(self) -> DemoResult:
        """Send leads by webhook, form and pull; wait until they are loaded; check everything."""
        watch = Watch(self.engine)
        watch.start()
        try:
            pushed, formed, starred = self._shares()
            self._make(pushed, starred)
            self.say("webhook: the platform pushes, with duplicates, lost answers and reordering")
            asyncio.run(self._push())
            self.say("web form: visitors leave their number")
            self._fill_forms(formed)
            self.say("pull: authorise in the browser, then pull both accounts")
            self._authorize()
            asyncio.run(self._pull())
            self.say("waiting until everything is loaded")
            self._settle()
            story = self._tell_the_story()
            self._settle()
        finally:
            watch.stop()
        found = verify(self.engine, self.keyring, spool=self.hub.home / "spool", deep=True)
        waits = [watch.seen[lead] - at for lead, at in self.sent_at.items() if lead in watch.seen]
        missing = self._missing()
        return DemoResult(found, waits, len(self.sent_at), missing, self.refused, story)

    def _tell_the_story(self) -> StoryResult:
        story = FoundingStory(
            self.hub, self.engine, self.keyring, self.settings, self.simulator, self.say
        )
        told = story.play(max(_STORY_LEADS, self.leads // 5))
        self.sent_at |= story.sent_at
        return told

    def _shares(self) -> tuple[int, int, int]:
        starred = max(1, self.leads // 10)
        formed = max(1, self.leads * 3 // 10)
        return max(1, self.leads - starred - formed), formed, starred

    def _make(self, pushed: int, starred: int) -> None:
        """The platform's day so far: leads of the last hours, as its lists will show them."""
        now = datetime.now(UTC)
        self.simulator.world.add_clues(
            pushed, created_at=now - timedelta(hours=6), every_s=6 * 3600 / (pushed + 1)
        )
        self.simulator.world.add_star_clues(
            starred, created_at=now - timedelta(hours=6), every_s=6 * 3600 / (starred + 1)
        )

    async def _push(self) -> None:
        url = f"{self.hub.url}/hooks/{ADS}/{self.hub.secrets[PUSH_SECRET_ENV]}"
        habits = Habits(duplicate_share=0.05, lost_ack_share=0.02, reorder_within=5, at_once=16)
        sender = PushSender(self.simulator.world, url, habits=habits)
        report = await sender.send(self.simulator.clues, rate=200)
        self.refused += len(report.given_up)
        for clue_id, ack in sender.acknowledged.items():
            lead = lead_id(_MERCHANT, ADS, "lead", clue_id, 0)
            self.sent_at[lead] = ack.sent_at.timestamp()
        self.step(len(sender.acknowledged))

    def _fill_forms(self, count: int) -> None:
        chance = random.Random(20260217)  # noqa: S311 -- invented visitors, the same each time
        with httpx.Client(timeout=10, headers={"origin": self.hub.url}) as client:
            for number in range(count):
                submission = f"demo-{number:06d}"
                body = self._form(submission, number, chance)
                sent = time.time()
                answer = client.post(f"{self.hub.url}/forms/{FORM}", json=body)
                if answer.is_success:
                    self.sent_at[lead_id(_MERCHANT, FORM_SOURCE, "lead", submission, 0)] = sent
                else:
                    self.refused += 1
                self.step(1)

    def _form(self, submission: str, number: int, chance: random.Random) -> dict[str, object]:
        """A visitor's form as hub.js posts it, a while after the page was opened."""
        at = datetime.now(UTC)
        opened = f"{FORM}|{int(at.timestamp()) - chance.randrange(10, 600)}"
        secret = self.hub.secrets[FORM_SECRET_ENV].encode()
        touch = {
            "utm_source": chance.choice(["baidu", "douyin", "wechat"]),
            "utm_medium": "cpc",
            "utm_campaign": "demo_2026q4",
            "landing_url": f"{self.hub.url}/landing?utm_source=baidu",
            "ts": at.isoformat(),
        }
        return {
            "form_id": FORM,
            "submission_id": submission,
            "fields": {
                "name": chance.choice(_NAMES),
                # a fifth of the visitors have also left their number on the platform
                "mobile": f"1990000{chance.randrange(2000) if number % 5 else number % 100:04d}",
                "remark": "想了解价格",
            },
            "consent": {"privacy": True, "version": "2026-09"},
            "first_touch": touch,
            "last_touch": touch,
            "trap": {
                "t": opened,
                "sig": hmac.digest(secret, opened.encode(), "sha256").hex(),
            },
        }

    def _authorize(self) -> None:
        """Walk through the platform's consent page, as a person's browser does."""
        with httpx.Client(follow_redirects=True, timeout=30) as browser:
            grant = grant_of(self.engine, self.keyring, self.settings, ADS)
            url = begin_authorization(grant, self.settings, now=datetime.now(UTC))
            if not browser.get(url).is_success:
                raise HubError("the demo's platform did not authorise the hub")

    async def _pull(self) -> None:
        for source in (ADS, STAR):
            await pull_source(
                self.engine, self.keyring, self.settings, source, now=datetime.now(UTC)
            )
        for clue in self.simulator.clues:
            self.sent_at.setdefault(lead_id(_MERCHANT, ADS, "lead", clue.clue_id, 0), time.time())

    def _settle(self, within_s: float = 120.0) -> None:
        deadline = time.monotonic() + within_s
        while True:
            with store_errors(), self.engine.begin() as conn:
                if not counts.is_queue_filled(conn):
                    return
            dead = self.hub.dead()
            if dead is not None:
                raise HubError(f"the demo's {dead} ended; see {self.hub.home / 'logs'}")
            if time.monotonic() > deadline:
                raise TransientError("the demo's queue did not empty within two minutes")
            time.sleep(0.05)

    def _missing(self) -> int:
        """Leads that were acknowledged to a sender and are neither in the CRM nor held with a reason."""
        with store_errors(), self.engine.begin() as conn:
            there = reading.which_leads(conn, list(self.sent_at))
        return len(set(self.sent_at) - there)


def digest_secret(seed: str) -> str:
    """A secret for a demo, the same for the same seed."""
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


def percentiles(result: DemoResult) -> Sequence[tuple[str, float]]:
    """p50, p95 and p99 of sending → queryable, in milliseconds."""
    return [(f"p{p}", result.percentile_ms(p)) for p in (50, 95, 99)]
