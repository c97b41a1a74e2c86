"""The rotating refresh token of Xiaohongshu in a real database: each is used once, the newest is kept."""

from __future__ import annotations

import json

import httpx
import pytest
import sqlalchemy as sa

from hub.errors import AuthorizationLostError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.sources.authorize import current_tokens, finish_authorization, granted_accounts
from hub.steps.sources.grant import Grant, grant_of
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
DAY_S = 86_400
SETTINGS = HubSettings.model_validate(
    {
        "sources": {
            "xhs": {
                "platform": "xiaohongshu",
                "options": {"app_id": "77", "secret_env": "HUB_TEST_XHS_APP"},
            }
        }
    }
)


class Platform:
    """Takes the code once, and only the refresh token that it gave last."""

    def __init__(self) -> None:
        self.pairs = 0

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        good = asked.get("auth_code") == "code" or asked.get("refresh_token") == f"rt{self.pairs}"
        if not good:
            return httpx.Response(200, json={"code": 9, "success": False, "msg": "token invalid"})
        self.pairs += 1
        data = {
            "access_token": f"at{self.pairs}",
            "access_token_expires_in": DAY_S - 1,
            "refresh_token": f"rt{self.pairs}",
            "refresh_token_expires_in": 30 * DAY_S - 1,
            "approval_advertisers": [{"advertiser_id": 1000001}, {"advertiser_id": 1000002}],
        }
        return httpx.Response(200, json={"code": 0, "success": True, "msg": "成功", "data": data})


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("HUB_TEST_XHS_APP", "demo_secret")
    return Platform()


@pytest.fixture
def grant(engine: sa.Engine, keyring: KeyRing, platform: Platform) -> Grant:
    return grant_of(engine, keyring, SETTINGS, "xhs", http=platform.client)


def test_each_day_takes_the_refresh_token_of_the_day_before(
    grant: Grant, platform: Platform, clock: FakeClock
) -> None:
    finish_authorization(grant, code="code", now=clock())
    used = [current_tokens(grant, now=clock.advance(DAY_S)).access_token for _ in range(4)]

    assert used == ["at2", "at3", "at4", "at5"]
    assert current_tokens(grant, now=clock()).access_token == "at5"
    assert platform.pairs == 5


def test_the_accounts_are_those_that_came_with_the_tokens(grant: Grant, clock: FakeClock) -> None:
    finish_authorization(grant, code="code", now=clock())

    found = granted_accounts(grant, now=clock())

    assert [account.external_id for account in found] == ["1000001", "1000002"]


def test_a_pair_that_somebody_else_has_rotated_is_a_lost_grant(
    grant: Grant, platform: Platform, clock: FakeClock
) -> None:
    finish_authorization(grant, code="code", now=clock())
    platform.pairs = 7

    with pytest.raises(AuthorizationLostError, match="not accepted"):
        current_tokens(grant, now=clock.advance(DAY_S))
