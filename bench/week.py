"""A week in minutes: real processes under a week's traffic, then a week of windows and checks for Dagster."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import yaml
from sqlalchemy.engine import make_url

from bench import stage as staging
from bench.cpu import tree
from bench.report import Check, Section, Table
from bench.stage import ProcessError, Stage
from bench.week_traffic import Sent, Week
from hub.database.engine import libpq_url, make_engine
from hub.definitions.instance import DATABASE_VARIABLE, write_instance
from hub.settings import HubSettings
from hub.steps.prune import prune

DAYS = 7
_SAMPLE_EVERY_S = 10.0
_WARM_UP_S = 60.0
_MIB = 1_048_576
_ROOT = Path(__file__).parent.parent
_ABOUT = (
    "`hub up` (receiver, loader, notifier, Dagster's code server, webserver and daemon) on PostgreSQL, with {sources} "
    "sources: {leads:,} leads, a week's, within {minutes:g} minutes; 5 % are sent twice, 2 % of the answers are lost, "
    "and in the middle one source renames the phone's field, so that its leads are held. Then Dagster's history of a "
    "real week, by storage: the hub's own sensor drains windows with {per_day:,} leads a day (SQLite {days} days, "
    "PostgreSQL {postgres_days}) and shows all checks {rounds} times, tick after tick; the rounds and heartbeats that "
    "a week has more of are copied in the storage. Then `prune` runs as if all of it were older than `events_days`."
)
_SCHEMAS = """
SELECT n.nspname AS schema, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('inbox', 'registry', 'crm', 'finance', 'alerts', 'ops')
GROUP BY 1 ORDER BY 2 DESC
"""
_TABLES = """
SELECT n.nspname || '.' || c.relname, pg_total_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('inbox', 'registry', 'crm', 'finance', 'alerts', 'ops')
ORDER BY 2 DESC LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Leads a day, minutes in which a week of them comes, what the sensor drains of which storage."""

    per_day: int
    minutes: float
    rounds: int
    windows_days: int
    postgres_days: int

    @property
    def leads(self) -> int:
        """Of the week."""
        return DAYS * self.per_day


@dataclass(slots=True)
class Memory:
    """Resident memory of every process that lived all the time, MiB; one sample each ten seconds."""

    at: list[float] = field(default_factory=list)
    samples: list[Mapping[tuple[int, str], float]] = field(default_factory=list)

    def rows(self) -> list[list[str]]:
        """Each process: at the start, in the middle, at the end, and MiB an hour over the second half."""
        always = set.intersection(*(set(sample) for sample in self.samples))
        found = []
        for key in sorted(always, key=lambda key: -self.samples[-1][key]):
            line = [sample[key] for sample in self.samples]
            half = len(line) // 2
            slope = _slope(self.at[half:], line[half:]) * 3600
            shown = [line[0], line[half], line[-1], slope]
            found.append([key[1], *(f"{value:.0f}" for value in shown)])
        return found


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `week`."""
    week = Week(drift_after=round(plan.leads / 21 / 2))
    about = _ABOUT.format(
        sources=len(week.senders), leads=plan.leads, minutes=plan.minutes, per_day=plan.per_day,
        rounds=plan.rounds, days=plan.windows_days, postgres_days=plan.postgres_days,
    )  # fmt: skip
    section = Section("week", "A week of growth", about)
    with _hub(stage, week), stage.database() as url:
        _live(stage, plan, week, url, section, say)
        found = [
            _history(stage, plan, url, plan.windows_days, None),
            _history(stage, plan, url, plan.postgres_days, stage.database),
        ]
        for one in found:
            say(f"week: {one['storage']}, {one['week']['bytes'] / _MIB:.0f} MiB")
        _tell_history(section, found)
        _tell_pruned(section, url)
    section.raw["history"] = found
    return section


@contextmanager
def _hub(stage: Stage, week: Week) -> Iterator[None]:
    """The settings of all sources, for every process that is started meanwhile."""
    path = stage.folder / "week.yaml"
    path.write_text(yaml.safe_dump(week.config(), allow_unicode=True), "utf-8")
    stage.given |= {"HUB_CONFIG": str(path), **week.secrets}
    try:
        yield
    finally:
        for name in ("HUB_CONFIG", *week.secrets):
            del stage.given[name]


def _live(
    stage: Stage, plan: Plan, week: Week, url: str, section: Section, say: Callable[[str], None]
) -> None:
    """The hub under the week's leads; its sizes and memory."""
    ports = {name: staging.free_port() for name in ("--port", "--dagster-port")}
    options = [part for name, port in ports.items() for part in (name, str(port))]
    with stage.process(url, "hub.cli.main", "up", "--json", *options) as (process, log):
        staging.wait_for(lambda: '"event": "ready"' in log.read_text("utf-8"), process)
        time.sleep(_WARM_UP_S)
        empty = _sizes(url)
        with _sampled(process.pid) as memory:
            sent = asyncio.run(week.send(ports["--port"], plan.leads, plan.minutes * 60))
            _wait_until_loaded(url)
        full = _sizes(url)
        folders = _folders(Path(stage.environment(url)["HUB_HOME"]))
    say(f"week: {sum(one.acknowledged for one in sent.values()):,} leads acknowledged")
    _tell_sizes(section, url, empty, full, folders)
    columns = ("RSS, MiB", "start", "middle", "end", "slope an hour")
    section.tables.append(Table(columns, memory.rows()))
    section.checks += _checks(stage, url, sent)
    section.raw |= {"sent": {key: vars_of(one) for key, one in sent.items()}}


def vars_of(sent: Sent) -> dict[str, int]:
    """A sender's list as JSON."""
    return {"leads": sent.leads, "acknowledged": sent.acknowledged, "attempts": sent.attempts}


@contextmanager
def _sampled(pid: int) -> Iterator[Memory]:
    """Look at the tree's memory until the end of the block."""
    memory, stop = Memory(), threading.Event()

    def look() -> None:
        while True:
            memory.at.append(time.monotonic())
            memory.samples.append({(one.pid, one.name): one.rss_mib for one in tree(pid)})
            if stop.wait(_SAMPLE_EVERY_S):
                return

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        stop.set()
        watcher.join()


def _slope(at: Sequence[float], values: Sequence[float]) -> float:
    """The line of least squares through them, in values a second."""
    if len(at) < 2:
        return 0.0
    mean_at, mean = sum(at) / len(at), sum(values) / len(values)
    spread = sum((one - mean_at) ** 2 for one in at)
    return sum((x - mean_at) * (y - mean) for x, y in zip(at, values, strict=True)) / spread


def _wait_until_loaded(url: str) -> None:
    deadline = time.monotonic() + 300
    while staging.count(url, "SELECT count(*) FROM inbox.queue"):
        if time.monotonic() > deadline:
            raise ProcessError("the queue did not empty")
        time.sleep(1)


def _checks(stage: Stage, url: str, sent: Mapping[str, Sent]) -> list[Check]:
    found = stage.verify(url)
    listed = sum(one.leads for one in sent.values())
    acknowledged = sum(one.acknowledged for one in sent.values())
    leads = staging.count(url, "SELECT count(*) FROM crm.lead")
    held = staging.count(url, "SELECT count(*) FROM inbox.held")
    return [
        Check("leads acknowledged to their senders", listed, acknowledged),
        Check("leads in the CRM or held", listed, leads + held),
        Check("held by the drift, at least one", 1, int(held > 0)),
        Check("`hub verify --deep` holds", 1, int(found["holds"])),
    ]


def _sizes(url: str) -> dict[str, dict[str, int]]:
    """Bytes by schema and of the largest tables, with indexes."""
    with psycopg.connect(libpq_url(url), autocommit=True) as conn:
        return {
            name: {row[0]: int(row[1]) for row in conn.execute(query)}
            for name, query in (("schemas", _SCHEMAS), ("tables", _TABLES))
        }


def _folders(home: Path) -> dict[str, int]:
    """Bytes under each folder of HUB_HOME."""
    found: dict[str, int] = {}
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            parts = path.relative_to(home).parts
            name = "/".join(parts[:2] if parts[0] == "dagster" and len(parts) > 2 else parts[:1])
            found[name] = found.get(name, 0) + path.stat().st_size
    return found


def _tell_sizes(
    section: Section,
    url: str,
    empty: Mapping[str, Mapping[str, int]],
    full: Mapping[str, Mapping[str, int]],
    folders: Mapping[str, int],
) -> None:
    leads = staging.count(url, "SELECT count(*) FROM crm.lead")
    held = staging.count(url, "SELECT count(*) FROM inbox.held")
    rows = [
        [
            name,
            _kib(empty["schemas"][name]),
            _kib(size),
            f"{(size - empty['schemas'][name]) / leads:,.0f}",
        ]
        for name, size in full["schemas"].items()
    ]
    section.tables.append(Table(("schema", "before, KiB", "after, KiB", "bytes a lead"), rows))
    tables = [[name, _kib(size), f"{size / leads:,.0f}"] for name, size in full["tables"].items()]
    section.tables.append(Table(("largest tables", "KiB", "bytes a lead"), tables))
    parts = [[name, _kib(size)] for name, size in sorted(folders.items(), key=lambda one: -one[1])]
    section.tables.append(Table(("under HUB_HOME", "KiB"), parts))
    section.notes.append(f"{leads:,} leads are in the CRM, {held:,} records are held.")
    section.raw |= {"empty": empty, "full": full, "folders": folders, "leads": leads, "held": held}


def _history(
    stage: Stage, plan: Plan, url: str, days: int, database: Callable[[str], Any] | None
) -> dict[str, Any]:
    """`bench.week_history` on the storage that the hub left (SQLite), or on a database of its own."""
    environment = dict(stage.environment(url))
    home = Path(environment["HUB_HOME"]) / ("dagster" if database is None else "dagster-postgres")
    result = stage.folder / f"history-{home.name}.json"
    environment["DAGSTER_HOME"] = str(home)
    command = [
        sys.executable, "-m", "bench.week_history", "--result", str(result), "--leads", str(plan.per_day),
        "--days", str(days), "--rounds", str(plan.rounds),
    ]  # fmt: skip
    if database is None:
        _run(command, environment)
        return dict(json.loads(result.read_text("utf-8")))
    with database("template1") as own:
        # The file names the variable; the embedded server is reached by its socket.
        write_instance(home, postgres_url="postgresql://host/name")
        socket = make_url(own).set(drivername="postgresql+psycopg2")
        environment[DATABASE_VARIABLE] = socket.render_as_string(hide_password=False)
        _run(command, environment)
        return dict(json.loads(result.read_text("utf-8")))


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, env=dict(environment), cwd=_ROOT, capture_output=True, check=False
    )
    if done.returncode:
        raise ProcessError(done.stderr.decode("utf-8", "replace")[-2000:])


def _tell_history(section: Section, found: Sequence[Mapping[str, Any]]) -> None:
    columns = ["Dagster's events", *(one["storage"] for one in found)]
    lines: list[tuple[str, Callable[[Mapping[str, Any]], str]]] = [
        ("windows drained by the sensor", lambda one: f"{one['windows']:,}"),
        ("events of these windows", lambda one: f"{sum(one['drained'].values()):,}"),
        ("seconds it took, tick after tick", lambda one: f"{one['drained_s']:,.0f}"),
        ("MiB of it", lambda one: _mib(one["windowed"]["bytes"] - one["before"]["bytes"])),
        ("bytes an event", lambda one: f"{_each(one, 'before', 'windowed', 'drained'):,.0f}"),
        ("events of a round: all checks, heartbeats", lambda one: f"{_events(one) / one['rounds']:,.0f}"),
        ("bytes an event of it", lambda one: f"{_each(one, 'rounds_before', 'rounds_after', 'round_events'):,.0f}"),
        ("such rounds in a week", lambda one: f"{one['rounds_in_week']:,}"),
        ("rounds of what fails, besides", lambda one: f"{one['failing_in_week']:,}"),
        ("heartbeats of three processes in a week", lambda one: f"{3 * one['beats_in_week']:,}"),
        ("**a week: rows of events and results**", lambda one: f"{one['week']['rows']:,}"),
        ("**a week: MiB**", lambda one: _mib(one["week"]["bytes"])),
        ("runs that schedules start in a week", lambda one: f"{one['runs_in_week']:,}"),
        ("KiB a run", lambda one: f"{one['bytes_a_run'] / 1024:,.0f}"),
        ("rows after `prune`", lambda one: f"{one['after']['rows']:,}"),
        ("MiB after `prune`", lambda one: _mib(one["after"]["bytes"])),
        ("seconds that `prune` took", lambda one: f"{one['prune_s']:,.0f}"),
        ("MiB after a second week of rounds", lambda one: _mib(one["again"]["bytes"])),
    ]  # fmt: skip
    rows = [[title, *(tell(one) for one in found)] for title, tell in lines]
    section.tables.append(Table(columns, rows))


def _events(one: Mapping[str, Any]) -> int:
    return sum(one["round_events"].values())


def _each(one: Mapping[str, Any], before: str, after: str, written: str) -> float:
    events = sum(one[written].values())
    return float((one[after]["bytes"] - one[before]["bytes"]) / events) if events else 0.0


def _tell_pruned(section: Section, url: str) -> None:
    """`hub prune` once all that the week left is old."""
    settings = HubSettings()
    engine = make_engine(url)
    try:
        later = datetime.now(UTC) + timedelta(days=DAYS + settings.prune.windows_days)
        before, began = _sizes(url)["schemas"], time.monotonic()
        pruned = prune(engine, settings, later)
        took = time.monotonic() - began
    finally:
        engine.dispose()
    told = ", ".join(f"{count:,} of {name}" for name, count in pruned.items() if count)
    section.notes.append(
        f"`hub prune`, asked {(later - datetime.now(UTC)).days} days later: {told or 'nothing'}, in {took:.1f} s;"
        f" `ops` had {_kib(before['ops'])} KiB."
    )
    section.notes.append(f"Load of the machine at the end: {os.getloadavg()[0]:.1f}.")


def _kib(size: int) -> str:
    return f"{size / 1024:,.0f}"


def _mib(size: int) -> str:
    return f"{size / _MIB:,.1f}"
