"""The platform's count of a day against what arrived: what a push lost is found, loaded and counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from hub.connectors.douyin.simulator import SimulatedClue, Simulator
from hub.database.engine import driver
from hub.errors import ConfigError
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Via
from hub.ops.platform_counts import PlatformCount, read_counts
from hub.steps.sources.platform_count import (
    Statement,
    count_by_list,
    count_by_statement,
    day_bounds,
    in_words,
)
from hub.steps.work import drain_queue
from tests.conftest import FakeClock
from tests.store.test_load import a_push
from tests.store.test_pull import KEY, Puller, puller, simulator

__all__ = ["puller", "simulator"]

pytestmark = pytest.mark.postgres
DAY = date(2026, 2, 16)
NOON = datetime(2026, 2, 16, 4, 0, tzinfo=UTC)  # 12:00 in China


class Counter:
    """A source with push and pull, and what is pushed of it."""

    def __init__(self, puller: Puller, simulator: Simulator) -> None:
        self.puller, self.simulator = puller.configure(push="clue_push"), simulator

    def push(self, clues: Sequence[SimulatedClue]) -> None:
        source = self.puller.settings.sources[KEY]
        deliveries = [
            seal_delivery(
                self.puller.keyring,
                KEY,
                source,
                a_push(clue.clue_id, mobile=f"1990000{n:04d}", create_time="2026-02-16 12:00:00"),
                Arrival(Via.PUSH, self.puller.clock(), clue.clue_id),
            )
            for n, clue in enumerate(clues)
        ]
        with self.puller.engine.begin() as conn:
            store_deliveries(driver(conn), deliveries)
        self.drain()

    def drain(self) -> None:
        p = self.puller
        drain_queue(p.engine, p.keyring, p.settings, name="test")

    def count(self, day: date = DAY) -> PlatformCount:
        p = self.puller
        return count_by_list(
            p.engine, p.keyring, p.settings, KEY, day, now=p.clock(), load=self.drain
        )

    def say(self, leads: int) -> PlatformCount:
        p = self.puller
        said = Statement(KEY, DAY, leads, "person")
        return count_by_statement(p.engine, p.settings, said, now=p.clock())

    def leads(self) -> int:
        with self.puller.engine.begin() as conn:
            return int(conn.execute(sa.text("SELECT count(*) FROM crm.lead")).scalar_one())

    def alerts(self) -> list[tuple[str, str]]:
        statement = "SELECT severity, action FROM alerts.alert WHERE closed_at IS NULL AND dedupe_key LIKE 'platform%'"
        with self.puller.engine.begin() as conn:
            return [(row[0], row[1]) for row in conn.execute(sa.text(statement))]


@pytest.fixture
def counter(puller: Puller, simulator: Simulator) -> Counter:
    return Counter(puller, simulator)


def test_what_the_push_lost_is_loaded_and_counted(counter: Counter) -> None:
    clues = counter.simulator.world.add_clues(25, created_at=NOON, every_s=30.0)
    counter.push(clues[:19])

    found = counter.count()

    assert (found.stated, found.arrived, found.not_pushed, found.missing) == (25, 25, 6, 0)
    assert counter.leads() == 25
    assert counter.alerts() == [("warning", f"hub source show {KEY}")]


def test_a_second_count_of_the_day_says_the_same(counter: Counter) -> None:
    counter.push(counter.simulator.world.add_clues(12, created_at=NOON, every_s=30.0)[:10])
    first = counter.count()
    counter.puller.clock.advance(3600)
    second = counter.count()

    assert (second.arrived, second.not_pushed) == (first.arrived, first.not_pushed) == (12, 2)
    assert counter.leads() == 12
    with counter.puller.engine.begin() as conn:
        assert len(read_counts(conn, since=DAY, source_key=KEY)) == 1


def test_only_the_leads_of_the_day_are_counted(counter: Counter) -> None:
    start, end = day_bounds(DAY)
    world = counter.simulator.world
    counter.push(world.add_clues(4, created_at=start, every_s=1.0))
    world.add_clues(3, created_at=start - timedelta(seconds=30), every_s=1.0)
    world.add_clues(2, created_at=end + timedelta(seconds=30), every_s=1.0)

    assert counter.count().stated == 4


def test_a_day_without_loss_is_silent_and_closes_the_alert(counter: Counter) -> None:
    clues = counter.simulator.world.add_clues(6, created_at=NOON, every_s=30.0)
    assert counter.say(6).missing == 6
    assert counter.alerts() == [("critical", f"hub source count {KEY} --day {DAY}")]
    counter.push(clues)

    assert counter.count().missing == 0
    assert counter.alerts() == []


def test_a_persons_figure_finds_what_is_missing(counter: Counter) -> None:
    counter.push(counter.simulator.world.add_clues(5, created_at=NOON, every_s=30.0))

    found = counter.say(8)

    assert (found.arrived, found.missing) == (5, 3)
    assert in_words(found).endswith("the platform says 8, 5 are leads, 3 are missing")


def test_a_gap_that_a_later_count_filled_is_over_whoever_found_it(counter: Counter) -> None:
    """The critical alert ends; that the push lost leads stays to be looked at."""
    counter.push(counter.simulator.world.add_clues(8, created_at=NOON, every_s=30.0)[:5])
    assert counter.say(8).missing == 3
    counter.puller.clock.advance(60)

    counter.count()

    assert counter.alerts() == [("warning", f"hub source show {KEY}")]
    with counter.puller.engine.begin() as conn:
        counts = read_counts(conn, since=DAY, source_key=KEY)
    assert {one.stated_by: one.missing for one in counts} == {"person": 0, "list": 0}


def test_a_held_record_is_not_missing(counter: Counter, clock: FakeClock) -> None:
    clock.now = NOON
    source = counter.puller.settings.sources[KEY]
    bad = a_push("7400000000000000999", mobile={"no": "number"})
    delivery = seal_delivery(
        counter.puller.keyring, KEY, source, bad, Arrival(Via.PUSH, NOON, "bad")
    )
    with counter.puller.engine.begin() as conn:
        store_deliveries(driver(conn), [delivery])
    counter.drain()

    found = counter.say(1)

    assert (found.held, found.missing) == (1, 0)


def test_a_day_that_has_not_begun_is_refused(counter: Counter) -> None:
    with pytest.raises(ConfigError, match="has not begun"):
        counter.count(date(2026, 3, 1))


def test_a_source_without_a_list_says_what_to_do_instead(counter: Counter) -> None:
    counter.puller.configure(pulls=("star_clue",), push="clue_push")

    with pytest.raises(ConfigError, match="--stated N"):
        counter.count()
