"""The simulated lists against a real database: what no push brought is pulled, refusals and all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from hub.connectors.call400.simulator import Simulator
from hub.errors import PlatformRejectedError, RateLimitedError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, PullSettings, SourceSettings
from hub.steps.sources.pull import pull_source
from hub.steps.work import drain_queue
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
KEY, SECRET_ENV = "hotline", "HUB_TEST_CALL400"


@pytest.fixture
def simulator(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(seed=5, clock=clock) as running:
        for name, value in running.environment(SECRET_ENV).items():
            monkeypatch.setenv(name, value)
        yield running


class Line:
    """A hub that pulls one hotline."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing, simulator: Simulator) -> None:
        self.engine, self.keyring, self.simulator = engine, keyring, simulator

    def pull(self, stream: str, clock: FakeClock) -> dict[str, int]:
        options = {**self.simulator.options(SECRET_ENV), "calls_per_s": 20}
        source = SourceSettings(
            platform="call400",
            pulls=(stream,),
            pull=PullSettings(page_size=10),
            options={**options, "retry_budget_s": 0},
        )
        settings = HubSettings(sources={KEY: source})
        pulled = asyncio.run(pull_source(self.engine, self.keyring, settings, KEY, now=clock()))
        drain_queue(self.engine, self.keyring, settings, name="test")
        return pulled.figures()

    def counted(self, what: str) -> int:
        with self.engine.begin() as conn:
            return int(conn.execute(sa.text(f"SELECT count(*) FROM {what}")).scalar_one())  # noqa: S608 -- a constant

    def alerts(self) -> list[str]:
        with self.engine.begin() as conn:
            return list(conn.scalars(sa.text("SELECT dedupe_key FROM alerts.alert")))


@pytest.fixture
def line(engine: sa.Engine, keyring: KeyRing, simulator: Simulator) -> Line:
    return Line(engine, keyring, simulator)


@pytest.mark.parametrize("stream", ["tccc_cdr_list", "clink_cdr"])
def test_every_call_that_came_in_becomes_a_lead(
    line: Line, simulator: Simulator, clock: FakeClock, stream: str
) -> None:
    calls = simulator.world.add_clues(40, created_at=clock() - timedelta(hours=2), every_s=60)
    clock.advance(3600)
    figures = line.pull(stream, clock)
    came_in = sum(not call.outbound for call in calls)

    assert figures["ids"] == (40 if stream == "tccc_cdr_list" else came_in)
    assert line.counted("crm.lead") == came_in
    assert line.counted("crm.interaction") == figures["ids"]
    # A masked number recognises nobody: each of its calls stays a contact of its own.
    contacts = {call.customer for call in calls if not call.outbound}
    assert line.counted("crm.contact") == (len(contacts) if stream == "tccc_cdr_list" else came_in)


def test_a_call_under_way_is_found_once_it_is_over(
    line: Line, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.world.add_clues(1, created_at=clock() - timedelta(seconds=1))
    assert line.pull("tccc_cdr_list", clock)["ids"] == 0
    clock.advance(3000)

    assert line.pull("tccc_cdr_list", clock)["ids"] == 1


def test_a_busy_list_is_left_for_the_next_pull(
    line: Line, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.world.add_clues(3, created_at=clock() - timedelta(hours=2), every_s=1)
    simulator.world.refuse()
    with pytest.raises(RateLimitedError):
        line.pull("tccc_cdr_list", clock)

    assert line.alerts() == []
    assert line.pull("tccc_cdr_list", clock)["ids"] == 3


def test_a_key_that_the_vendor_refuses_is_alerted(
    line: Line, simulator: Simulator, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_ENV, "another-secret")
    with pytest.raises(PlatformRejectedError, match="AuthFailure"):
        line.pull("tccc_cdr_list", clock)

    assert len(simulator.calls) == 1
    assert line.alerts() == [f"pull-refused:{KEY}:tccc_cdr_list:AuthFailure.SignatureFailure"]
