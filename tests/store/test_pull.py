"""Pulling against the simulated platform, page by page into a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.base import Page, connector_for
from hub.connectors.douyin.pull import PATH as CLUE_PATH
from hub.connectors.douyin.simulator import Behaviour, Simulator
from hub.connectors.douyin.star import PATH as STAR_PATH
from hub.errors import AuthorizationLostError, ConfigError, PlatformRejectedError, RateLimitedError
from hub.inbox.sealing import unseal_envelope
from hub.inbox.tables import queue
from hub.model.delivery import Lane
from hub.ops.cursors import read_cursor
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, PullSettings, SourceSettings
from hub.steps.sources.authorize import finish_authorization
from hub.steps.sources.grant import grant_of
from hub.steps.sources.pull import PullOptions, PullResult, pull_source, pull_streams
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
KEY = "ads"
SECRET_ENV = "HUB_TEST_DOUYIN_SECRET"


class StoppedError(Exception):
    """The process dies here."""


@pytest.fixture
def simulator(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(seed=7, clock=clock) as running:
        monkeypatch.setenv(SECRET_ENV, running.world.app_secret)
        yield running


def settings_for(
    simulator: Simulator,
    *,
    pulls: tuple[str, ...] = ("clue",),
    push: str | None = None,
    page_size: int = 10,
    **options: Any,
) -> HubSettings:
    merged = {
        **simulator.options(SECRET_ENV),
        "retry_budget_s": 0,
        "account_qps": 1000,
        "developer_qps": 1000,
        **options,
    }
    source = SourceSettings(
        platform="douyin",
        push=push,
        pulls=pulls,
        pull=PullSettings(page_size=page_size),
        options=merged,
    )
    return HubSettings(sources={KEY: source})


class Puller:
    """The steps with everything filled in."""

    def __init__(
        self, engine: sa.Engine, keyring: KeyRing, simulator: Simulator, clock: FakeClock
    ) -> None:
        self.engine, self.keyring, self.simulator, self.clock = engine, keyring, simulator, clock
        self.settings = settings_for(simulator)

    def configure(self, **changes: Any) -> Puller:
        self.settings = settings_for(self.simulator, **changes)
        return self

    def authorize(self) -> Puller:
        grant = grant_of(self.engine, self.keyring, self.settings, KEY)
        finish_authorization(grant, code=self.simulator.world.new_code(), now=self.clock())
        return self

    def pull(self, options: PullOptions | None = None) -> PullResult:
        return asyncio.run(
            pull_source(
                self.engine,
                self.keyring,
                self.settings,
                KEY,
                now=self.clock(),
                options=options or PullOptions(),
            )
        )

    def streams(self) -> PullResult:
        return asyncio.run(
            pull_streams(self.engine, self.keyring, self.settings, KEY, now=self.clock())
        )

    def stored(self) -> list[dict[str, Any]]:
        """Every record in the queue, in the order of its delivery."""
        import json

        source = self.settings.sources[KEY]
        with self.engine.begin() as conn:
            rows = conn.execute(sa.select(queue.c.item_id, queue.c.sealed).order_by(queue.c.seq))
            envelopes = [unseal_envelope(self.keyring, row.sealed, row.item_id) for row in rows]
        records = [r for e in envelopes for r in connector_for("douyin").split(e, source)]
        assert not any(record.unreadable for record in records)
        return [json.loads(record.payload) for record in records]

    def stored_ids(self) -> set[str]:
        return {item["clue_id"] for item in self.stored()}

    def lanes(self) -> set[int]:
        with self.engine.begin() as conn:
            return set(conn.scalars(sa.select(queue.c.lane)))

    def cursor(self, stream: str = "clue") -> Any:
        with self.engine.begin() as conn:
            return read_cursor(conn, KEY, stream)

    def alerts(self) -> list[str]:
        with self.engine.begin() as conn:
            return list(
                conn.scalars(
                    sa.text("SELECT dedupe_key FROM alerts.alert WHERE closed_at IS NULL")
                )
            )


@pytest.fixture
def puller(engine: sa.Engine, keyring: KeyRing, simulator: Simulator, clock: FakeClock) -> Puller:
    return Puller(engine, keyring, simulator, clock).authorize()


def platform_ids(simulator: Simulator) -> set[str]:
    return {clue.clue_id for clue in simulator.clues}


def stop_after(pages: int) -> Callable[[str, Page], None]:
    met = []

    def on_page(stream: str, page: Page) -> None:
        met.append(page)
        if len(met) == pages:
            raise StoppedError

    return on_page


def add_recent(simulator: Simulator, clock: FakeClock, count: int, *, ago_s: float = 3600) -> None:
    simulator.world.add_clues(count, created_at=clock() - timedelta(seconds=ago_s), every_s=0.5)


def test_every_lead_of_the_platform_is_stored(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 25)

    result = puller.pull()

    assert puller.stored_ids() == platform_ids(simulator)
    assert result.figures() == {
        "pages": 3,
        "stored_pages": 3,
        "ids": 25,
        "failed_streams": 0,
        "reported": 25,
    }
    assert puller.lanes() == {Lane.LIVE}


def test_an_empty_window_stores_nothing_and_moves_the_cursor(
    puller: Puller, clock: FakeClock
) -> None:
    result = puller.pull()

    assert puller.stored() == []
    assert result.figures()["stored_pages"] == 0
    assert puller.cursor() == {"watermark": clock().isoformat()}


def test_leads_that_appear_while_paging_push_none_out(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 30)
    simulator.world.behaviour = Behaviour(clues_per_call=3)

    puller.pull()
    clock.advance(300)
    puller.pull()

    # Those of the last answer may be on no page yet; the next pull's overlap has them.
    assert {c.clue_id for c in simulator.clues if c.created_at < clock()} <= puller.stored_ids()


def test_a_lead_that_becomes_visible_late_is_met_by_the_overlap(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.world.behaviour = Behaviour(visible_after_s=900)
    add_recent(simulator, clock, 5, ago_s=60)
    puller.pull()
    assert puller.stored() == []

    clock.advance(900)
    puller.pull()

    assert puller.stored_ids() == platform_ids(simulator)


def test_fields_that_settle_late_are_stored_again(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 1, ago_s=5)

    for _ in range(4):
        puller.pull()
        clock.advance(300)

    states = [item["convert_status"] for item in puller.stored()]
    assert states[0] == "数据获取中"
    assert states[-1] == "合法转化"


def test_a_pull_that_dies_between_pages_is_resumed_without_loss(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 45)
    with pytest.raises(StoppedError):
        puller.pull(PullOptions(on_page=stop_after(2)))
    assert puller.cursor()["resume"]["page"] == 3

    clock.advance(60)
    result = puller.pull()

    assert puller.stored_ids() == platform_ids(simulator)
    assert result.streams[0].pages == 4  # pages 3 to 5 of the old window, and one of the new
    assert puller.cursor() == {"watermark": clock().isoformat()}


def test_page_and_cursor_are_stored_together_or_not_at_all(
    puller: Puller, simulator: Simulator, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_recent(simulator, clock, 5)

    def broken(*_: Any, **__: Any) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("hub.steps.sources.pull.write_cursor", broken)
        with pytest.raises(StoppedError):
            puller.pull()

    assert puller.stored() == []
    assert puller.cursor() == {}


def test_a_backfill_goes_by_the_bulk_lane_and_leaves_the_cursor(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 12, ago_s=20 * 86_400)
    puller.pull()
    watermark = puller.cursor()
    assert puller.stored() == []

    puller.pull(PullOptions(since=clock() - timedelta(days=30)))

    assert puller.stored_ids() == platform_ids(simulator)
    assert puller.lanes() == {Lane.BULK}
    assert puller.cursor() == watermark


def test_windows_end_where_the_pull_began(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 25)

    puller.pull()

    ends = {call.query["end_time"] for call in simulator.calls if call.path == CLUE_PATH}
    assert ends == {"2026-02-17 20:00:00"}  # noon UTC, as the platform writes it


def test_star_leads_are_paged_until_known_ones(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    puller.configure(pulls=("star_clue",))
    simulator.world.add_star_clues(120, created_at=clock() - timedelta(hours=2))
    puller.configure(pulls=("star_clue",), page_size=50).pull()
    first = len(simulator.calls)
    simulator.world.add_star_clues(3)

    clock.advance(300)
    result = puller.pull()

    phones = {item["phone"] for item in puller.stored()}
    assert phones == {clue.phone for clue in simulator.star_clues}
    assert result.streams[0].ids == 3
    assert len(simulator.calls) - first == 2  # a page with news, a page of known leads


@pytest.mark.parametrize("order", ["newest_first", "oldest_first"])
def test_star_leads_are_found_in_whatever_order_they_are_listed(
    puller: Puller, simulator: Simulator, clock: FakeClock, order: Any
) -> None:
    simulator.world.behaviour = Behaviour(star_order=order)
    puller.configure(pulls=("star_clue",), page_size=10)
    for _ in range(3):
        simulator.world.add_star_clues(35, created_at=clock() - timedelta(minutes=4))
        puller.pull()
        clock.advance(300)

    phones = {item["phone"] for item in puller.stored()}
    assert phones == {clue.phone for clue in simulator.star_clues}


def test_a_star_sweep_that_dies_does_not_make_the_rest_look_known(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    puller.configure(pulls=("star_clue",), page_size=10, star_order="newest_first")
    simulator.world.add_star_clues(35)
    with pytest.raises(StoppedError):
        puller.pull(PullOptions(on_page=stop_after(2)))

    clock.advance(60)
    puller.pull()

    stored = [item["phone"] for item in puller.stored()]
    assert set(stored) == {clue.phone for clue in simulator.star_clues}
    assert len(stored) == 35  # pages that were stored before are not stored again


def test_the_star_cursor_holds_no_phone(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    puller.configure(pulls=("star_clue",))
    simulator.world.add_star_clues(3)

    puller.pull()

    written = str(puller.cursor("star_clue"))
    assert not any(clue.phone in written for clue in simulator.star_clues)


def test_one_stream_that_fails_does_not_stop_the_other(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    puller.configure(pulls=("star_clue", "clue"))
    add_recent(simulator, clock, 4)
    simulator.world.fail_next(STAR_PATH, 40118)

    result = puller.streams()

    failed, good = result.streams
    assert isinstance(failed.error, PlatformRejectedError)
    assert failed.error.code == "40118"
    assert good.ids == 4
    assert puller.alerts() == [f"pull-refused:{KEY}:star_clue:40118"]
    puller.streams()
    assert puller.alerts() == []


def test_an_account_limit_ends_the_pull_after_its_tries_and_keeps_what_came(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 15)
    puller.pull(PullOptions())
    simulator.world.fail_next(CLUE_PATH, 40130, times=10)

    with pytest.raises(RateLimitedError) as caught:
        puller.pull()

    assert caught.value.dimension == "customer"
    assert puller.stored_ids() == platform_ids(simulator)
    assert puller.alerts() == []


def test_an_expired_access_token_is_renewed_on_the_way(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    add_recent(simulator, clock, 25)
    simulator.world.fail_next(CLUE_PATH, 40102)

    puller.pull()

    assert puller.stored_ids() == platform_ids(simulator)


def test_a_lost_grant_stops_pulls_until_a_person_authorises(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.world.new_pair()  # somebody authorised elsewhere: our pair is dead

    with pytest.raises(AuthorizationLostError):
        puller.pull()
    calls = len(simulator.calls)
    with pytest.raises(AuthorizationLostError, match="hub source authorize ads"):
        puller.pull()

    assert len(simulator.calls) == calls  # the platform is left alone
    assert puller.alerts() == [f"grant-lost:{KEY}"]

    puller.authorize().pull()
    assert puller.cursor() == {"watermark": clock().isoformat()}


def test_a_source_without_pulls_is_a_matter_of_configuration(
    puller: Puller, clock: FakeClock
) -> None:
    puller.configure(pulls=())

    with pytest.raises(ConfigError, match="pulls"):
        puller.pull()


def test_a_window_that_ends_before_it_begins_is_refused(puller: Puller, clock: FakeClock) -> None:
    with pytest.raises(ConfigError, match="--since"):
        puller.pull(PullOptions(since=clock() + timedelta(days=1)))


def test_what_is_pulled_twice_is_not_a_duplicate_delivery(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    """Else a platform that shows A, then B, then A again would leave us at B."""
    add_recent(simulator, clock, 3, ago_s=30)
    puller.pull()
    clock.advance(60)
    puller.pull()

    with puller.engine.begin() as conn:
        duplicates = conn.scalar(
            sa.text("SELECT count(*) FROM inbox.delivery WHERE duplicate_of IS NOT NULL")
        )
    assert duplicates == 0
    assert len(puller.stored()) == 6


def test_instants_of_the_platform_are_read_in_its_zone(
    puller: Puller, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.world.add_clues(1, created_at=clock() - timedelta(minutes=1))

    puller.pull()

    expected: datetime = clock() - timedelta(minutes=1) + timedelta(hours=8)
    assert puller.stored()[0]["create_time_detail"] == expected.strftime("%Y-%m-%d %H:%M:%S")
