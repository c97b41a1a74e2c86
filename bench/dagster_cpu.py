"""What watching costs: CPU seconds and memory of Dagster's processes, with 15 sources whose leads come all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from bench import stage as staging
from bench.cpu import Member, tree
from bench.payloads import encoded, people, pushed
from bench.report import Check, Section, Table
from bench.stage import Stage
from hub.database.engine import driver, make_engine
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.settings import HubSettings, load_settings
from hub.steps.checks import declared_checks
from hub.steps.report import REPEAT_FAILING_EVERY

SOURCES = 15
WARM_UP_S = 45.0
PUSH_EVERY_S = 5.0
PUSHES = 10  # a source and time
# Measured apart, with the executor that this hub uses: a run of one step, from launch to end.
RUN_CPU_S = 4.8
_ABOUT = (
    "Dagster as `python -m hub.definitions.serve` starts it (webserver, daemon, their code servers; SQLite), on a "
    "hub with {sources} sources, one loader, and {rate:g} leads/s: {seconds:g} s, {warm:g} s after the UI answered. "
    "CPU seconds of every process below it, those that ended included; runs of schedules that fall due count."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to look."""

    seconds: float


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `dagster`."""
    rate = SOURCES * PUSHES / PUSH_EVERY_S
    about = _ABOUT.format(sources=SOURCES, rate=rate, seconds=plan.seconds, warm=WARM_UP_S)
    section = Section("dagster", "Dagster as the cockpit", about)
    with _hub(stage) as settings, stage.database() as url:
        engine = make_engine(url)
        port = staging.free_port()
        serve = ("hub.definitions.serve", "--port", str(port))
        try:
            with (
                stage.loaders(url, 1),
                _leads(stage, settings, engine),
                stage.process(url, *serve) as (process, log),
            ):
                staging.wait_for(lambda: "dagster: http" in log.read_text("utf-8"), process)
                time.sleep(WARM_UP_S)
                before, started = tree(process.pid), time.monotonic()
                time.sleep(plan.seconds)
                after, wall_s = tree(process.pid), time.monotonic() - started
            reported, open_windows = _windows(engine)
        finally:
            engine.dispose()
    _fill(section, before, after, wall_s, len(declared_checks(settings)))
    section.checks = [Check("windows that were reported", 1, int(reported > 0))]
    section.notes.append(f"{reported:,} windows were reported, {open_windows:,} not yet.")
    say(f"dagster: {section.notes[0]}")
    return section


def _fill(
    section: Section,
    before: Sequence[Member],
    after: Sequence[Member],
    wall_s: float,
    checks: int,
) -> None:
    """Tables and notes; a process that came meanwhile counts from its start."""
    earlier = {one.pid: one.cpu_s for one in before}
    spent = {one.pid: one.cpu_s - earlier.get(one.pid, 0.0) for one in after}
    total, memory = sum(spent.values()), sum(one.rss_mib for one in after)
    rows = [
        (one.name, f"{spent[one.pid]:.1f}", f"{spent[one.pid] / wall_s:.1%}", f"{one.rss_mib:.0f}")
        for one in sorted(after, key=lambda one: -spent[one.pid])
    ]
    rows.append(("all", f"{total:.1f}", f"{total / wall_s:.1%}", f"{memory:.0f}"))
    section.tables.append(Table(("process", "CPU s", "of a core", "RSS MiB"), rows))
    rounds = wall_s / REPEAT_FAILING_EVERY.total_seconds()
    as_runs, by_source = checks * rounds * RUN_CPU_S, SOURCES * rounds * RUN_CPU_S
    section.notes += [
        f"{total:.1f} CPU s in {wall_s:.0f} s: {total / wall_s:.1%} of a core, for everything that Dagster does.",
        f"{checks} checks are evaluated by the sensor each minute. As runs every five minutes, {RUN_CPU_S} CPU s "
        f"each, they alone would cost {as_runs:,.0f} CPU s in that time; one run a source, {by_source:,.0f} CPU s.",
    ]
    section.raw = {"wall_s": wall_s, "cpu_s": total, "rss_mib": memory, "checks": checks}


@contextmanager
def _hub(stage: Stage) -> Iterator[HubSettings]:
    """Settings with 15 sources, for every process that is started meanwhile."""
    path = stage.folder / "watched.yaml"
    lines = [
        f'  source-{n:02}: {{platform: douyin, push: clue_push, name: "来源 {n}"}}'
        for n in range(SOURCES)
    ]
    path.write_text("sources:\n" + "\n".join(lines) + "\n", "utf-8")
    stage.given["HUB_CONFIG"] = str(path)
    try:
        yield load_settings(path)
    finally:
        del stage.given["HUB_CONFIG"]


@contextmanager
def _leads(stage: Stage, settings: HubSettings, engine: sa.Engine) -> Iterator[None]:
    """Leads of every source, as a receiver stores them, until the end."""
    stop = threading.Event()

    def send() -> None:
        first = 0
        while not stop.wait(PUSH_EVERY_S):
            for source_key in settings.sources:
                _store(stage, settings, engine, source_key, first)
            first += PUSHES

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


def _store(
    stage: Stage, settings: HubSettings, engine: sa.Engine, source_key: str, first: int
) -> None:
    now = datetime.now(UTC)
    deliveries = [
        seal_delivery(
            stage.keyring,
            source_key,
            settings.sources[source_key],
            Envelope(shape="clue_push", body=encoded(pushed(person))),
            Arrival(Via.PUSH, now, f"{source_key}-{person.number}"),
        )
        for person in people(PUSHES, first=first)
    ]
    with engine.begin() as conn:
        store_deliveries(driver(conn), deliveries, receiver="bench")


def _windows(engine: sa.Engine) -> tuple[int, int]:
    """How many windows Dagster has shown, and how many it has not."""
    with engine.begin() as conn:
        query = "SELECT count(reported_at), count(*) - count(reported_at) FROM ops.window"
        row = conn.execute(sa.text(query)).one()
    return int(row[0]), int(row[1])
