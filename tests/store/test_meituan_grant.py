"""A grant whose renewals the platform counts: a person is told before the last one is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from hub.errors import AuthorizationLostError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.authorize import current_tokens, finish_authorization
from hub.steps.sources.grant import Grant, grant_of
from hub.steps.sources.grant_alerts import warn_of_expiry
from hub.steps.sources.keep_grants import keep_grants
from tests.conftest import FakeClock
from tests.store.test_keep_grants import alerts

pytestmark = pytest.mark.postgres
KEY, SECRET_ENV = "dianping", "HUB_TEST_DIANPING_SECRET"
SOURCE = SourceSettings(
    platform="meituan",
    push="message_push",
    options={
        "profile": "beijixing",
        "app_id": "demoapp",
        "secret_env": SECRET_ENV,
        "redirect_url": "https://hub.example.com/oauth/dianping/callback",
    },
)
SETTINGS = HubSettings(sources={KEY: SOURCE})


class Counting:
    """A platform that renews a grant so many times more."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked = 0

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if b"refresh_token" in request.content:
            self.left -= 1
        given = {"refresh_token": f"rt-{self.asked}"} if self.left else {}
        return httpx.Response(
            200,
            json={
                "code": 200,
                "access_token": f"at-{self.asked}",
                "expires_in": 2592000,
                "remain_refresh_count": self.left,
                "bid": "demo_bid",
                **given,
            },
        )


@pytest.fixture
def granted(
    engine: sa.Engine, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> Callable[[int], Grant]:
    monkeypatch.setenv(SECRET_ENV, "demo_dp_secret")

    def make(left: int) -> Grant:
        platform = Counting(left)
        grant = grant_of(engine, keyring, SETTINGS, KEY, http=platform.client)
        finish_authorization(grant, code="demo-code", now=clock())
        return grant

    return make


def renew(grant: Grant, clock: FakeClock) -> None:
    clock.advance(timedelta(days=30).total_seconds())
    current_tokens(grant, now=clock())
    warn_of_expiry(grant, now=clock())


def test_the_last_renewals_are_told_until_somebody_authorises_again(
    granted: Callable[[int], Grant], clock: FakeClock
) -> None:
    grant = granted(5)
    key = f"grant-refreshes:{KEY}"
    renew(grant, clock)
    assert alerts(grant.engine) == {}
    renew(grant, clock)
    assert "3 time(s) more" in alerts(grant.engine)[key]
    renew(grant, clock)
    assert "2 time(s) more" in alerts(grant.engine)[key]
    with grant.engine.begin() as conn:
        [row] = conn.execute(sa.text("SELECT severity, count FROM alerts.alert")).all()

    assert tuple(row) == ("warning", 1)  # said once, kept up to date
    warn_of_expiry(granted(12), now=clock())
    assert alerts(grant.engine) == {}


def test_when_they_are_used_up_the_grant_ends_with_its_session(
    granted: Callable[[int], Grant], clock: FakeClock
) -> None:
    grant = granted(1)
    renew(grant, clock)
    assert "0 time(s) more" in alerts(grant.engine)[f"grant-refreshes:{KEY}"]
    clock.advance(timedelta(days=30).total_seconds())
    with pytest.raises(AuthorizationLostError, match="used up"):
        current_tokens(grant, now=clock())

    assert f"grant-lost:{KEY}" in alerts(grant.engine)


def test_a_merchant_is_noted_as_the_account_that_the_grant_covers(
    granted: Callable[[int], Grant], clock: FakeClock
) -> None:
    """No call lists accounts, so what came with the tokens counts."""
    grant = granted(3)
    [report] = keep_grants(grant.engine, grant.keyring, SETTINGS, now=clock(), http=grant.http)

    assert (report.state, report.accounts) == ("good", 1)
    assert "3 time(s) more" in alerts(grant.engine)[f"grant-refreshes:{KEY}"]
