"""A platform fetches a token and pushes with it: given to whom it belongs, seldom, stored nowhere."""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any

import httpx
import pytest
from starlette.routing import Router

from hub.privacy.keyring import KeyRing
from hub.receiver import hooks, issue_token
from hub.receiver.access import AccessLog
from hub.receiver.context import ReceiverContext
from hub.receiver.metrics import ReceiverMetrics
from hub.settings import HubSettings
from tests.conftest import FakeClock
from tests.echo_connector import EchoConnector
from tests.unit.receiver.test_hooks import Holding, Intake

CREDENTIALS = {"client_id": "tccc-demo", "client_secret": "s3cret:demo"}
GRANT = {"grant_type": "client_credentials", **CREDENTIALS}
BODY = b'{"mobile":"10000000000"}'
SETTINGS = HubSettings.model_validate(
    {
        "sources": {
            "hotline": {
                "platform": "echo",
                "push": "clue_push",
                "signature": {"scheme": "bearer_issued", "secret_env": "CLIENT"},
            },
            "path": {
                "platform": "echo",
                "push": "clue_push",
                "signature": {"scheme": "static_path", "secret_env": "CLIENT"},
            },
        }
    }
)


class Desk:
    """The token route beside the hooks, everything around them in memory."""

    def __init__(self, keyring: KeyRing, clock: FakeClock) -> None:
        self.intake = Intake()
        sources = SETTINGS.all_sources()
        metrics = ReceiverMetrics(sources)
        context = ReceiverContext(
            SETTINGS, keyring, self.intake, clock, sources,
            dict.fromkeys(sources, EchoConnector()), metrics, AccessLog(metrics),
        )  # fmt: skip
        self._app = Router([*hooks.routes(context, Holding()), *issue_token.routes(context)])

    def post(self, path: str, **given: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
                return await client.post(path, **given)

        return asyncio.run(call())

    def push(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return self.post("/hooks/hotline", content=BODY, headers=headers).status_code


@pytest.fixture
def desk(keyring: KeyRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("CLIENT", "tccc-demo:s3cret:demo")
    return Desk(keyring, clock)


def test_who_knows_the_secret_gets_a_token_and_pushes_with_it(
    desk: Desk, clock: FakeClock
) -> None:
    reply = desk.post("/oauth/token/hotline", data=GRANT)
    given = reply.json()

    assert (reply.status_code, given["token_type"], given["expires_in"]) == (200, "Bearer", 300)
    assert reply.headers["cache-control"] == "no-store"
    assert desk.push(given["access_token"]) == 200
    assert len(desk.intake.taken) == 1
    clock.advance(300)
    assert desk.push(given["access_token"]) >= 400
    assert len(desk.intake.taken) == 1


def test_id_and_secret_may_come_as_basic_authentication(desk: Desk) -> None:
    encoded = base64.b64encode(b"tccc-demo:s3cret:demo").decode()
    reply = desk.post(
        "/oauth/token/hotline",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {encoded}"},
    )

    assert desk.push(reply.json()["access_token"]) == 200


@pytest.mark.parametrize(
    ("path", "form", "status", "error"),
    [
        ("hotline", {**GRANT, "client_secret": "wrong"}, 401, "invalid_client"),
        ("hotline", {}, 401, "invalid_client"),
        ("hotline", {**GRANT, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ("hotline", {**GRANT, "client_id": "x" * 5000}, 413, "too_large"),
        ("path", GRANT, 404, "unknown_source"),
        ("nobody", GRANT, 404, "unknown_source"),
    ],
)
def test_nobody_else_gets_one(
    desk: Desk, path: str, form: dict[str, str], status: int, error: str
) -> None:
    reply = desk.post(f"/oauth/token/{path}", data=form)

    assert reply.status_code == status
    assert "access_token" not in reply.json()
    if status != 413:
        assert reply.json() == {"error": error}


def test_secrets_cannot_be_tried_in_bulk(desk: Desk, clock: FakeClock) -> None:
    tries = [
        desk.post("/oauth/token/hotline", data={**GRANT, "client_secret": str(n)}).status_code
        for n in range(8)
    ]

    assert tries.count(401) == 5
    assert tries.count(429) == 3
    clock.advance(1)
    assert desk.post("/oauth/token/hotline", data=GRANT).status_code == 200


def test_neither_secret_nor_token_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        token = desk.post("/oauth/token/hotline", data=GRANT).json()["access_token"]
        desk.post("/oauth/token/hotline", data={**GRANT, "client_secret": "a-wrong-secret"})

    assert token not in caplog.text
    assert "s3cret" not in caplog.text
    assert "a-wrong-secret" not in caplog.text
