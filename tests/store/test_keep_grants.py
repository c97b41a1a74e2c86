"""Grants are kept alive, and a person is told before only a person can help."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from hub.connectors.douyin.simulator import Simulator
from hub.connectors.sessions import Account
from hub.errors import AuthorizationLostError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.authorize import current_tokens, finish_authorization
from hub.steps.sources.grant import Grant, grant_of
from hub.steps.sources.keep_grants import keep_grants, note_accounts, note_after_authorization
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
KEY, SECRET_ENV = "ads", "HUB_TEST_DOUYIN_SECRET"


@pytest.fixture
def simulator(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(seed=9, clock=clock) as running:
        monkeypatch.setenv(SECRET_ENV, running.world.app_secret)
        yield running


@pytest.fixture
def hub_settings(simulator: Simulator) -> HubSettings:
    options = simulator.options(SECRET_ENV)
    ads = SourceSettings(platform="douyin", push="clue_push", options=options)
    star = SourceSettings(
        platform="douyin", pulls=("star_clue",), options={**options, "grant": KEY}
    )
    return HubSettings(sources={KEY: ads, "star": star})


@pytest.fixture
def grant(engine: sa.Engine, keyring: KeyRing, hub_settings: HubSettings) -> Grant:
    return grant_of(engine, keyring, hub_settings, KEY)


def alerts(engine: sa.Engine) -> dict[str, str]:
    statement = "SELECT dedupe_key, summary FROM alerts.alert WHERE closed_at IS NULL"
    with engine.begin() as conn:
        return {row[0]: row[1] for row in conn.execute(sa.text(statement))}


def accounts(*ids: str) -> list[Account]:
    return [Account(one, f"门店 {one}", "ADVERTISER") for one in ids]


def test_a_source_that_is_only_pushed_keeps_its_grant(
    grant: Grant, hub_settings: HubSettings, simulator: Simulator, clock: FakeClock
) -> None:
    """Nobody calls for it, and its refresh token would be dead after a month."""
    finish_authorization(grant, code=simulator.world.new_code(), now=clock())
    for _ in range(6):
        clock.advance(timedelta(days=10).total_seconds())
        [report] = keep_grants(grant.engine, grant.keyring, hub_settings, now=clock())
        assert (report.source_key, report.state) == (KEY, "good")

    assert report.accounts > 0
    assert alerts(grant.engine) == {}


def test_a_grant_that_several_sources_share_is_looked_at_once(
    grant: Grant, hub_settings: HubSettings, clock: FakeClock
) -> None:
    [report] = keep_grants(grant.engine, grant.keyring, hub_settings, now=clock())

    assert (report.source_key, report.state) == (KEY, "missing")


def test_a_platform_that_is_away_is_no_lost_grant(
    grant: Grant, hub_settings: HubSettings, simulator: Simulator, clock: FakeClock
) -> None:
    finish_authorization(grant, code=simulator.world.new_code(), now=clock())

    def away() -> httpx.Client:
        def refuse(request: httpx.Request) -> httpx.Response:
            return httpx.Response(503)

        return httpx.Client(transport=httpx.MockTransport(refuse))

    [report] = keep_grants(grant.engine, grant.keyring, hub_settings, now=clock(), http=away)

    assert report.state == "refused"
    assert alerts(grant.engine) == {}


def test_an_account_that_a_new_grant_leaves_out_is_alerted_until_it_is_back(
    grant: Grant, clock: FakeClock
) -> None:
    assert note_accounts(grant, accounts("1", "2", "3"), now=clock()).added == ("1", "2", "3")
    change = note_accounts(grant, accounts("1", "3", "4"), now=clock())

    assert (change.covered, change.added, change.vanished) == (3, ("4",), ("2",))
    assert "no longer covers account(s) 2" in alerts(grant.engine)[f"grant-accounts:{KEY}"]
    assert note_accounts(grant, accounts("1", "3", "4"), now=clock()).vanished == ()
    assert f"grant-accounts:{KEY}" in alerts(grant.engine)
    note_accounts(grant, accounts("1", "2", "3", "4"), now=clock())
    assert alerts(grant.engine) == {}


def test_after_a_grant_the_accounts_are_noted(
    grant: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    finish_authorization(grant, code=simulator.world.new_code(), now=clock())
    change = note_after_authorization(grant, now=clock())

    assert change is not None
    assert simulator.world.advertiser_id in change.added


def test_a_binding_that_ends_before_its_time_is_told_apart_from_age(
    grant: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    finish_authorization(grant, code=simulator.world.new_code(), now=clock())
    simulator.world.use_code(
        simulator.world.new_code()
    )  # somebody else's authorisation kills ours
    with pytest.raises(AuthorizationLostError):
        current_tokens(grant, now=clock.now + timedelta(days=2))

    assert "another vendor has taken over" in alerts(grant.engine)[f"grant-lost:{KEY}"]


def test_a_grant_that_ends_by_age_is_not_called_taken_over(
    grant: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    finish_authorization(grant, code=simulator.world.new_code(), now=clock())
    clock.advance(timedelta(days=31).total_seconds())
    with pytest.raises(AuthorizationLostError):
        current_tokens(grant, now=clock())

    assert alerts(grant.engine)[f"grant-lost:{KEY}"].endswith("no longer accepts our grant")
