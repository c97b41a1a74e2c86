"""Refused pushes: kept sealed, bounded, told of, and replayed once the secret is put right."""

from __future__ import annotations

import asyncio
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError, RefusedError
from hub.inbox import rejected as rejected_room
from hub.inbox.sealing import unseal_envelope
from hub.model.delivery import HookRequest
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps import keep_rejected
from hub.steps import replay_rejected as replay_step
from hub.steps.keep_rejected import Rejections
from hub.steps.replay_rejected import replay_rejected
from tests.echo_connector import EchoConnector

pytestmark = pytest.mark.postgres
NOON = datetime(2026, 2, 17, 12, tzinfo=UTC)
SOURCE = {
    "platform": "echo",
    "push": "clue_push",
    "owner": "ops",
    "signature": {"scheme": "hmac_sha256", "secret_env": "ECHO_SECRET", "header": "X-Sign"},
}
SETTINGS = HubSettings.model_validate({"sources": {"s1": SOURCE, "s2": SOURCE}})


@pytest.fixture(autouse=True)
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_step, "connector_for", lambda _: EchoConnector())


def a_push(number: int = 1, secret: bytes = b"new", key: str | None = None) -> HookRequest:
    body = b'{"mobile":"1000000%04d"}' % number
    headers = {"x-sign": hmac.digest(secret, body, "sha256").hex()}
    if key:
        headers["msg-id"] = key
    return HookRequest("POST", b"", headers, body)


class Holding:
    """Keeps pushes through the step, one call after the other."""

    def __init__(self, url: str, keyring: KeyRing, engine: sa.Engine) -> None:
        self.url, self.keyring, self.engine = url, keyring, engine

    def keep(self, *pushes: HookRequest, source: str = "s1", at: datetime = NOON) -> list[bool]:
        async def story() -> list[bool]:
            rejections = Rejections(self.url, self.keyring)
            try:
                settings = SETTINGS.sources[source]
                return [await rejections.keep(source, settings, push, at) for push in pushes]
            finally:
                await rejections.close()

        return asyncio.run(story())

    def replay(self, source: str = "s1", now: datetime = NOON) -> dict[str, int]:
        counts = replay_rejected(self.engine, self.keyring, SETTINGS, source, now)
        return {name: count for name, count in counts.items() if count}

    def rows(self, statement: str) -> list[Any]:
        with self.engine.connect() as conn:
            return list(conn.exec_driver_sql(statement))


@pytest.fixture
def holding(database_url: str, engine: sa.Engine, keyring: KeyRing) -> Holding:
    return Holding(database_url, keyring, engine)


def test_a_refused_push_is_kept_sealed_and_told_of(holding: Holding) -> None:
    assert holding.keep(a_push(1), a_push(2)) == [True, True]

    rows = holding.rows(
        "SELECT source_key, reason, received_at, expires_at, sealed FROM inbox.rejected"
    )
    assert [tuple(row[:3]) for row in rows] == [("s1", "signature", NOON)] * 2
    assert rows[0].expires_at == NOON + timedelta(days=14)
    assert b"1000000" not in rows[0].sealed
    ((key, severity, count, action, owner),) = holding.rows(
        "SELECT dedupe_key, severity, count, action, owner FROM alerts.alert"
    )
    assert (key, severity, count, owner) == ("signature:s1", "warning", 2, "ops")
    assert "ECHO_SECRET" in action
    assert "hub held replay --signature s1" in action


def test_many_in_a_short_time_are_critical(holding: Holding) -> None:
    holding.keep(*(a_push(number) for number in range(10)))

    assert holding.rows("SELECT severity FROM alerts.alert") == [("critical",)]


def test_a_full_holding_keeps_the_oldest_and_says_so(
    holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected_room, "MAX_COUNT", 2)

    assert holding.keep(*(a_push(number) for number in range(4))) == [True, True, False, False]
    assert holding.keep(a_push(9), source="s2") == [True]
    assert holding.rows(
        "SELECT severity FROM alerts.alert WHERE dedupe_key = 'signature:s1:full'"
    ) == [("critical",)]


def test_its_bytes_are_bounded_too(holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_room, "MAX_BYTES", 300)

    assert holding.keep(a_push(1), a_push(2), a_push(3)) == [True, False, False]


def test_what_has_expired_is_forgotten(holding: Holding) -> None:
    holding.keep(a_push(1))
    holding.keep(a_push(2), at=NOON + timedelta(days=14))

    assert len(holding.rows("SELECT 1 FROM inbox.rejected")) == 1


def test_without_a_store_the_platform_is_asked_to_come_again(keyring: KeyRing) -> None:
    async def story() -> None:
        rejections = Rejections("postgresql://nobody@127.0.0.1:1/none", keyring)
        with pytest.raises(RefusedError) as refusal:
            await rejections.keep("s1", SETTINGS.sources["s1"], a_push(), NOON)
        assert (refusal.value.status, refusal.value.reason) == (503, "store_away")
        await rejections.close()

    asyncio.run(story())


def test_more_at_once_than_can_be_kept_are_sent_away(
    keyring: KeyRing, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood must not pile up in memory."""
    monkeypatch.setattr(keep_rejected, "_MAX_WAITING", 2)

    async def story() -> list[object]:
        rejections = Rejections(database_url, keyring)
        source = SETTINGS.sources["s1"]
        tries = [rejections.keep("s1", source, a_push(n), NOON) for n in range(5)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        await rejections.close()
        return list(found)

    found = asyncio.run(story())
    assert found[:2] == [True, True]
    assert [str(error) for error in found[2:]] == ["busy"] * 3


def test_after_the_secret_is_put_right_they_become_deliveries_once(
    holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    holding.keep(
        a_push(1),
        a_push(2),
        a_push(3, b"a stranger's"),
        a_push(4, key="m-1"),
        a_push(4, key="m-1"),
    )
    monkeypatch.setenv("ECHO_SECRET", "old")
    assert holding.replay() == {"still_wrong": 5}

    monkeypatch.setenv("ECHO_SECRET", "old,new")
    assert holding.replay() == {"stored": 3, "duplicates": 1, "still_wrong": 1}
    assert holding.replay() == {"still_wrong": 1}

    rows = holding.rows(
        "SELECT item_id, received_at, lane, via, sealed FROM inbox.queue ORDER BY seq"
    )
    assert [(row.received_at, row.lane, row.via) for row in rows] == [(NOON, 0, "push")] * 3
    first = unseal_envelope(holding.keyring, rows[0].sealed, rows[0].item_id)
    assert (first.body, first.shape) == (a_push(1).body, "clue_push")
    assert holding.rows("SELECT sum(deliveries) FROM inbox.acknowledged") == [(4,)]


def test_expired_ones_and_other_sources_are_left_alone(
    holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_SECRET", "new")
    holding.keep(a_push(1))
    holding.keep(a_push(2), source="s2")

    assert holding.replay(now=NOON + timedelta(days=15)) == {}
    assert holding.replay("s2") == {"stored": 1}


def test_one_whose_key_is_gone_from_the_ring_is_counted(
    holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_SECRET", "new")
    holding.keep(a_push(1))
    other = KeyRing({2: b"2" * 32}, 2, {1: b"i" * 32}, b"d" * 32)

    assert replay_rejected(holding.engine, other, SETTINGS, "s1", NOON)["unreadable"] == 1


def test_an_unknown_source_is_a_clear_error(holding: Holding) -> None:
    with pytest.raises(ConfigError, match="hub source list"):
        holding.replay("nobody")
