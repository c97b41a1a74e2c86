"""Tokens that an application gets by its own secret: one writer, a wrong secret is not hammered."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, cast

import httpx
import pytest
import sqlalchemy as sa

from hub.connectors.sessions import OAuthConnector, TokenSet
from hub.errors import AuthorizationLostError, PlatformDownError
from hub.ops import tokens
from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings
from hub.steps.sources.authorize import current_tokens
from hub.steps.sources.grant import Grant
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres


class Application:
    """An application with a secret; `trouble` is what asking for a token gives."""

    def __init__(self) -> None:
        self.asked = 0
        self.trouble: Exception | None = None
        self.slowly = threading.Event()
        self.slowly.set()

    def issues_tokens(self, source: SourceSettings) -> bool:
        return True

    def issue(self, http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
        self.asked += 1
        self.slowly.wait(10)
        if self.trouble:
            raise self.trouble
        return TokenSet(f"token-{self.asked}", now + timedelta(hours=2))


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def grant(engine: sa.Engine, keyring: KeyRing, application: Application) -> Grant:
    source = SourceSettings(platform="wecom")
    return Grant(engine, keyring, "wecom", source, cast(OAuthConnector, application))


def alerts(engine: sa.Engine) -> list[Any]:
    with engine.begin() as conn:
        rows = conn.execute(sa.text("SELECT dedupe_key, action FROM alerts.alert"))
        return [tuple(row) for row in rows]


def test_the_first_call_gets_a_token_and_the_others_read_it(
    grant: Grant, application: Application, clock: FakeClock
) -> None:
    assert current_tokens(grant, now=clock()).access_token == "token-1"
    assert current_tokens(grant, now=clock()).access_token == "token-1"
    assert application.asked == 1


def test_a_token_that_is_over_or_was_refused_is_replaced(
    grant: Grant, application: Application, clock: FakeClock
) -> None:
    first = current_tokens(grant, now=clock()).access_token
    refused = current_tokens(grant, now=clock(), stale=first).access_token
    clock.advance(3 * 3600)

    assert (refused, current_tokens(grant, now=clock()).access_token) == ("token-2", "token-3")


def test_many_at_once_ask_once(grant: Grant, application: Application, clock: FakeClock) -> None:
    """Some platforms kill the first token when a second is asked for."""
    application.slowly.clear()
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(current_tokens, grant, now=clock()) for _ in range(6)]
        application.slowly.set()
        found = {one.result(timeout=20).access_token for one in asked}

    assert found == {"token-1"}
    assert application.asked == 1


def test_a_wrong_secret_is_alerted_and_not_hammered(
    grant: Grant, application: Application, clock: FakeClock, engine: sa.Engine
) -> None:
    """Platforms lock an address out for an hour that goes on with a secret that they refused."""
    application.trouble = AuthorizationLostError("wrong secret", code="40001")
    for _ in range(10):
        with pytest.raises(AuthorizationLostError):
            current_tokens(grant, now=clock())
        clock.advance(10)

    assert application.asked == 1
    assert alerts(engine) == [("grant-lost:wecom", "hub source check wecom")]


def test_a_secret_that_was_put_right_works_by_itself(
    grant: Grant, application: Application, clock: FakeClock
) -> None:
    application.trouble = AuthorizationLostError("wrong secret", code="40001")
    with pytest.raises(AuthorizationLostError):
        current_tokens(grant, now=clock())
    application.trouble = None
    clock.advance(301)

    assert current_tokens(grant, now=clock()).access_token == "token-2"
    with grant.engine.begin() as conn:
        row = tokens.read_token(conn, "wecom")
    assert row is not None
    assert not row.lost


def test_a_platform_that_is_away_is_no_wrong_secret(
    grant: Grant, application: Application, clock: FakeClock, engine: sa.Engine
) -> None:
    application.trouble = PlatformDownError("away")
    for _ in range(2):
        with pytest.raises(PlatformDownError):
            current_tokens(grant, now=clock())

    assert application.asked == 2
    assert alerts(engine) == []
