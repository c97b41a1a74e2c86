"""A week of Dagster's events, measured: `python -m bench.week_history --result FILE`, in the environment of a hub.

The hub's own sensor drains a week of windows and shows all checks some times over, tick after tick; what it writes
is what the daemon writes. A real week has a round of all checks every hour, of those that fail every five minutes,
and heartbeats every 55 s: the rows of one are copied inside the storage until there are as many. Then `prune` runs
as if all of it were older than `events_days`, and a second week is copied in.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._utils.schedules import schedule_execution_time_iterator

from hub.definitions.location import build_definitions
from hub.definitions.prune_events import RUNLESS, prune_events, shrink, storage_of
from hub.definitions.prune_runs import prune_runs
from hub.definitions.store import HubStore
from hub.ops.heartbeats import beat
from hub.ops.tables import loader, window
from hub.ops.windows import BUCKETS, WINDOW, window_start
from hub.settings import HubSettings, load_settings
from hub.steps.report import (
    BEAT_EVERY,
    NOTIFIER,
    RECEIVER,
    REPEAT_CHECKS_EVERY,
    REPEAT_FAILING_EVERY,
    Progress,
)

WEEK = timedelta(days=7)
# Leads come between eight and ten, as China counts hours.
_FIRST_HOUR, _HOURS = 0, 14
_RUNS = 10
_events, _checks = SqlEventLogStorageTable, AssetCheckExecutionsTable


class History:
    """Dagster's storage of a hub, written as the daemon writes it."""

    def __init__(self, instance: dg.DagsterInstance, settings: HubSettings) -> None:
        self.instance = instance
        self.storage: SqlEventLogStorage = storage_of(instance)
        self.defs = build_definitions(settings)
        self._repository = self.defs.get_repository_def()
        self._sensor = self._repository.get_sensor_def("report_loader")
        self._cursor: str | None = None
        self.written: Counter[str] = Counter()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is files."""
        return isinstance(self.storage, SqliteEventLogStorage)

    def tick(self, *, all_checks: bool = False, failing: bool = False) -> int:
        """One tick of the sensor, recorded as the daemon does; how many windows it showed before."""
        if all_checks or failing:
            last = Progress.parse(self._cursor)
            new = replace(last, checked_at=None, failing_at=None, beat_at=None)
            self._cursor = (replace(new, repeated_at=None) if all_checks else new).to_cursor()
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self._cursor,
            repository_def=self._repository,
            resources={"hub": HubStore()},
        )
        found = self._sensor(context)
        assert isinstance(found, dg.SensorResult)  # noqa: S101 -- what the sensor is declared to give
        for event in found.asset_events:
            self.instance.report_runless_asset_event(event)
            self.written[type(event).__name__] += 1
        self._cursor = found.cursor
        return len(Progress.parse(self._cursor).rows)

    def last_id(self, shard: str = "index") -> int:
        """The newest event's id."""
        with self._connection(shard) as conn:
            return int(conn.execute(sa.select(sa.func.max(_events.c.id))).scalar() or 0)

    def last_check(self) -> int:
        """The newest check result's id."""
        with self.storage.index_connection() as conn:
            return int(conn.execute(sa.select(sa.func.max(_checks.c.id))).scalar() or 0)

    def copy_round(self, marks: Mapping[str, int], times: int, beats: int) -> None:
        """The rows since `marks` again, `times` over, and the heartbeats among them `beats` times over."""
        is_beat = _events.c.asset_key.like("%heartbeat%") & (
            _events.c.dagster_event_type == "ASSET_MATERIALIZATION"
        )
        for shard in ("index", RUNLESS) if self.is_sqlite else ("index",):
            rows = (_events.c.id > marks[shard]) & (_events.c.id <= self.last_id(shard))
            with self._connection(shard) as conn:
                _copy(conn, _events, rows & ~is_beat, times)
                _copy(conn, _events, rows & is_beat, beats)
        rows = (_checks.c.id > marks["checks"]) & (_checks.c.id <= self.last_check())
        with self.storage.index_connection() as conn:
            _copy(conn, _checks, rows, times)

    def marks(self) -> dict[str, int]:
        """Where every table ends now."""
        shards = {"index": self.last_id(), "checks": self.last_check()}
        return {**shards, RUNLESS: self.last_id(RUNLESS)} if self.is_sqlite else shards

    def prune(self) -> tuple[dict[str, int], float]:
        """What the job does, with everything old: what went, and how many seconds it took."""
        now, began = datetime.now(UTC), time.monotonic()
        pruned = {"runs": prune_runs(self.instance, now, now, dry_run=False)}
        pruned |= prune_events(self.instance, now, dry_run=False)
        pruned["bytes_given_back"] = shrink(self.instance)
        return pruned, time.monotonic() - began

    def run(self, job: str) -> None:
        """A run of a job, in this process."""
        self.defs.resolve_job_def(job).execute_in_process(instance=self.instance)

    def runs_in(self, span: timedelta) -> int:
        """How many runs all schedules together ask for."""
        now = time.time()
        found = 0
        for schedule in self._repository.schedule_defs:
            ticks = schedule_execution_time_iterator(
                now, str(schedule.cron_schedule), schedule.execution_timezone or "UTC"
            )
            found += sum(
                1 for _ in takewhile(lambda at: at.timestamp() < now + span.total_seconds(), ticks)
            )
        return found

    def total(self) -> int:
        """Bytes of everything that Dagster keeps: database and files."""
        home = Path(self.instance.root_directory)
        files = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
        if self.is_sqlite:
            return files
        with self.storage.index_connection() as conn:
            query = sa.text("SELECT pg_database_size(current_database())")
            return files + int(conn.execute(query).scalar_one())

    def size(self) -> dict[str, int]:
        """Bytes and rows as they are now; what is written is on disk first."""
        events = sa.select(sa.func.count()).select_from(_events)
        results = sa.select(sa.func.count()).select_from(_checks)
        with self.storage.index_connection() as conn:
            rows = int(conn.execute(events).scalar_one()) + int(conn.execute(results).scalar_one())
            if not self.is_sqlite:
                names = ("event_logs", "asset_check_executions", "asset_event_tags", "asset_keys")
                query = sa.text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
                taken = (conn.execute(query, {"name": name}).scalar_one() for name in names)
                return {"bytes": sum(map(int, taken)), "rows": rows}
        return {"bytes": sum(_checkpointed(path) for path in self._files()), "rows": rows}

    def vacuum(self) -> None:
        """What autovacuum does in the background (PostgreSQL)."""
        if not self.is_sqlite:
            with self.storage.index_connection() as conn:
                conn.execute(sa.text("VACUUM event_logs, asset_check_executions"))

    def _files(self) -> list[Path]:
        assert isinstance(self.storage, SqliteEventLogStorage)  # noqa: S101 -- asked for files only
        return [Path(self.storage.path_for_shard(shard)) for shard in ("index", RUNLESS)]

    def _connection(self, shard: str) -> Any:  # noqa: ANN401 -- Dagster's context manager
        is_index = shard == "index"
        return self.storage.index_connection() if is_index else self.storage.run_connection(shard)


def _checkpointed(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=30)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def _copy(conn: sa.Connection, table: sa.Table, rows: sa.ColumnElement[bool], times: int) -> None:
    """The rows again, so many times, in the order in which they stand."""
    if times <= 0:
        return
    number = sa.select(sa.literal(1).label("n")).cte("number", recursive=True)
    number = number.union_all(sa.select(number.c.n + 1).where(number.c.n < times))
    columns = [column for column in table.c if column.name not in ("id", "create_timestamp")]
    again = sa.select(*columns).select_from(table.join(number, sa.true())).where(rows)
    again = again.order_by(number.c.n, table.c.id)
    conn.execute(sa.insert(table).from_select([c.name for c in columns], again))


def write_windows(engine: sa.Engine, settings: HubSettings, leads: int, days: int) -> int:
    """Rows of `ops.window` as a loader leaves them: `leads` a day, each source its share, by day; how many."""
    chance = random.Random(1)  # noqa: S311 -- invented traffic, the same each time
    sources = list(settings.all_sources().items())
    weights = [3.0 if n == 0 else 2.0 if n == 1 else 1.0 for n in range(len(sources))]
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows: list[dict[str, Any]] = []
    for day in range(1, days + 1):
        first = midnight - timedelta(days=day) + timedelta(hours=_FIRST_HOUR)
        found = Counter(
            (place, window_start(first + chance.random() * timedelta(hours=_HOURS)))
            for place in chance.choices(range(len(sources)), weights, k=leads)
        )
        rows += [_window(*sources[place], start, count) for (place, start), count in found.items()]
    with engine.begin() as conn:
        conn.execute(sa.insert(window), rows)
    return len(rows)


def _window(source_key: str, source: Any, start: datetime, count: int) -> dict[str, Any]:  # noqa: ANN401 -- settings
    shape = "form" if source.platform == "webform" else source.push
    return {
        "merchant": source.merchant,
        "source_key": source_key,
        "window_start": start,
        "loader": 1,
        "mapping_version": f"{source.platform}/{shape}/1-0-0",
        "loaded": count,
        "latency": [0, 0, count, *([0] * (BUCKETS - 3))],
    }


def measure(history: History, engine: sa.Engine, given: argparse.Namespace) -> dict[str, Any]:
    """All of it; sizes in bytes."""
    found: dict[str, Any] = {"storage": "SQLite" if history.is_sqlite else "PostgreSQL"}
    with engine.begin() as conn:
        conn.execute(sa.delete(window))
    history.tick(all_checks=True)
    found |= _runs(history)
    found["before"] = history.size()
    found["windows"] = write_windows(engine, load_settings(), given.leads, given.days)
    found |= _drained(history, engine)
    found |= _rounds(history, engine, given.rounds)
    found["week"] = history.size()
    found["pruned"], found["prune_s"] = history.prune()
    history.vacuum()
    found["after"] = history.size()
    found |= _second_week(history, engine)
    return found


def _runs(history: History) -> dict[str, Any]:
    """What a run takes; the job is one that a schedule starts every hour."""
    history.run("keep_grants")  # what is made once
    before = history.total()
    for _ in range(_RUNS):
        history.run("keep_grants")
    taken = (history.total() - before) / _RUNS
    return {"bytes_a_run": taken, "runs_in_week": history.runs_in(WEEK)}


def _second_week(history: History, engine: sa.Engine) -> dict[str, Any]:
    """As many rounds again: whether the room that was pruned is used."""
    _rounds(history, engine, 1)
    return {"again": history.size()}


def _drained(history: History, engine: sa.Engine) -> dict[str, Any]:
    """The windows, tick after tick, until all are shown and confirmed."""
    history.written.clear()
    began, ticks = time.monotonic(), 0
    while history.tick() or _open(engine):
        ticks += 1
    after = history.size()
    return {
        "drained_s": time.monotonic() - began,
        "ticks": ticks,
        "drained": dict(history.written),
        "windowed": after,
    }


def _open(engine: sa.Engine) -> bool:
    finished = window.c.window_start < datetime.now(UTC) - 2 * WINDOW
    query = sa.select(sa.exists().where(window.c.reported_at.is_(None), finished))
    with engine.begin() as conn:
        return bool(conn.execute(query).scalar())


def _say_alive(engine: sa.Engine) -> None:
    """Loader, receiver and notifier have ended; as if they had not."""
    with engine.begin() as conn:
        conn.execute(sa.update(loader).values(seen_at=sa.func.now()))
        for process in (RECEIVER, NOTIFIER):
            beat(conn, process, "bench")


def _rounds(history: History, engine: sa.Engine, rounds: int) -> dict[str, Any]:
    """Rounds of all checks by the sensor, and the rest of the week as copies of the last.

    Between two of them what fails, its summary and the page of sources are written every few minutes.
    """
    before, began = history.size(), time.monotonic()
    history.written.clear()
    marks: dict[str, int] = {}
    for _ in range(rounds):
        marks = history.marks()
        _say_alive(engine)
        history.tick(all_checks=True)
    after, took = history.size(), time.monotonic() - began
    in_week, beats_in_week = (int(WEEK / one) for one in (REPEAT_CHECKS_EVERY, BEAT_EVERY))
    history.copy_round(marks, in_week - rounds, beats_in_week - rounds)
    marks = history.marks()
    history.tick(failing=True)
    failing_in_week = int(WEEK / REPEAT_FAILING_EVERY) - in_week
    history.copy_round(marks, failing_in_week - 1, 0)
    return {
        "rounds": rounds,
        "rounds_s": took,
        "round_events": dict(history.written),
        "rounds_before": before,
        "rounds_after": after,
        "rounds_in_week": in_week,
        "failing_in_week": failing_in_week,
        "beats_in_week": beats_in_week,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.week_history", description=__doc__)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--leads", type=int, default=3000, help="a day, all sources together")
    parser.add_argument("--days", type=int, default=7, help="of windows that the sensor drains")
    parser.add_argument("--rounds", type=int, default=12, help="of all checks by the sensor")
    given = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # a run in this process tells every event
    with dg.DagsterInstance.get() as instance, HubStore().open() as opened:
        found = measure(History(instance, opened.settings), opened.engine, given)
    given.result.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
