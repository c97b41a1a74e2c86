"""The watchdog on a real database: what it raises, how bad, and that it closes again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from hub.alert_settings import WatchSettings
from hub.alerts.reading import open_alerts
from hub.alerts.tables import alert
from hub.database.engine import make_engine
from hub.errors import StoreAwayError
from hub.inbox.tables import held, queue, waiting
from hub.model.delivery import Lane
from hub.model.ids import uuid7
from hub.ops.heartbeats import beat, end_beat
from hub.ops.tables import heartbeat, loader, window
from hub.ops.windows import BUCKETS
from hub.registry.tables import finding
from hub.settings import HubSettings, SourceSettings
from hub.steps.watchdog import store as watchdog_store
from hub.steps.watchdog.sight import Alarm
from hub.steps.watchdog.watchdog import WATCHES, Watch, Watchdog
from tests.some_alert import raise_some, some_facts

pytestmark = pytest.mark.postgres
SETTINGS = HubSettings(
    sources={
        "ads": SourceSettings(platform="douyin", push="clue_push", owner="运营"),
        "shop": SourceSettings(platform="meituan"),
    },
    watch=WatchSettings(disk_warning_mb=0, disk_critical_mb=0),
)
QUIET_DISKS = {name: watch for name, watch in WATCHES.items() if name != "disk"}


@dataclass
class Yard:
    """A database with a watchdog; `now` is moved by hand, what the database wrote is in real time."""

    engine: sa.Engine
    path: Path
    settings: HubSettings = SETTINGS
    watches: Mapping[str, Watch] = field(default_factory=lambda: QUIET_DISKS)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    apart: timedelta = timedelta()

    def __post_init__(self) -> None:
        (self.path / "spool").mkdir(parents=True)
        self.dog = Watchdog(
            self.engine, self.settings, spools=self.path / "spool", home=self.path,
            clock=lambda: datetime.now(UTC) - self.apart, watches=self.watches,
        )  # fmt: skip

    def tick(self, seconds: float = 0.0) -> list[tuple[str, str]]:
        """Look again so many seconds later; what is open then."""
        self.now += timedelta(seconds=seconds)
        self.dog.tick(self.now - self.apart)
        return [(row["dedupe_key"], row["severity"]) for row in self.open()]

    def open(self) -> list[sa.RowMapping]:
        with self.engine.begin() as conn:
            return list(open_alerts(conn))

    def insert(self, table: sa.Table, **values: Any) -> None:
        with self.engine.begin() as conn:
            conn.execute(sa.insert(table).values(**values))

    def delete(self, table: sa.Table) -> None:
        with self.engine.begin() as conn:
            conn.execute(sa.delete(table))

    def say(self, process: str, instance: str = "here", **facts: float) -> None:
        with self.engine.begin() as conn:
            beat(conn, process, instance, facts)

    def a_loader(self, *, seen_s_ago: float, name: str = "work") -> None:
        self.insert(loader, name=name, seen_at=self.now - timedelta(seconds=seen_s_ago))

    def a_queued(self, *, age_s: float = 0.0, lane: Lane = Lane.LIVE) -> None:
        self.insert(
            queue, lane=int(lane), item_id=uuid7(), is_record=False, merchant="default",
            source_key="ads", via="push", received_at=self.now - timedelta(seconds=age_s),
        )  # fmt: skip

    def a_held(self, reason: str = "no_mapping", finding_id: str | None = None) -> None:
        self.insert(
            held, record_id=uuid7(), merchant="default", source_key="ads", entity="clue",
            reason=reason, path="", detail="", held_at=self.now, finding=finding_id,
        )  # fmt: skip


@pytest.fixture
def yard(engine: sa.Engine, tmp_path: Path) -> Yard:
    return Yard(engine, tmp_path / "home")


def test_a_sound_hub_has_no_alert(yard: Yard) -> None:
    yard.say("receiver")
    yard.say("dagster")
    yard.a_loader(seen_s_ago=1)

    assert yard.tick() == []
    assert yard.tick(10) == []


def test_an_empty_hub_has_no_alert(yard: Yard) -> None:
    """Nobody misses what was never there."""
    assert yard.tick(86_400) == []


def test_a_dead_loader_is_critical_once_records_wait(yard: Yard) -> None:
    yard.a_loader(seen_s_ago=40)
    assert yard.tick() == []
    yard.a_queued()

    assert yard.tick() == [("loader", "critical")]
    assert "records wait" in yard.open()[0]["summary"]
    yard.a_loader(seen_s_ago=0)
    assert yard.tick() == []


def test_a_hub_that_never_had_a_loader_gets_half_a_minute_to_start_one(yard: Yard) -> None:
    yard.a_queued()

    assert yard.tick() == []
    assert yard.tick(31) == [("loader", "critical")]


def test_no_loader_for_ten_minutes_is_a_warning_and_one_of_a_run_does_not_count(
    yard: Yard,
) -> None:
    yard.a_loader(seen_s_ago=601)
    yard.a_loader(seen_s_ago=1, name="dagster-run")

    assert yard.tick() == [("loader", "warning")]


def test_receivers_are_missed_when_none_is_left(yard: Yard) -> None:
    yard.say("receiver", "a")
    yard.say("receiver", "b")

    assert yard.tick(61) == [("receiver", "critical")]
    yard.now = datetime.now(UTC)
    yard.say("receiver", "b")
    assert yard.tick() == []


def test_a_receiver_that_ended_in_good_order_is_not_missed(yard: Yard) -> None:
    yard.say("receiver", "a")
    with yard.engine.begin() as conn:
        end_beat(conn, "receiver", "a")

    assert yard.tick(3600) == []


def test_dagster_is_missed_after_three_minutes(yard: Yard) -> None:
    yard.say("dagster", "daemon")

    assert yard.tick(170) == []
    assert yard.tick(11) == [("dagster", "warning")]


def test_a_notifier_that_looks_is_no_longer_missed(yard: Yard) -> None:
    with yard.engine.begin() as conn:
        raise_some(conn, "notifier")

    assert yard.tick() == []


def test_a_spool_that_stays_in_use_is_told_and_a_nearly_full_one_is_critical(yard: Yard) -> None:
    facts = {"spool_deliveries": 7.0, "spool_bytes": 100.0, "spool_max_bytes": 1000.0}
    yard.say("receiver", "a", **facts)
    assert yard.tick() == []
    yard.tick(50)
    yard.insert(
        heartbeat, process="receiver", instance="later", facts=facts,
        seen_at=yard.now + timedelta(seconds=15),
    )  # fmt: skip

    assert yard.tick(15) == [("spool-used", "warning")]
    assert yard.open()[0]["count"] == 7
    full = {**facts, "spool_bytes": 810.0}
    yard.insert(heartbeat, process="receiver", instance="c", facts=full, seen_at=yard.now)
    assert yard.tick(1) == [("spool-used", "critical")]
    yard.delete(heartbeat)
    assert yard.tick(1) == []


def test_a_spool_file_that_nobody_drains_is_seen_without_a_receiver(yard: Yard) -> None:
    (yard.path / "spool" / "gone-1-abc").mkdir()
    (yard.path / "spool" / "gone-1-abc" / "00000001.spool").write_bytes(b"x")
    yard.tick()

    assert yard.tick(61) == [("spool-used", "warning")]


def test_what_the_database_refused_is_told_until_it_is_gone(yard: Yard) -> None:
    with yard.engine.begin() as conn:  # by the drain, before the next heartbeat tells of it
        raise_some(conn, "spool-refused")
    refused = yard.path / "spool" / "refused"
    assert yard.tick() == [("spool-refused", "critical")]

    refused.mkdir()
    (refused / "one.spool").write_bytes(b"x")
    assert yard.tick(60) == [("spool-refused", "critical")]
    (refused / "one.spool").unlink()
    assert yard.tick(60) == []


@pytest.mark.parametrize(
    ("seconds", "severity"), [(10, None), (-31, "warning"), (31, "warning"), (301, "critical")]
)
def test_clocks_that_differ(yard: Yard, seconds: int, severity: str | None) -> None:
    yard.apart = timedelta(seconds=seconds)
    yard.say("receiver")
    yard.say("dagster")

    assert yard.tick() == ([("clock", severity)] if severity else [])
    yard.apart = timedelta()
    assert yard.tick() == []


def test_an_old_queue_is_a_warning_and_a_backfill_is_none(yard: Yard) -> None:
    yard.a_loader(seen_s_ago=0)
    yard.a_queued(age_s=3000, lane=Lane.BULK)
    yard.a_queued(age_s=59)
    assert yard.tick() == []

    yard.a_queued(age_s=61)
    assert yard.tick() == [("queue-age", "warning")]
    yard.delete(queue)
    assert yard.tick() == []


@pytest.mark.parametrize(("bucket", "took"), [(-4, " ms to load"), (-1, "over an hour to load")])
def test_late_leads_are_told_by_source(yard: Yard, bucket: int, took: str) -> None:
    slow = [0] * BUCKETS
    slow[bucket] = 20
    start = yard.now - timedelta(minutes=2)
    common = {"merchant": "default", "window_start": start, "loader": 1, "mapping_version": "x"}
    yard.insert(window, source_key="ads", loaded=20, latency=slow, **common)
    few = [0] * BUCKETS
    few[-4] = 4
    yard.insert(window, source_key="shop", loaded=4, latency=few, **common)

    assert yard.tick() == [("latency:ads", "warning")]
    row = yard.open()[0]
    assert (row["owner"], row["merchant"], row["count"]) == ("运营", "default", 20)
    assert took in row["summary"]
    assert yard.tick(300) == []


def test_ten_thousand_held_records_are_one_alert_with_their_number(yard: Yard) -> None:
    yard.a_held("unresolved")
    with yard.engine.begin() as conn:
        conn.execute(
            sa.text(
                "INSERT INTO inbox.held (record_id, merchant, source_key, entity, reason, path, detail, held_at)"
                " SELECT gen_random_uuid(), 'default', 'ads', 'clue', 'no_mapping', '', '', now()"
                " FROM generate_series(1, 9999)"
            )
        )

    assert yard.tick() == [("held:ads", "warning")]
    [row] = yard.open()
    assert (row["count"], row["owner"]) == (10_000, "运营")
    assert row["summary"].endswith("10000 records are held: no_mapping 9999, unresolved 1")
    assert row["action"] == "hub held list --source ads"
    yard.delete(held)
    assert yard.tick() == []


def test_what_drift_holds_is_told_by_its_finding_until_that_is_dismissed(yard: Yard) -> None:
    yard.a_held("off_contract", "d1")
    assert yard.tick() == []

    moment = {"first_seen": yard.now, "last_seen": yard.now}
    yard.insert(
        finding, id="d1", merchant="", platform="douyin", entity="clue", source_key="", kind="field_added",
        pointer="/x", severity="critical", breaks="us", detail={}, count=1, reopened=0, state="dismissed",
        **moment,
    )  # fmt: skip
    assert yard.tick() == [("held:ads", "warning")]


def test_records_that_wait_too_long_for_a_platform(yard: Yard) -> None:
    yard.insert(
        waiting, record_id=uuid7(), merchant="default", source_key="ads", entity="clue", needs="phone",
        waiting_since=yard.now - timedelta(seconds=901), not_before=yard.now,
    )  # fmt: skip

    assert yard.tick() == [("waiting:ads", "warning")]


def test_connections_and_old_transactions(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_store, "CONNECTIONS_SHARE", 0.0)
    monkeypatch.setattr(watchdog_store, "OLD_TRANSACTION", timedelta(0))
    other = make_engine(yard.engine.url.render_as_string(hide_password=False))
    with other.connect() as conn:
        conn.execute(sa.text("SELECT 1"))
        found = yard.tick()
    other.dispose()

    assert found == [("connections", "warning"), ("old-transaction", "warning")]


@pytest.mark.parametrize(
    ("free_mb", "size_mb", "severity"),
    [
        (3000, 20_000, None),
        (1900, 10_000, "warning"),
        (9000, 100_000, "warning"),
        (2900, 100_000, "critical"),
        (210, 1000, None),
        (190, 1000, "warning"),
        (59, 1000, "critical"),
    ],
)
def test_a_disk_that_fills_up(
    engine: sa.Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free_mb: int,
    size_mb: int,
    severity: str | None,
) -> None:
    yard = Yard(engine, tmp_path / "home", HubSettings(), {"disk": WATCHES["disk"]})
    room = SimpleNamespace(free=free_mb * 1_048_576, total=size_mb * 1_048_576)
    monkeypatch.setattr("shutil.disk_usage", lambda _: room)
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://elsewhere/hub")

    assert yard.tick() == ([("disk:home", severity)] if severity else [])
    room.free = room.total
    assert yard.tick() == []


def test_the_disk_of_a_receiver_elsewhere_counts_too(yard: Yard, engine: sa.Engine) -> None:
    dog = Yard(engine, yard.path / "more", SETTINGS, {"disk": WATCHES["disk"]})
    dog.say("receiver", "box-two-17-abcdef", disk_bytes=1e9, disk_free_bytes=2e7)

    assert ("disk:receiver-box-two", "critical") in dog.tick()


def test_a_watch_that_fails_says_so_and_closes_nothing(
    engine: sa.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    is_broken = True

    def breaks(_: object) -> Iterator[Alarm]:
        yield Alarm("held:ads", "warning", some_facts("held"))
        if is_broken:
            raise KeyError("19900001234")

    def refused(sight: Any) -> Iterator[Alarm]:
        sight.conn.execute(sa.text("SELECT 1 / 0"))
        yield Alarm("clock", "warning", some_facts("clock"))

    yard = Yard(
        engine, tmp_path / "home", watches={"held": breaks, "clock": refused, **QUIET_DISKS}
    )
    with yard.engine.begin() as conn:
        raise_some(conn, "held:shop", "warning")
    watches = {**QUIET_DISKS, "held": breaks, "clock": refused}
    yard.dog._watches = watches

    with caplog.at_level(logging.ERROR):
        found = yard.tick()
    assert found == [
        ("held:shop", "warning"),
        ("watchdog:clock", "warning"),
        ("watchdog:held", "warning"),
    ]
    assert "19900001234" not in caplog.text + str(yard.open())
    is_broken = False
    watches["clock"] = WATCHES["clock"]
    assert yard.tick() == [("held:ads", "warning")]


def test_a_look_that_takes_too_long_is_the_watchs_failure(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleeps(sight: Any) -> Iterator[Alarm]:
        sight.conn.execute(sa.text("SELECT pg_sleep(60)"))
        yield Alarm("clock", "warning", some_facts("clock"))

    monkeypatch.setattr("hub.steps.watchdog.watchdog.STATEMENT_WITHIN", timedelta(milliseconds=50))
    yard = Yard(engine, tmp_path / "home", watches={"clock": sleeps})

    assert yard.tick() == [("watchdog:clock", "warning")]


def test_a_database_that_is_read_only_or_away_is_said_to_the_caller(
    yard: Yard, database_url: str
) -> None:
    name = sa.engine.make_url(database_url).database
    with yard.engine.begin() as conn:
        conn.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    yard.engine.dispose()

    with pytest.raises(StoreAwayError, match="read-only"):
        yard.tick()

    nowhere = make_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreAwayError):
        Yard(nowhere, yard.path / "more").tick()
    nowhere.dispose()


def test_an_alert_that_says_the_same_is_written_once_a_minute(yard: Yard) -> None:
    yard.a_held()
    yard.tick()
    first = yard.open()[0]["last_at"]
    yard.tick(10)
    assert yard.open()[0]["last_at"] == first

    yard.a_held()
    yard.tick(60)
    assert (yard.open()[0]["last_at"] > first, yard.open()[0]["count"]) == (True, 2)


def test_what_happens_once_is_closed_when_it_stays_quiet(yard: Yard) -> None:
    """Nothing tells that pushes no longer fail; a critical one waits for somebody's acknowledgement."""
    with yard.engine.begin() as conn:
        for key, severity in (("signature:ads", "warning"), ("spool-damaged:a:1", "critical")):
            raise_some(conn, key, severity)  # type: ignore[arg-type]

    assert len(yard.tick(23 * 3600)) == 2
    assert yard.tick(2 * 3600) == [("spool-damaged:a:1", "critical")]
    assert yard.tick(8 * 86_400) == [("spool-damaged:a:1", "critical")]
    with yard.engine.begin() as conn:
        conn.execute(sa.update(alert).values(acknowledged_at=yard.now, acknowledged_by="ops"))
    assert yard.tick() == []


def test_an_alert_of_somebody_else_is_left_alone(yard: Yard) -> None:
    with yard.engine.begin() as conn:
        raise_some(conn, "gate:a:b:c")

    assert yard.tick(86_400) == [("gate:a:b:c", "critical")]


def test_receivers_that_died_long_ago_are_forgotten_once_others_live(yard: Yard) -> None:
    yard.insert(
        heartbeat, process="receiver", instance="old", facts={}, seen_at=yard.now - timedelta(days=2)
    )  # fmt: skip
    assert yard.tick() == [("receiver", "critical")]
    yard.say("receiver", "new")
    yard.tick()
    yard.tick(1)

    with yard.engine.begin() as conn:
        assert list(conn.execute(sa.select(heartbeat.c.instance)).scalars()) == ["new"]
