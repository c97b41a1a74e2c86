"""The page of an alert: looking never acknowledges, the button does, once, and nothing personal is on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from hub.alerts.tables import alert
from hub.ops.tables import audit
from hub.privacy.keyring import KeyRing
from hub.receiver.app import ReceiverSetup, create_app
from hub.settings import HubSettings
from hub.steps.alerting.acknowledge import ack_link, plain_name
from tests.conftest import FakeClock
from tests.some_alert import raise_some

pytestmark = pytest.mark.postgres
SETTINGS = HubSettings.model_validate({"public_url": "https://hub.example.com"})
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
Story = Callable[[httpx.AsyncClient], Awaitable[None]]


class Door:
    """Runs stories against the receiver."""

    def __init__(self, url: str, keyring: KeyRing, clock: FakeClock, folder: Path) -> None:
        self._setup = ReceiverSetup(
            SETTINGS, keyring, url, folder, "r1", clock=clock, connectors={}
        )

    def run(self, story: Story) -> None:
        async def whole() -> None:
            async with self._client() as client:
                await story(client)

        asyncio.run(whole())

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(self._setup)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="https://hub.example.com"
            ) as client,
        ):
            yield client


@pytest.fixture
def door(database_url: str, keyring: KeyRing, clock: FakeClock, tmp_path: Path) -> Door:
    return Door(database_url, keyring, clock, tmp_path / "spool")


@pytest.fixture
def number(engine: sa.Engine) -> int:
    with engine.begin() as conn:
        raise_some(conn, "gate:shop", facts={"merchant": "<b>shop</b>"})
        return int(conn.execute(sa.select(alert.c.id)).scalar_one())


def state(engine: sa.Engine) -> Any:
    with engine.connect() as conn:
        return conn.execute(sa.select(alert)).one()


def test_looking_acknowledges_nothing_and_the_button_does(
    door: Door, engine: sa.Engine, keyring: KeyRing, number: int
) -> None:
    link = ack_link(SETTINGS, keyring, number)

    async def story(client: httpx.AsyncClient) -> None:
        for method in ("GET", "HEAD", "OPTIONS"):
            await client.request(method, link)
        assert state(engine).acknowledged_at is None
        page = await client.get(link)
        assert page.status_code == 200
        assert "<form" in page.text
        assert "待确认" in page.text
        assert "的残差占财务账" in page.text
        assert "<b>shop" not in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in page.headers["x-robots-tag"]
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        pressed = await client.post(link, data={"name": "zhang_san 19900001234"})
        assert pressed.status_code == 200
        assert "<form" not in pressed.text
        assert (await client.post(link, data={"name": "li_si"})).status_code == 200

    door.run(story)
    with engine.connect() as conn:
        lines = conn.execute(sa.select(audit.c.who, audit.c.action, audit.c.target)).all()

    assert state(engine).acknowledged_by == "zhang_san"
    assert [tuple(line) for line in lines] == [("zhang_san", "alert acknowledged", str(number))]


def test_a_link_is_good_for_its_own_alert_only(
    door: Door, engine: sa.Engine, keyring: KeyRing, number: int
) -> None:
    link = ack_link(SETTINGS, keyring, number)
    token = link.rsplit("/", 1)[1]

    async def story(client: httpx.AsyncClient) -> None:
        wrong = [
            f"/alerts/{number + 1}/{token}", f"/alerts/{number}/{token[:-1]}0x", "/alerts/1e3/x",
            f"/alerts/{'9' * 30}/{token}", ack_link(SETTINGS, keyring, number + 7),
        ]  # fmt: skip
        answers = [await client.get(path) for path in wrong]
        answers += [await client.post(path) for path in wrong]
        assert {one.status_code for one in answers} == {404}
        assert len({one.text for one in answers}) == 1

    door.run(story)
    assert state(engine).acknowledged_at is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example.com"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "null"}, 403),
        ({"origin": "https://hub.example.com", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_another_page_cannot_press_the_button(
    door: Door, keyring: KeyRing, number: int, headers: dict[str, str], status: int
) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        answer = await client.post(ack_link(SETTINGS, keyring, number), headers=headers)
        assert answer.status_code == status

    door.run(story)


def test_a_link_ends_thirty_days_after_its_alert(
    door: Door, engine: sa.Engine, keyring: KeyRing, number: int, clock: FakeClock
) -> None:
    with engine.begin() as conn:
        conn.execute(sa.update(alert).values(closed_at=clock.now - timedelta(days=29)))

    async def story(client: httpx.AsyncClient) -> None:
        link = ack_link(SETTINGS, keyring, number)
        assert "已解除" in (await client.get(link)).text
        clock.advance(2 * 86_400)
        assert (await client.get(link)).status_code == 404

    door.run(story)


def test_without_a_database_the_page_says_so(
    keyring: KeyRing, clock: FakeClock, tmp_path: Path
) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        for method in ("GET", "POST"):
            answer = await client.request(method, ack_link(SETTINGS, keyring, 1))
            assert answer.status_code == 503
            assert "数据库" in answer.text
            assert answer.headers["retry-after"]

    Door(NOWHERE, keyring, clock, tmp_path / "spool").run(story)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  张三 ", "张三"),
        ("<script>alert(1)</script>", "script alert 1 script"),
        ("19900001234", ""),
        ("x" * 100, "x" * 40),
        ("a\nb\x00c", "a b c"),
    ],
)
def test_a_name_is_short_and_plain(typed: str, kept: str) -> None:
    assert plain_name(typed) == kept
