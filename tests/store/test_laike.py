"""本地推 and 来客 against the simulated platform: pulled, decrypted under a quota, loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.base import Page
from hub.connectors.douyin.laike import PATH as LAIKE_PATH
from hub.connectors.douyin.local import PATH as LIFE_PATH
from hub.connectors.douyin.simulator import Behaviour, Simulator
from hub.errors import AuthorizationLostError, PlatformRejectedError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, PullSettings, SourceSettings
from hub.steps.resolve import Resolver
from hub.steps.sources.authorize import finish_authorization, granted_accounts
from hub.steps.sources.grant import grant_of
from hub.steps.sources.pull import PullOptions, PullResult, pull_source
from tests.conftest import FakeClock
from tests.store.test_load import Hub

pytestmark = pytest.mark.postgres
APP_ENV, CLIENT_ENV = "HUB_TEST_DOUYIN_SECRET", "HUB_TEST_LAIKE_SECRET"
QUICK = {
    "retry_budget_s": 0,
    "account_qps": 1000,
    "developer_qps": 1000,
    "laike_per_minute": 10_000,
}


class StoppedError(Exception):
    """The process dies here."""


class Story:
    """A hub with a source for each of the two, its loader and its resolver, beside the platform."""

    def __init__(
        self, engine: sa.Engine, keyring: KeyRing, simulator: Simulator, clock: FakeClock
    ) -> None:
        self.simulator, self.world, self.clock = simulator, simulator.world, clock
        self.hub = Hub(engine, keyring, HubSettings(), now=clock())
        self.configure()

    def configure(self, **options: Any) -> Story:
        pull = PullSettings(page_size=10)
        sources = {
            "life": SourceSettings(
                platform="douyin",
                pulls=("life_clue",),
                pull=pull,
                options={**self.simulator.options(APP_ENV), **QUICK},
            ),
            "laike": SourceSettings(
                platform="douyin",
                pulls=("laike_clue",),
                pull=pull,
                options={**self.simulator.laike_options(CLIENT_ENV), **QUICK, **options},
            ),
        }
        self.hub.settings = HubSettings(sources=sources)
        self.loader = self.hub.loader()
        return self

    def authorize(self) -> Story:
        grant = grant_of(self.hub.engine, self.hub.keyring, self.hub.settings, "life")
        finish_authorization(grant, code=self.world.new_code(), now=self.clock())
        return self

    def pull(self, source_key: str, options: PullOptions | None = None) -> PullResult:
        hub = self.hub
        return asyncio.run(
            pull_source(
                hub.engine,
                hub.keyring,
                hub.settings,
                source_key,
                now=self.clock(),
                options=options or PullOptions(),
            )
        )

    def load(self) -> None:
        self.hub.now = self.clock()
        self.loader.drain()

    def resolve(self) -> dict[str, int]:
        hub = self.hub
        resolver = Resolver(hub.engine, hub.keyring, hub.settings, clock=self.clock)
        done = dict(asyncio.run(resolver.run_once()))
        self.load()
        return done

    def docs(self) -> list[dict[str, Any]]:
        return list(self.hub.lead_docs().values())

    def mobiles(self) -> set[str]:
        return {doc["mobile_e164"] for doc in self.docs() if "mobile_e164" in doc}

    def alerts(self) -> list[str]:
        with self.hub.engine.begin() as conn:
            return list(conn.scalars(sa.text("SELECT dedupe_key FROM alerts.alert")))

    def asked(self, path: str) -> int:
        return sum(call.path == path for call in self.simulator.calls)


@pytest.fixture
def story(
    engine: sa.Engine, keyring: KeyRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Story]:
    with Simulator(seed=5, clock=clock) as simulator:
        monkeypatch.setenv(APP_ENV, simulator.world.app_secret)
        monkeypatch.setenv(CLIENT_ENV, simulator.world.local.client_secret)
        made = Story(engine, keyring, simulator, clock)
        yield made
        for loader in made.hub.loaders:
            loader.close()


def e164(clues: Any) -> set[str]:
    return {f"+86{clue.telephone}" for clue in clues}


def an_hour_ago(story: Story) -> Any:
    return story.clock() - timedelta(hours=1)


def test_every_lead_of_a_local_account_is_loaded(story: Story) -> None:
    story.authorize()
    story.world.local.add_life_clues(25, created_at=an_hour_ago(story), every_s=60)

    result = story.pull("life")
    story.load()

    assert result.figures()["ids"] == 25
    assert story.mobiles() == e164(story.world.local.life_clues)
    assert story.asked(LIFE_PATH) == 3
    docs = story.docs()
    assert all("region_derived" in doc["marks"] for doc in docs)
    assert any(doc["platform_state"].get("order_status") == "支付成功" for doc in docs)


def test_local_leads_that_appear_while_paging_push_none_out(story: Story) -> None:
    story.authorize()
    story.world.local.add_life_clues(30, created_at=an_hour_ago(story), every_s=60)
    story.world.behaviour = Behaviour(clues_per_call=3)
    story.pull("life")
    story.world.behaviour = Behaviour()
    story.clock.advance(300)

    story.pull("life")
    story.load()

    assert story.mobiles() == e164(story.world.local.life_clues)


def test_a_refund_masks_the_phone_and_takes_away_no_identity_that_was_known(story: Story) -> None:
    story.authorize()
    (clue,) = story.world.local.add_life_clues(1, created_at=an_hour_ago(story))
    story.world.local.refund(0)

    story.pull("life")
    story.load()

    (doc,) = story.docs()
    assert doc["phones"] == [
        {"value": f"{clue.telephone[:3]}****{clue.telephone[-4:]}", "kind": "masked"}
    ]
    assert "mobile_e164" not in doc
    assert doc["platform_state"]["order_status"] == "交易关闭"


def test_leads_of_laike_are_pulled_without_a_person_and_end_ten_minutes_back(story: Story) -> None:
    local = story.world.local
    old = local.add_laike_clues(25, created_at=an_hour_ago(story), every_s=60)
    local.add_laike_clues(3, created_at=story.clock() - timedelta(minutes=5))

    story.pull("laike")
    story.load()
    assert story.mobiles() == e164(old)

    story.clock.advance(600)
    story.pull("laike")
    story.load()
    assert story.mobiles() == e164(local.laike_clues)


@pytest.mark.parametrize("code_in", ["data", "extra", "both"])
def test_a_client_token_that_expires_is_asked_for_again(story: Story, code_in: Any) -> None:
    local = story.world.local
    story.world.behaviour = Behaviour(laike_code_in=code_in)
    local.add_laike_clues(5, created_at=an_hour_ago(story))
    story.pull("laike")
    local.expire_tokens()
    local.add_laike_clues(5, created_at=story.clock() - timedelta(minutes=15))

    story.pull("laike")
    story.load()

    assert story.mobiles() == e164(local.laike_clues)


def test_a_wrong_secret_is_a_lost_grant_and_the_platform_is_left_alone(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CLIENT_ENV, "another secret")
    with pytest.raises(AuthorizationLostError):
        story.pull("laike")
    calls = len(story.simulator.calls)
    with pytest.raises(AuthorizationLostError):
        story.pull("laike")

    assert len(story.simulator.calls) == calls
    assert story.alerts() == ["grant-lost:laike"]


def test_a_window_near_the_cap_is_halved_and_nothing_is_cut(story: Story) -> None:
    local = story.world.local
    story.world.behaviour = Behaviour(laike_cap=50)
    story.configure(laike_window_max=40)
    local.add_laike_clues(200, created_at=story.clock() - timedelta(days=2), every_s=600)

    story.pull("laike")
    story.load()

    assert story.mobiles() == e164(local.laike_clues)


def test_a_second_with_more_than_the_cap_is_said(story: Story) -> None:
    local = story.world.local
    story.world.behaviour = Behaviour(laike_cap=50)
    story.configure(laike_window_max=40)
    local.add_laike_clues(60, created_at=an_hour_ago(story))
    local.add_laike_clues(5, created_at=story.clock() - timedelta(minutes=20))

    with pytest.raises(PlatformRejectedError) as caught:
        story.pull("laike")
    story.load()

    assert caught.value.code == "window_full"
    assert story.alerts() == ["pull-refused:laike:laike_clue:window_full"]
    assert len(story.docs()) == 55  # as far as it goes, and the rest


def test_a_pull_that_dies_in_a_halved_window_is_resumed_without_loss(story: Story) -> None:
    local = story.world.local
    story.world.behaviour = Behaviour(laike_cap=50)
    story.configure(laike_window_max=40)
    local.add_laike_clues(120, created_at=story.clock() - timedelta(days=2), every_s=600)
    met: list[Page] = []

    def stop(stream: str, page: Page) -> None:
        met.append(page)
        if len(met) == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        story.pull("laike", PullOptions(on_page=stop))
    story.clock.advance(60)
    story.pull("laike")
    story.load()

    assert story.mobiles() == e164(local.laike_clues)


def test_encrypted_phones_are_read_within_the_quota_and_the_rest_tomorrow(story: Story) -> None:
    local = story.world.local
    story.configure(decrypt_per_day=3)
    local.add_laike_clues(5, created_at=an_hour_ago(story), every_s=60, encrypted="online")
    story.pull("laike")
    story.load()
    assert story.hub.outcomes() == {"waiting": 5}

    assert story.resolve() == {"queued": 5}
    assert len(story.docs()) == 5  # nobody waits for tomorrow
    assert len(story.mobiles()) == 3
    assert sum(local.decrypted.values()) == 3

    story.clock.advance(5 * 3600)
    story.resolve()
    assert story.mobiles() == e164(local.laike_clues)
    assert story.hub.verify().record_law.is_balanced


def test_a_quota_that_the_platform_counts_is_met_by_masks(story: Story) -> None:
    local = story.world.local
    story.world.behaviour = Behaviour(decrypt_quota=2)
    local.add_laike_clues(4, created_at=an_hour_ago(story), every_s=60, encrypted="online")
    story.pull("laike")
    story.load()

    story.resolve()

    assert len(story.docs()) == 4
    assert len(story.mobiles()) == 2


def test_phones_that_the_secret_encrypts_cost_no_call(story: Story) -> None:
    local = story.world.local
    local.add_laike_clues(4, created_at=an_hour_ago(story), every_s=60, encrypted="local")
    story.pull("laike")
    story.load()
    calls = len(story.simulator.calls)

    story.resolve()

    assert story.mobiles() == e164(local.laike_clues)
    assert len(story.simulator.calls) == calls


def test_checking_the_source_says_which_accounts_it_may_list(story: Story) -> None:
    story.configure(laike_account_ids=[story.world.local.laike_account_id, "79"], laike_lag_s=660)
    grant = grant_of(story.hub.engine, story.hub.keyring, story.hub.settings, "laike")
    story.clock.now = _real_now()  # the check asks about the last minutes

    found = granted_accounts(grant, now=story.clock())

    assert [account.external_id for account in found] == [story.world.local.laike_account_id]
    assert story.asked(LAIKE_PATH) == 2


def _real_now() -> Any:
    from hub.connectors.sessions import utc_now

    return utc_now()
