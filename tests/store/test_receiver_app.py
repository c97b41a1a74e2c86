"""The whole application on a real database: probes, metrics, the operator API, a push to the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.inbox.sealing import unseal_envelope
from hub.privacy.keyring import KeyRing
from hub.receiver.app import ReceiverSetup, create_app, receiver_name
from hub.receiver.operator import tokens_from_environment
from hub.settings import HubSettings
from tests.conftest import FakeClock
from tests.echo_connector import EchoConnector

pytestmark = pytest.mark.postgres
SETTINGS = HubSettings.model_validate(
    {"spool_max_bytes": 4096, "sources": {"s1": {"platform": "echo", "push": "clue_push"}}}
)
TOKEN = "a-token-of-sixteen"
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


class App:
    """Runs stories against the application, lifespan and all."""

    def __init__(self, setup: ReceiverSetup) -> None:
        self._setup = setup

    def run(self, story: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with self._client() as client:
                await story(client)

        asyncio.run(whole())

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(self._setup)
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://hub") as client,
        ):
            yield client


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_API_TOKENS", f"ops:{TOKEN}, ci:another-token-of-it")


@pytest.fixture
def setup(database_url: str, keyring: KeyRing, clock: FakeClock, tmp_path: Path) -> ReceiverSetup:
    return ReceiverSetup(
        SETTINGS, keyring, database_url, tmp_path / "spool", "r1", clock=clock,
        connectors={"echo": EchoConnector()},
    )  # fmt: skip


def away(setup: ReceiverSetup) -> ReceiverSetup:
    return ReceiverSetup(
        setup.settings, setup.keyring, NOWHERE, setup.spools, "r2", clock=setup.clock,
        connectors=setup.connectors,
    )  # fmt: skip


def test_a_push_reaches_the_queue(
    setup: ReceiverSetup, engine: sa.Engine, keyring: KeyRing
) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.post("/hooks/s1", content=b"{}")).status_code == 200

    App(setup).run(story)
    with engine.connect() as conn:
        (row,) = conn.exec_driver_sql("SELECT item_id, source_key, sealed FROM inbox.queue")
    assert row.source_key == "s1"
    assert unseal_envelope(keyring, row.sealed, row.item_id).body == b"{}"


def test_it_is_ready_when_the_store_is_there(setup: ReceiverSetup) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["store"]) == (200, "up")

    App(setup).run(story)


def test_without_a_store_it_takes_leads_but_is_not_ready(
    setup: ReceiverSetup, clock: FakeClock
) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.post("/hooks/s1", content=b"{}")).status_code == 200
        clock.advance(5)
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json() == {
            "ready": False,
            "store": "never_seen",
            "spool_deliveries": 1,
            "spool_bytes": ready.json()["spool_bytes"],
            "drain_lag_s": 5.0,
        }
        full = await client.post("/hooks/s1", content=b"x" * 5000)
        assert (full.status_code, full.json()) == (503, {"error": "spool_full"})

    App(away(setup)).run(story)


def test_metrics_tell_what_was_taken(setup: ReceiverSetup) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        await client.post("/hooks/s1", content=b"{}")
        await client.post("/hooks/s1", content=b"{}")
        text = (await client.get("/metrics")).text
        assert "hub_deliveries_committed_total 2.0" in text
        assert "hub_deliveries_duplicate_total 1.0" in text
        assert "hub_store_away 0.0" in text
        assert 'hub_requests_total{route="/hooks/{source}",source="s1",status="200"} 2.0' in text

    App(setup).run(story)


def test_the_operator_api_asks_for_a_token(setup: ReceiverSetup) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        for given in (b"", b"Bearer wrong", "Bearer é".encode()):
            refused = await client.get("/api/v1/status", headers=[(b"authorization", given)])
            assert refused.status_code == 401
            assert refused.json() == {"detail": {"error": "invalid_token"}}
        status = await client.get("/api/v1/status", headers={"Authorization": f"Bearer {TOKEN}"})
        assert status.status_code == 200
        assert status.json()["receiver"] == "r1"
        assert status.json()["sources"] == [
            {"source": "s1", "platform": "echo", "merchant": "default", "pushed": True}
        ]

    App(setup).run(story)


def test_the_api_describes_itself(setup: ReceiverSetup) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.get("/docs")).status_code == 200
        document = (await client.get("/openapi.json")).json()
        assert list(document["paths"]) == ["/api/v1/status", "/api/v1/contacts/match"]

    App(setup).run(story)


@pytest.mark.parametrize("text", ["short:x", "no-colon-at-all-here", ":sixteen-characters"])
def test_a_bad_token_setting_is_a_clear_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_API_TOKENS", f"ops:{TOKEN},{text}")

    with pytest.raises(ConfigError, match="part 2") as error:
        tokens_from_environment()
    assert text not in str(error.value)


def test_a_source_without_a_connector_is_a_clear_error(setup: ReceiverSetup) -> None:
    settings = HubSettings.model_validate({"sources": {"s1": {"platform": "nobodys"}}})
    wrong = ReceiverSetup(settings, setup.keyring, NOWHERE, setup.spools, "r3", connectors={})

    with pytest.raises(ConfigError, match="source s1: no connector for platform 'nobodys'"):
        create_app(wrong)


def test_receivers_never_share_a_name() -> None:
    assert receiver_name() != receiver_name()
