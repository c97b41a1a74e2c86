"""Pruning a real store: what goes, what stays, and that no law, check or gate notices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from hub.alerts.tables import alert, attempt, message, silence
from hub.cli.main import build
from hub.database.pruning import delete_old
from hub.finance.gate_tables import gate, gate_reading
from hub.ops import loaders
from hub.ops.pruning import gone_loaders, old_windows
from hub.ops.reports import last_windows
from hub.ops.tables import (
    audit,
    authorization_state,
    claim,
    heartbeat,
    loader,
    quota,
    window,
)
from hub.ops.windows import BUCKETS
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps import prune as pruning
from hub.steps.checks import evaluate
from hub.steps.finance.gate import evaluate_gate, gate_history, gate_status
from hub.steps.laws import read_delivery_law, read_record_law, snapshot
from hub.steps.prune import prune
from tests.store.figures_hub import FiguresHub, deal, invoice

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SETTINGS = HubSettings()


class Store:
    """Rows put in by hand, and what of them is there."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def insert(self, table: sa.Table, *rows: dict[str, Any]) -> list[Any]:
        """Insert each row; its first key column."""
        key = next(iter(table.primary_key))
        with self.engine.begin() as conn:
            return [
                conn.execute(sa.insert(table).values(**row).returning(key)).scalar_one()
                for row in rows
            ]

    def column(self, column: sa.Column[Any]) -> list[Any]:
        with self.engine.begin() as conn:
            return list(conn.execute(sa.select(column).order_by(column)).scalars())

    def prune(self, *, now: datetime = NOW, dry_run: bool = False) -> dict[str, int]:
        found = prune(self.engine, SETTINGS, now, dry_run=dry_run)
        return {table: count for table, count in found.items() if count}

    def a_window(self, source_key: str, days: float, *, is_shown: bool = True) -> None:
        start = NOW - days * DAY
        self.insert(
            window,
            {
                "merchant": "default",
                "source_key": source_key,
                "window_start": start,
                "loader": 1,
                "mapping_version": "douyin/clue/1-0-0",
                "loaded": 2,
                "latency": [2, *([0] * (BUCKETS - 1))],
                "reported_at": start + timedelta(minutes=1) if is_shown else None,
            },
        )

    def an_alert(self, number: int, *, settled: bool = True, **times: datetime) -> int:
        closed = times.get("closed_at")
        values = {
            "dedupe_key": f"held:source-{number}",
            "severity": "warning",
            "summary": "s",
            "action": "a",
            "first_at": times.get("first_at", NOW - 300 * DAY),
            "last_at": NOW - 300 * DAY,
            "closed_at": closed,
            "settled_at": closed if settled else None,
        }
        [made] = self.insert(alert, values)
        return int(made)

    def a_message(self, of: int | None, **values: Any) -> None:
        given = {
            "alert_id": of,
            "event": "opened",
            "recipient": "ops",
            "severity": "warning",
            "created_at": NOW - 200 * DAY,
        }
        self.insert(message, {**given, **values})


@pytest.fixture
def store(engine: sa.Engine) -> Store:
    return Store(engine)


def test_old_windows_go_but_the_newest_of_each_source(store: Store) -> None:
    """Freshness and silence are judged by a source's newest window, however old it is."""
    for days in (31, 60, 90):
        store.a_window("dead", days)
    store.a_window("live", 31)
    store.a_window("live", 29)
    store.a_window("live", 0.01)
    with store.engine.begin() as conn:
        before = last_windows(conn, {"dead": "default", "live": "default"})
    pruned = store.prune()
    with store.engine.begin() as conn:
        after = last_windows(conn, {"dead": "default", "live": "default"})

    assert pruned == {"ops.window": 3}
    assert after == before
    assert len(store.column(window.c.window_start)) == 3


def test_windows_that_dagster_never_showed_do_not_stay_for_ever(store: Store) -> None:
    """Where no Dagster runs, nobody marks them."""
    store.a_window("a", 31, is_shown=False)
    store.a_window("a", 29, is_shown=False)
    store.a_window("a", 28, is_shown=False)

    assert store.prune() == {"ops.window": 1}


def test_loaders_that_live_or_left_something_stay(store: Store) -> None:
    seen = NOW - 40 * DAY
    row = {"name": "loader", "started_at": seen, "seen_at": seen}
    gone, claiming, living, last = store.insert(
        loader, row, row, row, {**row, "seen_at": seen + HOUR}
    )
    [of_a_run] = store.insert(loader, {**row, "name": "dagster-run"})
    store.insert(claim, {"loader": claiming, "lane": 0, "seqs": [1]})
    with store.engine.connect() as conn:
        conn.execute(sa.func.pg_advisory_lock(loaders.LOADER_LOCK, living).select())
        pruned = store.prune()

    assert pruned == {"ops.loader": 1}
    assert gone not in store.column(loader.c.id)
    assert store.column(loader.c.id) == [claiming, living, last, of_a_run]


def test_the_last_of_each_process_is_still_missed(store: Store) -> None:
    """If all of them were forgotten, nobody would say that no receiver lives."""
    rows = [("receiver", "a", 5), ("receiver", "b", 3), ("notifier", "n", 0.1)]
    values = [{"process": p, "instance": i, "seen_at": NOW - d * DAY} for p, i, d in rows]
    store.insert(heartbeat, *values)

    assert store.prune() == {"ops.heartbeat": 1}
    assert store.column(heartbeat.c.instance) == ["b", "n"]


def test_an_alert_goes_with_its_messages_once_all_is_told(store: Store) -> None:
    long_ago, lately = NOW - 91 * DAY, NOW - 89 * DAY
    told = store.an_alert(1, closed_at=long_ago)
    store.a_message(told, sent_at=long_ago)
    store.a_message(told, event="closed", given_up_at=long_ago)
    is_open = store.an_alert(2)
    store.a_message(is_open, sent_at=long_ago)
    young = store.an_alert(3, closed_at=lately)
    waiting = store.an_alert(4, closed_at=long_ago)
    store.a_message(waiting, event="closed")
    unsettled = store.an_alert(5, closed_at=long_ago, settled=False)
    store.a_message(unsettled, sent_at=long_ago)
    store.an_alert(6, closed_at=long_ago, settled=False)  # no notifier runs: nobody settles

    assert store.prune() == {"alerts.message": 2, "alerts.alert": 2}
    assert store.column(alert.c.id) == [is_open, young, waiting, unsettled]
    assert len(store.column(message.c.id)) == 3


def test_the_last_try_of_a_channel_and_silences_that_count_stay(store: Store) -> None:
    def a_try(channel: str, days: float) -> dict[str, Any]:
        at = NOW - days * DAY
        return {"channel": channel, "messages": [1], "started_at": at, "ended_at": at}

    def a_silence(until: datetime, pattern: str) -> dict[str, Any]:
        return {"pattern": pattern, "until": until, "reason": "r", "made_by": "ops"}

    store.insert(attempt, a_try("bot", 100), a_try("bot", 95), a_try("mail", 100), a_try("bot", 1))
    store.an_alert(1, first_at=NOW - 150 * DAY)
    store.insert(
        silence,
        a_silence(NOW - 160 * DAY, "over"),
        a_silence(NOW - 120 * DAY, "of an open alert"),
        a_silence(NOW + DAY, "on"),
    )

    assert store.prune() == {"alerts.attempt": 2, "alerts.silence": 1}
    assert store.column(silence.c.pattern) == ["of an open alert", "on"]


def test_a_notice_of_long_ago_keeps_its_text_but_not_its_messages(store: Store) -> None:
    store.a_message(None, notice_id=1, event="notice", sent_at=NOW - 200 * DAY)
    store.a_message(None, notice_id=2, event="notice")
    store.a_message(
        None, notice_id=3, event="notice", sent_at=NOW - 80 * DAY, created_at=NOW - 80 * DAY
    )

    assert store.prune() == {"alerts.message": 1}
    assert store.column(message.c.notice_id) == [2, 3]


def test_states_and_quotas_of_long_ago_go_and_the_audit_stays(store: Store) -> None:
    states = [
        {"state": str(d), "source_key": "a", "expires_at": NOW - d * DAY} for d in (-1, 0.5, 2)
    ]
    store.insert(authorization_state, *states)
    days = [{"name": "a", "day": (NOW - d * DAY).date(), "used": 1} for d in (0, 31, 400)]
    store.insert(quota, *days)
    store.insert(audit, {"at": NOW - 4000 * DAY, "who": "ops", "action": "a", "target": "t"})

    assert store.prune() == {"ops.authorization_state": 1, "ops.quota": 2}
    assert len(store.column(audit.c.id)) == 1


def readings(store: Store, period: str, first: datetime, hours: int, **values: Any) -> None:
    key = {"merchant": "default", "metric": values.pop("metric", "m"), "period": period}
    given = {"version": "1", "detail": "", "numerator_fen": 1, "denominator_fen": 1}
    times = [first + n * HOUR for n in range(hours)]
    rows = [{**key, "hour": at, "at": at, **given, "residual_fen": 0, **values} for at in times]
    with store.engine.begin() as conn:
        conn.execute(sa.insert(gate_reading), rows)


def a_gate(store: Store, period: str, *, over_since: datetime | None) -> None:
    key = {"merchant": "default", "metric": "m", "period": period}
    left = {"known": 0, "is_healthy": True, "evaluated_at": NOW}
    store.insert(gate, {**key, **left, "over_since": over_since, "shut_since": None})


def test_old_readings_are_thinned_to_the_last_known_of_a_day(store: Store) -> None:
    first = datetime(2026, 2, 1, tzinfo=UTC)
    a_gate(store, "2026-01", over_since=None)
    readings(store, "2026-01", first, 20)
    readings(store, "2026-01", first + 20 * HOUR, 28, unknown="stale_source")
    readings(store, "2026-01", NOW - 3 * DAY, 48)

    assert store.prune() == {"finance.gate_reading": 46}
    assert store.column(gate_reading.c.hour)[:2] == [first + 19 * HOUR, first + 47 * HOUR]
    assert len(store.column(gate_reading.c.hour)) == 50


def test_a_gate_that_disagrees_keeps_what_it_is_judged_by(store: Store) -> None:
    since = NOW - 200 * DAY
    a_gate(store, "2026-01", over_since=since)
    readings(store, "2026-01", since - 4 * DAY, 8 * 24, residual_fen=1)
    store.prune()
    kept = store.column(gate_reading.c.hour)

    assert [at for at in kept if at >= since - DAY] == [
        since - DAY + n * HOUR for n in range(5 * 24)
    ]
    assert len(kept) == 5 * 24 + 3  # and one of each whole day before


def test_a_trial_says_what_would_go_and_a_second_time_finds_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when there is more than a transaction takes."""
    monkeypatch.setattr(pruning, "_AT_ONCE", 4)
    for n in range(11):
        store.a_window("a", 40 + n)
    for number in range(5):
        of = store.an_alert(number, closed_at=NOW - 100 * DAY)
        store.a_message(of, sent_at=NOW - 100 * DAY)
    said = store.prune(dry_run=True)
    stood = len(store.column(window.c.window_start))
    done, again = store.prune(), store.prune()

    assert said == done == {"ops.window": 10, "alerts.message": 5, "alerts.alert": 5}
    assert stood == 11
    assert again == {}


def test_what_was_stopped_goes_on_with_the_next_one(store: Store) -> None:
    for n in range(6):
        store.a_window("a", 40 + n)
    with store.engine.begin() as conn:
        assert delete_old(conn, old_windows(NOW - 30 * DAY), 2) == 2

    assert store.prune() == {"ops.window": 3}


def test_a_loader_that_beats_meanwhile_is_not_taken(store: Store) -> None:
    """The row was chosen, then changed by another transaction before it was deleted."""
    seen = NOW - 40 * DAY
    row = {"name": "loader", "started_at": seen, "seen_at": seen}
    first, _ = store.insert(loader, row, {**row, "seen_at": seen + HOUR})
    alive = sa.update(loader).where(loader.c.id == first).values(seen_at=NOW)
    with store.engine.begin() as conn:
        conn.execute(alive)

        assert delete_in_another_session(store.engine) is None  # it waits for us
    with store.engine.begin() as conn:
        assert delete_old(conn, gone_loaders(NOW - 30 * DAY), 10) == 1  # the other one

    assert store.column(loader.c.id) == [first]


def delete_in_another_session(engine: sa.Engine) -> int | None:
    """How many went; None if the session had to wait."""
    with engine.begin() as conn:
        conn.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        try:
            return delete_old(conn, gone_loaders(NOW - 30 * DAY), 10)
        except sa.exc.OperationalError:
            return None


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[FiguresHub]:
    made = FiguresHub(engine, keyring)
    yield made
    made.loader.close()


def test_no_law_check_or_gate_notices(hub: FiguresHub, tmp_path: Path) -> None:
    """All that they say at an instant is the same before pruning and after it."""
    hub.post(*deal("HT-1", 1000), invoice(1, "HT-1", 800))
    first = datetime(2026, 2, 17, 6, 0, tzinfo=UTC)
    for hour in range(40):
        [january] = evaluate_gate(hub.engine, hub.settings, first + hour * HOUR)
    agreed = {"metric": january.name.metric, "residual_fen": 0}
    readings(Store(hub.engine), "2026-01", first - 5 * DAY, 48, **agreed)
    now = first + 400 * DAY

    def said() -> tuple[object, ...]:
        with snapshot(hub.engine) as conn:
            laws = read_delivery_law(conn, {}), read_record_law(conn)
        found = evaluate(hub.engine, hub.settings, now, spool=tmp_path, since=None)
        gates = gate_status(hub.engine, now)
        return laws, found, gates, gate_history(hub.engine, gates[0].name)[0][-8:]

    before = said()
    pruned = prune(hub.engine, hub.settings, now)

    assert said() == before
    assert pruned["finance.gate_reading"] == 45
    assert before[2][0].state.shut_since is not None  # type: ignore[index]  # the gates


def test_the_command_tells_each_table(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.a_window("a", 2000)
    store.a_window("a", 1999)
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    runner = CliRunner()
    trial = runner.invoke(build("prune"), ["prune", "--dry-run"])
    done = runner.invoke(build("prune"), ["prune", "--json"])

    assert trial.exit_code == done.exit_code == 0, trial.output + done.output
    assert "rows that would go" in trial.output
    assert '"ops.window"' in done.output
    assert len(store.column(window.c.window_start)) == 1
