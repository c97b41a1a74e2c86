"""The resolve stage on a real database: what waits is asked about, comes back, and is never lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.connectors.douyin import DouyinConnector
from hub.connectors.resolving import RESOLVED, Answer, Ask, Found, Later, Never
from hub.connectors.sessions import PullPorts
from hub.database.engine import driver
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    PlatformDownError,
    PlatformRejectedError,
)
from hub.inbox.waiting import what_waits
from hub.ops.quotas import used_quota
from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings
from hub.steps.replay import replay_held
from hub.steps.resolve import DailyQuota, Resolver
from hub.steps.resolve_outcome import with_answer
from tests.store.test_load import AT, DOUYIN, Hub, a_push, settings_with

pytestmark = pytest.mark.postgres
PHONE = "19900001234"


class Asking(DouyinConnector):
    """Douyin with phones that only a call can read; `say` is what the call answers."""

    ask_size = 50

    def __init__(self) -> None:
        self.asked: list[list[Ask]] = []
        self.say: Any = lambda ask: Found({"telephone": PHONE})
        self.shared_key = False

    def needs(self, entity: str, payload: Mapping[str, Any], source: SourceSettings) -> str | None:
        is_sealed = str(payload.get("remark", "")).startswith("Enc.")
        return "phone" if is_sealed and RESOLVED not in payload else None

    def answer_key(self, ask: Ask, source: SourceSettings) -> str | None:
        return str(ask.payload["remark"]) if self.shared_key else None

    def session(self, source: SourceSettings, ports: PullPorts) -> Any:
        @asynccontextmanager
        async def opened() -> Any:
            yield ports

        return opened()

    async def resolve(
        self, session: Any, asks: Sequence[Ask], source: SourceSettings
    ) -> Sequence[Answer]:
        self.asked.append(list(asks))
        return [self.say(ask) for ask in asks]


class Stage:
    """A hub whose Douyin needs the network, and its resolver."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing) -> None:
        self.connector = Asking()
        self.hub = Hub(engine, keyring, settings_with(douyin=DOUYIN))
        self.found = {"douyin": self.connector}
        self.loader = self.hub.loader(found=self.found)
        self.resolver = self.another()

    def another(self) -> Resolver:
        hub = self.hub
        return Resolver(
            hub.engine, hub.keyring, hub.settings, found=self.found, clock=lambda: hub.now
        )

    def push(self, *clue_ids: str, remark: str = "Enc.abc") -> None:
        self.later(seconds=1)
        pushes = [a_push(one, remark=remark) for one in clue_ids]
        self.hub.store("douyin", pushes, at=self.hub.now)
        self.loader.drain()

    def resolve(self) -> dict[str, int]:
        return dict(asyncio.run(self.resolver.run_once()))

    def later(self, **duration: float) -> None:
        self.hub.now += timedelta(**duration)

    def outcomes(self) -> dict[str, int]:
        found = self.hub.verify()
        assert found.record_law.is_balanced
        return self.hub.outcomes()

    def payloads(self) -> list[dict[str, Any]]:
        with self.hub.engine.begin() as conn:
            rows = conn.execute(sa.text("SELECT id, sealed FROM inbox.record ORDER BY id")).all()
        return [
            json.loads(self.hub.keyring.unseal(row.sealed, row.id.bytes)) for row in rows
        ]  # fmt: skip

    def alerts(self) -> list[str]:
        statement = "SELECT dedupe_key FROM alerts.alert WHERE closed_at IS NULL ORDER BY 1"
        with self.hub.engine.begin() as conn:
            return list(conn.execute(sa.text(statement)).scalars())


@pytest.fixture
def stage(engine: sa.Engine, keyring: KeyRing) -> Iterator[Stage]:
    made = Stage(engine, keyring)
    yield made
    for loader in made.hub.loaders:
        loader.close()


def test_what_needs_the_network_waits_and_is_counted_as_waiting(stage: Stage) -> None:
    stage.push("1", "2")
    stage.push("3", remark="plain")

    assert stage.outcomes() == {"waiting": 2, "loaded": 1}


def test_the_answer_is_kept_beside_the_payload_as_it_came(stage: Stage) -> None:
    stage.push("1")

    assert stage.resolve() == {"queued": 1}
    assert stage.outcomes() == {"queued": 1}
    stage.loader.drain()
    assert stage.outcomes() == {"loaded": 1}
    [payload] = stage.payloads()
    assert payload["remark"] == "Enc.abc"
    assert payload[RESOLVED] == {"telephone": PHONE}


def test_a_replay_needs_no_network(stage: Stage) -> None:
    stage.push("1")
    stage.resolve()
    stage.loader.drain()
    [record] = stage.hub.engine.connect().execute(sa.text("SELECT id FROM inbox.record")).scalars()
    stage.loader.reload([record])

    assert len(stage.connector.asked) == 1
    assert stage.outcomes() == {"loaded": 1}


def test_numbers_of_a_payload_keep_their_bytes() -> None:
    payload = b'{"id":12345678901234567890123,"rate":1.50,"resolved":{"a":1}}'

    assert with_answer(payload, {"b": 2}) == (
        b'{"id":12345678901234567890123,"rate":1.50,"resolved":{"b":2}}'
    )


def test_a_resolver_that_dies_leaves_a_record_that_comes_due_again(stage: Stage) -> None:
    stage.push("1")

    def dies(_: Ask) -> Answer:
        raise KeyboardInterrupt

    stage.connector.say = dies
    with pytest.raises(KeyboardInterrupt):
        stage.resolve()
    stage.connector.say = lambda ask: Found({"telephone": PHONE})

    assert stage.resolve() == {}
    stage.later(minutes=3)
    assert stage.resolve() == {"queued": 1}


def test_pauses_grow_and_end_in_a_held_record(stage: Stage) -> None:
    stage.push("1")
    stage.connector.say = lambda ask: Later("busy")
    rounds = 0
    while stage.outcomes() == {"waiting": 1}:
        stage.resolve()
        stage.later(minutes=16)
        rounds += 1

    assert rounds == 20
    assert stage.outcomes() == {"held": 1}
    with stage.hub.engine.begin() as conn:
        held = conn.execute(sa.text("SELECT reason, detail FROM inbox.held")).one()
    assert tuple(held) == ("unresolved", "busy")


def test_what_is_nobodys_failure_waits_without_a_limit(stage: Stage) -> None:
    stage.push("1")
    stage.connector.say = lambda ask: Later("quota", after_s=60.0, counts=False)
    for _ in range(25):
        stage.resolve()
        stage.later(minutes=2)

    assert stage.outcomes() == {"waiting": 1}


def test_what_the_platform_will_never_say_is_held_and_can_be_tried_again(stage: Stage) -> None:
    stage.push("1")
    stage.connector.say = lambda ask: Never("no_such_customer")

    assert stage.resolve() == {"held": 1}
    stage.connector.say = lambda ask: Found({"telephone": PHONE})
    with stage.hub.engine.begin() as conn:
        held = list(conn.execute(sa.text("SELECT record_id FROM inbox.held")).scalars())
    replay_held(stage.hub.engine, held, by="a person")
    stage.loader.drain()
    assert stage.outcomes() == {"waiting": 1}
    stage.resolve()
    stage.loader.drain()
    assert stage.outcomes() == {"loaded": 1}


def test_a_lead_may_be_loaded_as_it_is_and_asked_about_again(stage: Stage) -> None:
    """A masked phone until the quota of the next day: in the CRM now, complete later, one lead."""
    stage.push("1")
    stage.connector.say = lambda ask: Found({"telephone": "199****1234"}, again_s=3600.0)
    stage.resolve()
    stage.loader.drain()

    assert stage.outcomes() == {"loaded": 1}
    stage.connector.say = lambda ask: Found({"telephone": PHONE})
    assert stage.resolve() == {}
    stage.later(hours=1)
    assert stage.resolve() == {"queued": 1}
    assert stage.outcomes() == {"loaded": 1}
    stage.loader.drain()
    assert stage.outcomes() == {"loaded": 1}
    assert stage.payloads()[0][RESOLVED] == {"telephone": PHONE}
    assert stage.connector.asked[-1][0].needs == "phone"


def test_an_answer_that_is_known_costs_no_call(stage: Stage) -> None:
    stage.connector.shared_key = True
    stage.push("1", remark="Enc.same")
    stage.resolve()
    stage.push("2", remark="Enc.same")
    stage.push("3", remark="Enc.other")
    stage.resolve()

    asked = [ask.payload["remark"] for batch in stage.connector.asked for ask in batch]
    assert asked == ["Enc.same", "Enc.other"]
    assert [one[RESOLVED] for one in stage.payloads()] == [{"telephone": PHONE}] * 3


@pytest.mark.parametrize(
    ("error", "alerted"),
    [
        (PlatformDownError("away", retry_after_s=30.0), []),
        (PlatformRejectedError("not allowed", code="48002"), ["resolve-refused:douyin"]),
        (ConfigError("douyin needs options.x"), ["resolve-refused:douyin"]),
        (AuthorizationLostError("gone", code="40103"), []),
        (RuntimeError("a bug"), []),
    ],
)
def test_an_error_for_all_makes_them_wait_on(
    stage: Stage, error: Exception, alerted: list[str]
) -> None:
    stage.push("1", "2")

    def fails(_: Ask) -> Answer:
        raise error

    stage.connector.say = fails
    for _ in range(3):
        assert stage.resolve() == {"waiting": 2}
        stage.later(minutes=6)

    assert stage.outcomes() == {"waiting": 2}
    assert [key for key in stage.alerts() if "refused" in key] == alerted
    stage.connector.say = lambda ask: Found({"telephone": PHONE})
    stage.later(minutes=6)
    stage.resolve()
    assert not [key for key in stage.alerts() if "refused" in key]


def test_what_waits_too_long_is_alerted_until_it_is_over(stage: Stage) -> None:
    stage.push("1")
    stage.connector.say = lambda ask: Later("busy", after_s=600.0)
    stage.resolve()
    stage.later(minutes=16)
    stage.resolve()

    assert stage.alerts() == ["waiting:douyin"]
    stage.connector.say = lambda ask: Found({"telephone": PHONE})
    stage.later(minutes=16)
    stage.resolve()
    assert stage.alerts() == []


def test_one_process_asks_a_source_at_a_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.push("1", "2", "3")
    beside: list[dict[str, int]] = []
    original = stage.connector.resolve

    async def slow(session: Any, asks: Sequence[Ask], source: SourceSettings) -> Sequence[Answer]:
        beside.append(dict(await stage.another().run_once()))
        return await original(session, asks, source)

    monkeypatch.setattr(stage.connector, "ask_size", 1)
    monkeypatch.setattr(stage.connector, "resolve", slow)
    stage.resolve()

    assert beside == [{}]


def test_a_daily_quota_is_kept_by_all_together(engine: sa.Engine) -> None:
    source = SourceSettings(platform="douyin", owner="运营")
    quota, day = DailyQuota(engine, "laike", source), date(2026, 2, 17)

    async def takes() -> list[int]:
        return await asyncio.gather(
            *(quota.take("decrypt", 40, limit=100, day=day) for _ in range(4))
        )

    def told() -> list[tuple[str, str, int]]:
        with engine.begin() as conn:
            return [(row.dedupe_key, row.owner, row.count) for row in open_alerts(conn)]

    assert sorted(asyncio.run(takes())) == [0, 20, 40, 40]
    assert told() == [("quota:laike", "运营", 60)]
    tomorrow = quota.take("decrypt", 40, limit=100, day=day + timedelta(days=1))
    assert asyncio.run(tomorrow) == 40
    assert told() == []
    with engine.begin() as conn:
        assert used_quota(conn, "laike:decrypt", day) == 100


def test_what_waits_is_told_by_source(stage: Stage) -> None:
    stage.push("1", "2")
    with stage.hub.engine.begin() as conn:
        [row] = what_waits(driver(conn))

    assert (row.source_key, row.records, row.tried) == ("douyin", 2, 0)
    assert row.oldest == AT + timedelta(seconds=1)
