"""Grants in a real database: one writer, nothing used before it is stored, a loss is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.connectors.douyin.oauth import REFRESH_PATH, TOKEN_PATH
from hub.connectors.douyin.simulator import Simulator
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    PlatformDownError,
    RefusedError,
    StoreAwayError,
)
from hub.ops import tokens
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.authorize import (
    begin_authorization,
    current_tokens,
    finish_authorization,
    finish_in_browser,
    granted_accounts,
)
from hub.steps.sources.grant import Grant, grant_of
from hub.steps.sources.grant_alerts import warn_of_all
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
    source = SourceSettings(
        platform="douyin", pulls=("clue",), options=simulator.options(SECRET_ENV)
    )
    return HubSettings(sources={KEY: source}, public_url="http://127.0.0.1:8700")


@pytest.fixture
def grant(engine: sa.Engine, keyring: KeyRing, hub_settings: HubSettings) -> Grant:
    return grant_of(engine, keyring, hub_settings, KEY)


@pytest.fixture
def granted(grant: Grant, simulator: Simulator, clock: FakeClock) -> Grant:
    finish_authorization(grant, code=simulator.world.new_code(), now=clock())
    return grant


def refreshes(simulator: Simulator) -> list[int]:
    return [call.code for call in simulator.calls if call.path == REFRESH_PATH]


def alerts(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.begin() as conn:
        return [(row.dedupe_key, row.severity) for row in open_alerts(conn)]


def consent(url: str) -> dict[str, str]:
    """Open the consent page as a browser would; what it brings back."""
    answer = httpx.get(url)
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def test_a_browser_goes_to_the_consent_page_and_comes_back_with_tokens(
    grant: Grant, hub_settings: HubSettings, simulator: Simulator, clock: FakeClock
) -> None:
    url = begin_authorization(grant, hub_settings, now=clock())
    assert "material_auth=1" in url
    back = consent(url)

    found = finish_in_browser(grant, state=back["state"], code=back["auth_code"], now=clock())

    assert found.accounts == (simulator.world.advertiser_id,)
    assert current_tokens(grant, now=clock()).access_token == found.access_token


def test_a_state_works_once(
    grant: Grant, hub_settings: HubSettings, simulator: Simulator, clock: FakeClock
) -> None:
    back = consent(begin_authorization(grant, hub_settings, now=clock()))
    finish_in_browser(grant, state=back["state"], code=back["auth_code"], now=clock())

    with pytest.raises(RefusedError) as caught:
        finish_in_browser(grant, state=back["state"], code=simulator.world.new_code(), now=clock())

    assert (caught.value.status, caught.value.reason) == (400, "state_unknown")


@pytest.mark.parametrize("wrong", ["other", "late", "elsewhere"])
def test_a_state_that_is_not_ours_reaches_no_platform(
    grant: Grant, hub_settings: HubSettings, simulator: Simulator, clock: FakeClock, wrong: str
) -> None:
    back = consent(begin_authorization(grant, hub_settings, now=clock()))
    state = "made-up" if wrong == "other" else back["state"]
    if wrong == "late":
        clock.advance(601)
    asked = replace(grant, source_key="elsewhere") if wrong == "elsewhere" else grant

    with pytest.raises(RefusedError):
        finish_in_browser(asked, state=state, code=back["auth_code"], now=clock())

    assert not any(call.path == TOKEN_PATH for call in simulator.calls)


def test_a_code_that_was_used_asks_to_start_again(
    granted: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    code = simulator.world.new_code()
    finish_authorization(granted, code=code, now=clock())

    with pytest.raises(AuthorizationLostError, match="40115"):
        finish_authorization(granted, code=code, now=clock())


def test_tokens_are_sealed_in_the_database(
    granted: Grant, engine: sa.Engine, clock: FakeClock
) -> None:
    access = current_tokens(granted, now=clock()).access_token
    with engine.begin() as conn:
        row = tokens.read_token(conn, KEY)

    assert row is not None
    assert access.encode() not in (row.sealed or b"")
    assert access not in repr(current_tokens(granted, now=clock()))


def test_a_good_token_is_used_without_asking(
    granted: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    before = len(simulator.calls)
    clock.advance(3600)

    current_tokens(granted, now=clock())

    assert len(simulator.calls) == before


def test_a_token_that_ends_soon_is_renewed_before_it_does(
    granted: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    first = current_tokens(granted, now=clock())
    clock.advance(86_400 - 60)

    second = current_tokens(granted, now=clock())

    assert second.access_token != first.access_token
    assert second.refresh_token != first.refresh_token
    assert simulator.world.check_access(second.access_token) is None


def test_pullers_at_once_refresh_once_and_all_get_the_living_token(
    granted: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    stale = current_tokens(granted, now=clock()).access_token
    barrier = threading.Barrier(6)

    def ask(_: int) -> str:
        barrier.wait()
        return current_tokens(granted, now=clock(), stale=stale).access_token

    with ThreadPoolExecutor(6) as pool:
        got = set(pool.map(ask, range(6)))

    assert refreshes(simulator) == [0]
    assert len(got) == 1
    assert simulator.world.check_access(got.pop()) is None


class Deaf:
    """The platform, except that the answer to a refresh is lost on the way."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def refresh(self, *_: Any, **__: Any) -> Any:
        raise PlatformDownError("no answer")


def test_a_platform_that_does_not_answer_leaves_the_old_tokens(
    granted: Grant, clock: FakeClock, engine: sa.Engine
) -> None:
    first = current_tokens(granted, now=clock())
    deaf = replace(granted, oauth=Deaf(granted.oauth))

    with pytest.raises(PlatformDownError):
        current_tokens(deaf, now=clock(), stale=first.access_token)

    assert current_tokens(granted, now=clock()).refresh_token == first.refresh_token
    assert alerts(engine) == []


def test_a_commit_that_fails_after_the_platforms_answer_is_tried_again(
    granted: Grant, simulator: Simulator, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pair in memory is the only one that works."""
    stale = current_tokens(granted, now=clock()).access_token
    save, failures = tokens.save_token, [1, 1]

    def flaky(*args: Any, **kwargs: Any) -> None:
        if failures:
            failures.pop()
            raise StoreAwayError("the connection was cut")
        save(*args, **kwargs)

    monkeypatch.setattr(tokens, "save_token", flaky)
    found = current_tokens(granted, now=clock(), stale=stale)

    assert refreshes(simulator) == [0]
    assert current_tokens(granted, now=clock()).access_token == found.access_token


def test_a_database_that_cannot_be_written_is_found_out_before_the_platform_is_asked(
    granted: Grant, simulator: Simulator, clock: FakeClock, engine: sa.Engine
) -> None:
    stale = current_tokens(granted, now=clock()).access_token
    read_only = replace(granted, engine=engine.execution_options(postgresql_readonly=True))

    with pytest.raises(StoreAwayError):
        current_tokens(read_only, now=clock(), stale=stale)

    assert refreshes(simulator) == []


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda world, _: world.new_pair(), id="revoked"),
        pytest.param(lambda _, clock: clock.advance(31 * 86_400), id="expired"),
    ],
)
def test_a_lost_grant_is_stored_and_alerted_once(
    granted: Grant,
    simulator: Simulator,
    clock: FakeClock,
    engine: sa.Engine,
    end: Callable[[Any, FakeClock], Any],
) -> None:
    stale = current_tokens(granted, now=clock()).access_token
    end(simulator.world, clock)

    for _ in range(2):
        with pytest.raises(AuthorizationLostError):
            current_tokens(granted, now=clock(), stale=stale)

    assert len(refreshes(simulator)) == 1
    assert alerts(engine) == [("grant-lost:ads", "critical")]
    finish_authorization(granted, code=simulator.world.new_code(), now=clock())
    assert alerts(engine) == []


def test_losing_an_older_pair_does_not_undo_a_new_grant(
    granted: Grant, simulator: Simulator, clock: FakeClock, engine: sa.Engine
) -> None:
    with engine.begin() as conn:
        before = tokens.read_token(conn, KEY)
    finish_authorization(granted, code=simulator.world.new_code(), now=clock())
    assert before is not None

    with engine.begin() as conn:
        assert not tokens.mark_lost(conn, KEY, before.sealed, detail="x", now=clock())

    current_tokens(granted, now=clock())


def test_a_grant_that_ends_within_a_week_is_announced(
    granted: Grant,
    hub_settings: HubSettings,
    keyring: KeyRing,
    engine: sa.Engine,
    clock: FakeClock,
) -> None:
    assert warn_of_all(engine, keyring, hub_settings, now=clock()) == []
    clock.advance(24 * 86_400)

    assert warn_of_all(engine, keyring, hub_settings, now=clock()) == [KEY]
    assert alerts(engine) == [("grant-expires:ads", "warning")]
    stale = current_tokens(granted, now=clock()).access_token
    current_tokens(granted, now=clock(), stale=stale)
    assert warn_of_all(engine, keyring, hub_settings, now=clock()) == []
    assert alerts(engine) == []


def test_the_platform_lists_the_accounts_of_the_grant(
    granted: Grant, simulator: Simulator, clock: FakeClock
) -> None:
    found = granted_accounts(granted, now=clock())

    assert [(account.external_id, account.role) for account in found] == [
        (simulator.world.advertiser_id, "ADVERTISER"),
        (simulator.world.star_id, "PLATFORM_ROLE_STAR"),
    ]


def test_sources_of_one_application_share_a_grant(
    granted: Grant,
    hub_settings: HubSettings,
    keyring: KeyRing,
    engine: sa.Engine,
    clock: FakeClock,
) -> None:
    """Where a new grant kills the old one, a second grant would end the first source's pulls."""
    second = SourceSettings(platform="douyin", pulls=("star_clue",), options={"grant": KEY})
    both = hub_settings.model_copy(update={"sources": {**hub_settings.sources, "star": second}})

    shared = grant_of(engine, keyring, both, "star")

    assert shared.source_key == KEY
    assert current_tokens(shared, now=clock()) == current_tokens(granted, now=clock())


def test_a_shared_grant_is_one_that_somebody_holds(
    hub_settings: HubSettings, keyring: KeyRing, engine: sa.Engine
) -> None:
    lost = SourceSettings(platform="douyin", options={"grant": "nobody"})
    chained = SourceSettings(platform="douyin", options={"grant": "lost"})
    sources = {**hub_settings.sources, "lost": lost, "chained": chained}
    settings = hub_settings.model_copy(update={"sources": sources})

    for key in ("lost", "chained"):
        with pytest.raises(ConfigError):
            grant_of(engine, keyring, settings, key)


def test_a_source_that_was_never_authorised_says_what_to_do(
    grant: Grant, clock: FakeClock
) -> None:
    with pytest.raises(AuthorizationLostError, match="hub source authorize ads"):
        current_tokens(grant, now=clock())


def test_a_missing_secret_is_named(
    grant: Grant, simulator: Simulator, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_ENV)

    with pytest.raises(ConfigError, match=SECRET_ENV):
        finish_authorization(grant, code=simulator.world.new_code(), now=clock())
