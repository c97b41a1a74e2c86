"""WeCom from the encrypted event to the lead: asked about, three members one lead, lost events found by pull."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.connectors.wecom.simulator import Habits, PushSender, Simulator
from hub.privacy.keyring import KeyRing
from hub.receiver.app import ReceiverSetup, create_app
from hub.settings import HubSettings
from hub.steps.load import Loader
from hub.steps.resolve import Resolver
from hub.steps.sources.pull import PullOptions, pull_source
from hub.steps.verify import verify
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
SECRET, TOKEN = "HUB_TEST_WECOM_SECRET", "HUB_TEST_WECOM_TOKEN"
BAD_LINE = Habits(
    duplicate_share=0.2,
    lost_ack_share=0.2,
    reorder_within=8,
    retry_after_s=(0.0, 0.0),
    at_once=4,
    timeout_s=30.0,
)


def a_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=30.0, trust_env=False)


@dataclass
class Corp:
    """A hub, and the corp whose events it takes."""

    setup: ReceiverSetup
    engine: sa.Engine
    simulator: Simulator
    settings: HubSettings

    def push(self, story: Callable[[PushSender], Awaitable[Any]], **constants: str) -> Any:
        """What a story gives that is told to a sender while the receiver runs."""

        async def whole() -> Any:
            app = create_app(self.setup)
            async with app.router.lifespan_context(app):
                sender = PushSender(
                    self.simulator.world,
                    "http://hub/hooks/wecom",
                    constants=constants,
                    habits=BAD_LINE,
                    transport=httpx.ASGITransport(app=app),
                )
                return await story(sender)

        return asyncio.run(whole())

    def load(self) -> None:
        loader = Loader(self.engine, self.setup.keyring, self.settings, clock=self.setup.clock)
        try:
            loader.drain()
        finally:
            loader.close()

    def resolve(self) -> None:
        resolver = Resolver(
            self.engine, self.setup.keyring, self.settings, clock=self.setup.clock, http=a_client
        )
        for _ in range(5):
            asyncio.run(resolver.run_once())
        self.load()

    def pull(self) -> dict[str, int]:
        now = self.setup.clock()
        options = PullOptions(client_factory=a_client)
        found = asyncio.run(
            pull_source(
                self.engine, self.setup.keyring, self.settings, "wecom", now=now, options=options
            )
        )
        self.load()
        return found.figures()

    def outcomes(self) -> dict[str, int]:
        law = verify(self.engine, self.setup.keyring, deep=True).record_law
        assert law.is_balanced
        return {name: n for name, n in law.totals().items() if n and name != "records"}

    def docs(self) -> dict[str, dict[str, Any]]:
        """The leads, by external user id."""
        with self.engine.begin() as conn:
            rows = conn.execute(sa.text("SELECT id, sealed FROM crm.lead")).all()
        keyring = self.setup.keyring
        docs = [json.loads(keyring.unseal(row.sealed, row.id.bytes)) for row in rows]
        return {doc["wecom_external_userid"]: doc for doc in docs}

    def relations(self) -> int:
        statement = "SELECT count(*) FROM crm.interaction WHERE kind = 'relation_started'"
        with self.engine.begin() as conn:
            return int(conn.execute(sa.text(statement)).scalar_one())


@pytest.fixture
def corp(
    engine: sa.Engine,
    database_url: str,
    keyring: KeyRing,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Corp]:
    with Simulator(7, clock=clock) as simulator:
        for name, value in simulator.environment(SECRET).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(TOKEN, simulator.world.app_secret)
        source = {
            "platform": "wecom",
            "push": "event_push",
            "pulls": ["customers"],
            "signature": {"scheme": "sorted_values_sha1", "secret_env": TOKEN},
            "options": simulator.options(SECRET),
        }
        settings = HubSettings.model_validate({"sources": {"wecom": source}})
        setup = ReceiverSetup(
            settings, keyring, database_url, tmp_path / "spool", "r1", clock=clock
        )
        yield Corp(setup, engine, simulator, settings)


def test_the_set_up_page_is_answered_and_leaves_nothing_behind(corp: Corp) -> None:
    assert corp.push(lambda sender: sender.challenge())
    assert not corp.push(lambda sender: sender.challenge(), token="another")
    corp.load()

    assert corp.outcomes() == {}


def test_every_acknowledged_event_is_asked_about_and_customers_are_leads(corp: Corp) -> None:
    relations = corp.simulator.world.add_clues(40, every_s=1.0)

    report = corp.push(lambda sender: sender.send(relations))
    corp.load()
    waiting = corp.outcomes()
    corp.resolve()

    assert (report.acknowledged, report.given_up) == (40, [])
    assert min(report.retries, report.duplicates) > 0
    # Each repetition is encrypted anew, and is the same delivery all the same.
    assert waiting == {"waiting": 40}
    docs = corp.docs()
    assert set(docs) == {one.external_userid for one in relations}
    assert len(docs) < 40
    assert corp.relations() == 40
    for one in relations:
        doc = docs[one.external_userid]
        assert doc["name"] == one.name
        assert doc.get("mobile_e164") == (f"+86{one.mobile}" if one.mobile else None)
        assert doc["campaign_id"] in ("bd_sem_01", "fair_2026", "shop_qr_7")
        assert one.userid in doc["platform_state"]["members"]
    assert sum(corp.outcomes().values()) == 40


def test_a_customer_who_left_meanwhile_is_a_lead_with_his_channel(corp: Corp) -> None:
    (relation,) = corp.simulator.world.add_clues(1)
    corp.simulator.world.leave(relation.external_userid)
    corp.push(lambda sender: sender.send([relation]))
    corp.load()
    corp.resolve()

    (doc,) = corp.docs().values()
    assert (doc["campaign_id"], doc["platform_state"]["gone"]) == (relation.state, True)
    assert "name" not in doc


def test_a_token_that_dies_early_and_a_busy_platform_cost_nothing(corp: Corp) -> None:
    world = corp.simulator.world
    relations = world.add_clues(3, every_s=1.0)
    corp.push(lambda sender: sender.send(relations[:1]))
    corp.load()
    corp.resolve()
    world.expire_token()
    corp.push(lambda sender: sender.send(relations[1:]))
    corp.load()
    corp.resolve()

    assert {doc["name"] for doc in corp.docs().values()} == {one.name for one in relations}
    assert 42001 in [call.code for call in corp.simulator.calls]


def test_what_the_events_lost_is_found_by_the_pull(corp: Corp) -> None:
    relations = corp.simulator.world.add_clues(30, every_s=1.0)
    corp.push(lambda sender: sender.send(relations[:20]))
    corp.load()
    corp.resolve()
    known = set(corp.docs())

    figures = corp.pull()

    docs = corp.docs()
    assert known < set(docs) == {one.external_userid for one in relations}
    assert figures["ids"] == 30
    assert corp.relations() == 30
    assert corp.pull()["stored_pages"] <= 1  # the page of the first pull, which shows the same


def test_an_ended_relation_and_a_notice_are_no_leads(corp: Corp) -> None:
    base = {"ToUserName": corp.simulator.world.corp_id, "CreateTime": "1771300800"}
    contact = {**base, "Event": "change_external_contact", "UserID": "lisi"}
    events = [
        {**contact, "ChangeType": "del_follow_user", "ExternalUserID": "wmDEMO1"},
        {**base, "Event": "customer_acquisition", "ChangeType": "balance_exhausted"},
        {**base, "Event": "teleported"},
    ]

    async def story(sender: PushSender) -> list[int]:
        return [await sender.send_event(event) for event in events]

    assert corp.push(story) == [200, 200, 200]
    corp.load()

    assert corp.docs() == {}
    assert corp.outcomes() == {"not_a_lead": 3}


def test_a_notice_of_the_platform_is_an_alert_until_its_contrary(corp: Corp) -> None:
    base = {"ToUserName": corp.simulator.world.corp_id, "Event": "customer_acquisition"}

    def told(change: str, at: str) -> list[tuple[str, str]]:
        event = {**base, "CreateTime": at, "ChangeType": change}
        corp.push(lambda sender: sender.send_event(event))
        corp.load()
        with corp.engine.begin() as conn:
            return [(row["dedupe_key"], row["severity"]) for row in open_alerts(conn)]

    assert told("balance_exhausted", "1771300800") == [
        ("notice:wecom:balance_exhausted", "critical")
    ]
    assert told("balance_increased", "1771300900") == []


def test_with_a_wrong_token_the_platform_gives_up_and_nothing_is_loaded(corp: Corp) -> None:
    relations = corp.simulator.world.add_clues(1)
    report = corp.push(lambda sender: sender.send(relations), token="another")
    corp.load()

    assert (report.given_up, report.attempts) == ([relations[0].key], 3)
    assert corp.outcomes() == {}
