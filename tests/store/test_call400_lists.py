"""What a call centre's push lost is found by its list: the same leads, whichever way they come."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Via
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.platform_count import count_by_list
from hub.steps.sources.pull import PullOptions, pull_source
from hub.steps.work import drain_queue
from tests.conftest import FakeClock
from tests.connectors.test_call400_lists import ENVIRONMENT, KEYS, FakeLists, a_listed_call
from tests.store.test_call400 import a_cdr

pytestmark = pytest.mark.postgres
KEY, DAY = "hotline", date(2026, 2, 16)
NOON = datetime(2026, 2, 16, 4, 0, tzinfo=UTC)  # 12:00 in China
SOURCE = SourceSettings(
    platform="call400",
    push="tccc_cdr",
    account="1400000001",
    pulls=("tccc_cdr_list",),
    options={**KEYS, "retry_budget_s": 0, "calls_per_s": 20},
)


class Centre:
    """A hub with one hotline, and the vendor's side of it."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing, clock: FakeClock) -> None:
        self.engine, self.keyring, self.clock = engine, keyring, clock
        self.settings = HubSettings(sources={KEY: SOURCE})
        self.lists = FakeLists([a_listed_call(n, NOON + timedelta(minutes=n)) for n in range(12)])
        self.options = PullOptions(client_factory=self.lists.client)

    def push(self, *numbers: int) -> None:
        """The pushes of these calls arrive."""
        deliveries = []
        for call in (self.lists.calls[n] for n in numbers):
            envelope = a_cdr(call["SessionId"], **{k: v for k, v in call.items() if k != "Time"})
            arrival = Arrival(Via.PUSH, self.clock(), call["SessionId"])
            deliveries.append(seal_delivery(self.keyring, KEY, SOURCE, envelope, arrival))
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), deliveries)
        self.drain()

    def pull(self) -> Any:
        found = asyncio.run(
            pull_source(
                self.engine,
                self.keyring,
                self.settings,
                KEY,
                now=self.clock(),
                options=self.options,
            )
        )
        self.drain()
        return found

    def drain(self) -> None:
        drain_queue(self.engine, self.keyring, self.settings, name="test")

    def counted(self, table: str) -> int:
        with self.engine.begin() as conn:
            return int(conn.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 -- a constant


@pytest.fixture
def centre(
    engine: sa.Engine, keyring: KeyRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Centre:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Centre(engine, keyring, clock)


def test_what_the_push_lost_is_loaded_and_counted(centre: Centre) -> None:
    centre.push(*range(9))
    found = count_by_list(
        centre.engine, centre.keyring, centre.settings, KEY, DAY, now=centre.clock(),
        load=centre.drain, options=centre.options,
    )  # fmt: skip

    assert (found.stated, found.arrived, found.not_pushed, found.missing) == (12, 12, 3, 0)
    assert centre.counted("crm.lead") == 12
    assert centre.counted("crm.interaction") == 12


@pytest.mark.parametrize("pushed_first", [True, False])
def test_a_call_that_is_pushed_and_listed_is_one_lead_and_one_interaction(
    centre: Centre, pushed_first: bool
) -> None:
    if pushed_first:
        centre.push(*range(12))
    pulled = centre.pull()
    if not pushed_first:
        centre.push(*range(12))

    assert pulled.figures()["reported"] == 12
    assert centre.counted("crm.lead") == 12
    assert centre.counted("crm.contact") == 12
    assert centre.counted("crm.interaction") == 12


def test_a_second_pull_changes_nothing(centre: Centre) -> None:
    centre.pull()
    before = centre.counted("crm.lead_revision")
    centre.clock.advance(600)
    centre.pull()

    assert centre.counted("crm.lead_revision") == before
