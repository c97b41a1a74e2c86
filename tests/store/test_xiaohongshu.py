"""Xiaohongshu from the signed push to the lead: lost acknowledgements, repetitions, any order, one lead each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from hub.connectors.xiaohongshu.simulator import Habits, PushSender, World
from hub.privacy.keyring import KeyRing
from hub.receiver.app import ReceiverSetup, create_app
from hub.settings import HubSettings
from hub.steps.load import Loader
from hub.steps.verify import verify
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
SIGNED = {
    "scheme": "hmac_sha1",
    "header": "X-Red-Signature",
    "prefix": "sha1=",
    "secret_env": "HUB_TEST_XHS",
}
SETTINGS = HubSettings.model_validate(
    {
        "sources": {
            "form": {"platform": "xiaohongshu", "push": "form_push", "signature": SIGNED},
            "dm": {"platform": "xiaohongshu", "push": "dm_push", "signature": SIGNED},
        }
    }
)
BAD_LINE = Habits(
    duplicate_share=0.2,
    lost_ack_share=0.2,
    reorder_within=8,
    restamp=True,
    retry_after_s=(0.0, 0.0, 0.0),
    at_once=4,
    timeout_s=30.0,
)


@dataclass
class Hub:
    """A receiver, a loader and a world that pushes."""

    setup: ReceiverSetup
    engine: sa.Engine
    world: World
    constants: dict[str, str] = field(default_factory=dict)

    def push(self, source: str, story: Callable[[PushSender], Awaitable[Any]]) -> Any:
        """What a story gives that is told to a sender while the receiver runs."""

        async def whole() -> Any:
            app = create_app(self.setup)
            async with app.router.lifespan_context(app):
                sender = PushSender(
                    self.world,
                    f"http://hub/hooks/{source}",
                    constants=self.constants,
                    habits=BAD_LINE,
                    transport=httpx.ASGITransport(app=app),
                )
                return await story(sender)

        return asyncio.run(whole())

    def load(self) -> None:
        loader = Loader(self.engine, self.setup.keyring, SETTINGS, clock=self.setup.clock)
        try:
            loader.drain()
        finally:
            loader.close()

    def outcomes(self) -> dict[str, int]:
        law = verify(self.engine, self.setup.keyring, deep=True).record_law
        return {name: n for name, n in law.totals().items() if n and name != "records"}

    def docs(self) -> list[dict[str, Any]]:
        with self.engine.begin() as conn:
            rows = conn.execute(sa.text("SELECT id, sealed FROM crm.lead")).all()
        keyring = self.setup.keyring
        return [json.loads(keyring.unseal(row.sealed, row.id.bytes)) for row in rows]


@pytest.fixture
def hub(
    engine: sa.Engine,
    database_url: str,
    keyring: KeyRing,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Hub:
    world = World(7, clock=clock)
    monkeypatch.setenv("HUB_TEST_XHS", world.app_secret)
    setup = ReceiverSetup(SETTINGS, keyring, database_url, tmp_path / "spool", "r1", clock=clock)
    return Hub(setup, engine, world)


def test_every_acknowledged_form_is_one_lead(hub: Hub) -> None:
    leads = hub.world.add_clues(40, every_s=1.0)

    report = hub.push("form", lambda sender: sender.send(leads))
    hub.load()

    assert (report.acknowledged, report.given_up) == (40, [])
    assert report.retries > 0
    assert report.duplicates > 0
    docs = hub.docs()
    assert sorted(doc["mobile_e164"] for doc in docs) == sorted(f"+86{c.mobile}" for c in leads)
    assert sorted(doc["name"] for doc in docs) == sorted(c.name for c in leads)
    assert all(doc["product_interest"] for doc in docs)
    outcomes = hub.outcomes()
    assert outcomes.pop("loaded") == 40
    assert outcomes.keys() == {"unchanged"}  # a repetition with a stamp of its own


def test_a_direct_message_in_three_parts_is_one_lead_with_all_of_them(hub: Hub) -> None:
    leads = hub.world.add_star_clues(20, every_s=1.0)

    report = hub.push("dm", lambda sender: sender.send(leads))
    hub.load()

    assert (report.acknowledged, report.given_up) == (20, [])
    docs = hub.docs()
    assert len(docs) == 20
    assert sorted(doc["mobile_e164"] for doc in docs) == sorted(f"+86{c.mobile}" for c in leads)
    assert all(doc["campaign_id"] and doc["ext"]["nick_name"] for doc in docs)


def test_the_set_up_pages_test_is_answered_with_200_and_is_no_lead(hub: Hub) -> None:
    status = hub.push("form", lambda sender: sender.send_test())
    hub.load()

    assert status == 200
    assert hub.docs() == []
    assert hub.outcomes() == {"not_a_lead": 1}


def test_with_a_wrong_token_the_platform_gives_up_after_three_more_tries(hub: Hub) -> None:
    hub.constants["token"] = "another"
    leads = hub.world.add_clues(1)

    report = hub.push("form", lambda sender: sender.send(leads))
    hub.load()

    assert report.given_up == [leads[0].key]
    assert (report.attempts, report.refused) == (4, 4)
    assert hub.docs() == []
