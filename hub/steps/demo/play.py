"""The demo: simulated platforms, forms and a file send leads to a real hub, all side by side, watched from outside."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from uuid import UUID

import httpx
import sqlalchemy as sa

from hub.crm import reading
from hub.database.engine import driver, store_errors
from hub.errors import HubError, TransientError
from hub.inbox import counts
from hub.inbox.held_groups import held_groups
from hub.inbox.waiting import what_waits
from hub.privacy.keyring import KeyRing
from hub.registry.files import schema_files
from hub.settings import HubSettings
from hub.steps.demo.hub import ADS, MEITUAN, STAR, DemoHub, secret_env
from hub.steps.demo.money import Money, count_money
from hub.steps.demo.rows import SourceRow, percentile_ms, source_row
from hub.steps.demo.senders import Line, note_pulled
from hub.steps.demo.source import DemoSource
from hub.steps.demo.sources import Platforms
from hub.steps.demo.story import FoundingStory, StoryResult
from hub.steps.publish import check_named, publish_checked
from hub.steps.sources.authorize import begin_authorization
from hub.steps.sources.grant import grant_of
from hub.steps.sources.pull import pull_source
from hub.steps.verify import Verification, verify

_WATCH_EVERY_S = 0.01
_SETTLE_S, _LOOK_EVERY_S = 120.0, 0.05
_STORY_LEADS = 60


@dataclass(slots=True)
class DemoResult:
    """What the demo saw: the check of the store, each source, seconds from sending to queryable.

    `recorded` is how many messages of a platform that nobody knew were held until a mapping was published.
    """

    verification: Verification
    rows: list[SourceRow]
    waits_s: list[float]
    recorded: int
    story: StoryResult
    money: Money

    @property
    def holds(self) -> bool:
        """Whether every source's list is accounted for, both laws hold, the story ended well and the money agrees."""
        sources = all(row.holds for row in self.rows)
        return self.verification.holds and sources and self.story.holds and self.money.holds

    @property
    def sent(self) -> int:
        """What all sources sent."""
        return sum(row.sent for row in self.rows)

    @property
    def missing(self) -> int:
        """What was acknowledged and is neither a lead nor held."""
        return sum(row.missing for row in self.rows)

    @property
    def refused(self) -> int:
        """What nobody took."""
        return sum(row.refused for row in self.rows)

    def percentile_ms(self, percent: int) -> float:
        """A percentile of sending → queryable, in milliseconds."""
        return percentile_ms(self.waits_s, percent)


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
    platforms: Platforms
    sources: Sequence[DemoSource]
    books: Sequence[DemoSource]
    leads: int
    say: Callable[[str], None]
    step: Callable[[int], None]
    lines: dict[str, Line] = field(default_factory=dict)

    def play(self) -> DemoResult:
        """Every source sends, those with lists are pulled; wait until all is loaded; check everything."""
        watch = Watch(self.engine)
        watch.start()
        try:
            self.lines = {source.key: self._line(source) for source in self.sources}
            self.say(
                f"{len(self.sources)} sources send side by side, with duplicates and lost answers"
            )
            asyncio.run(self._send())
            self.say("pull: authorise in the browser, then ask every platform that has lists")
            self._authorize()
            asyncio.run(self._pull())
            self.say("waiting until everything is asked about and loaded")
            self._settle()
            recorded = self._publish_first_contact()
            story = self._tell_the_story()
            self.say(
                "a month of money: ledger, CRM, office, e签宝 and 金蝶 tell of the same contracts"
            )
            asyncio.run(self._tell_of_money())
            self._settle()
        finally:
            watch.stop()
        money = count_money(self.engine, self.keyring, self.settings)
        found = verify(self.engine, self.keyring, spool=self.hub.home / "spool", deep=True)
        return DemoResult(found, self._rows(watch), self._waits(watch), recorded, story, money)

    def _line(self, source: DemoSource) -> Line:
        secret = self.hub.secrets.get(secret_env(source.key), "")
        tail = f"/{secret}" if source.has_secret_path else ""
        return Line(
            source.source_key,
            f"{self.hub.url}{source.path}{tail}",
            secret,
            self.engine,
            self.keyring,
            self.settings,
            self.hub.home,
            self.step,
        )

    async def _send(self) -> None:
        await asyncio.gather(
            *(one.send(self.lines[one.key], one.lead_count(self.leads)) for one in self.sources)
        )

    async def _tell_of_money(self) -> None:
        await asyncio.gather(*(one.send(self._line(one), 0) for one in self.books))

    def _authorize(self) -> None:
        """Walk through the platform's consent page, as a person's browser does."""
        with httpx.Client(follow_redirects=True, timeout=30) as browser:
            grant = grant_of(self.engine, self.keyring, self.settings, ADS)
            url = begin_authorization(grant, self.settings, now=datetime.now(UTC))
            if not browser.get(url).is_success:
                raise HubError("the demo's platform did not authorise the hub")

    async def _pull(self) -> None:
        for source in self.sources:
            if source.listed is None:
                continue
            line, began_at = self.lines[source.key], time.time()
            pulled = await pull_source(
                self.engine, self.keyring, self.settings, source.key, now=datetime.now(UTC)
            )
            pulled.raise_for_failure()
            note_pulled(line, source.listed(line), pulled.figures()["ids"], began_at)

    def _publish_first_contact(self) -> int:
        """A person has looked at what was recorded, written a mapping and publishes it; how much was held."""
        recorded = self._held(MEITUAN)
        self.say(
            f"美团: {recorded} messages of a shape nobody knew were kept; a mapping is published"
        )
        example = str(files("hub.connectors.meituan").joinpath("example.yaml"))
        checked = check_named(schema_files(self.settings), example)
        publish_checked(
            self.engine, checked, merchant="", published_by="demo", reason="first contact"
        )
        self._wait("美团's messages to be mapped", lambda: not self._held(MEITUAN))
        return recorded

    def _tell_the_story(self) -> StoryResult:
        simulator = self.platforms.douyin
        story = FoundingStory(
            self.hub, self.engine, self.keyring, self.settings, simulator, self.say
        )
        told = story.play(max(_STORY_LEADS, self.leads // 5))
        sent = self.lines[STAR].sent
        sent.leads |= story.sent_at
        sent.listed += len(story.sent_at)
        sent.acknowledged += sum(at > 0 for at in story.sent_at.values())
        return told

    def _rows(self, watch: Watch) -> list[SourceRow]:
        return [
            source_row(self.engine, self.keyring, one, self.lines[one.key].sent, watch.seen)
            for one in self.sources
        ]

    def _waits(self, watch: Watch) -> list[float]:
        """Of leads that were pushed with all that they need: nothing but the hub took time."""
        sent = {
            lead: at
            for one in self.sources
            if one.is_direct
            for lead, at in self.lines[one.key].sent.leads.items()
        }
        return [watch.seen[lead] - at for lead, at in sent.items() if lead in watch.seen]

    def _settle(self) -> None:
        self._wait("its queue to empty", self._is_settled)

    def _is_settled(self) -> bool:
        with store_errors(), self.engine.begin() as conn:
            return not counts.is_queue_filled(conn) and not what_waits(driver(conn))

    def _held(self, source_key: str) -> int:
        with store_errors(), self.engine.begin() as conn:
            return sum(group.records for group in held_groups(conn).get(source_key, ()))

    def _wait(self, what: str, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SETTLE_S
        while not is_done():
            dead = self.hub.dead()
            if dead is not None:
                raise HubError(f"the demo's {dead} ended; see {self.hub.home / 'logs'}")
            if time.monotonic() > deadline:
                raise TransientError(f"the demo waited two minutes for {what}")
            time.sleep(_LOOK_EVERY_S)


def percentiles(result: DemoResult) -> Sequence[tuple[str, float]]:
    """p50, p95 and p99 of sending → queryable, in milliseconds."""
    return [(f"p{p}", result.percentile_ms(p)) for p in (50, 95, 99)]
