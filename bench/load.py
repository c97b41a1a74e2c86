"""Inbox → CRM: how fast loaders empty a queue that was filled beforehand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psycopg

from bench import cpu, pages
from bench.copy_floor import BATCH, load_floor
from bench.figures import Bar, Spread, ratios
from bench.payloads import encoded, listed, people, pushed
from bench.report import Check, Section, Table
from bench.stage import ProcessError, Stage, count
from hub.database.engine import libpq_url
from hub.model.delivery import Delivery, Via

_POLL_S = 0.01
_UP_WITHIN_S = 60.0
_EMPTY_WITHIN_S = 900.0
_FLOOR = "`COPY` floor, one process"
_ABOUT = (
    "{count:,} leads over 85,000 possible phones, sealed and queued beforehand as the receiver and the puller "
    "store them: once as webhooks of one lead ({push} bytes), once as pages of {page} ({item} bytes an item). "
    "From the moment loaders that wait at a gate are let in until the queue is empty. Every run ends with "
    "`hub verify --deep`. The floor loads the JSON of the webhooks into one table with one row a phone, "
    "{batch:,} a batch, on one connection: no validation, sealing, archive, history or identity."
)
# The rows that are claimed last tell whether any are left; counting would read every dead one.
_LAST = "SELECT max(seq) FROM inbox.queue WHERE lane = 0"
_AT_THE_GATE = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'inbox.queue'::regclass"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, how many leads."""

    runs: int
    count: int


@dataclass(frozen=True, slots=True)
class Case:
    """A filled queue and who empties it; `held` is how many of its records cannot be loaded."""

    title: str
    template: str
    loaders: int
    held: int = 0


@dataclass(slots=True)
class _Results:
    rates: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    def add(self, title: str, rate: float) -> None:
        self.rates.setdefault(title, []).append(rate)


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `load`."""
    _fill(stage, plan, say)
    payloads = [encoded(pushed(person)) for person in people(plan.count)]
    phones = len({person.mobile for person in people(plan.count)})
    results = _Results()
    for run in range(plan.runs):
        with stage.database() as url:
            seconds, rows = load_floor(url, payloads)
        results.add(_FLOOR, plan.count / seconds)
        results.checks.append(Check(f"run {run + 1}, floor, rows", phones, rows))
        for case in _cases(plan):
            _one(stage, plan, case, results, phones)
            say(f"load, run {run + 1}, {case.title}: {results.rates[case.title][-1]:,.0f}/s")
    return _section(plan, results)


def _cases(plan: Plan) -> list[Case]:
    broken = len(range(0, plan.count, pages.BROKEN_EVERY))
    return [
        Case("webhooks, 1 loader", "bench_webhooks", 1),
        Case("webhooks, 2 loaders", "bench_webhooks", 2),
        Case(f"pages of {pages.PAGE}, 1 loader", "bench_pages", 1),
        Case(f"pages of {pages.PAGE}, 2 loaders", "bench_pages", 2),
        Case("pages, every tenth record broken, 2 loaders", "bench_broken", 2, broken),
    ]


def _fill(stage: Stage, plan: Plan, say: Callable[[str], None]) -> None:
    """Three databases with a full queue, to be copied for every run."""

    def filled(name: str, deliveries: Iterable[Delivery]) -> None:
        stage.template(name, lambda url: pages.fill(url, deliveries))
        say(f"load: {name} has {plan.count:,} records in its queue")

    filled("bench_webhooks", pages.pushes(stage, plan.count))
    filled("bench_pages", pages.pages(stage, plan.count, Via.PULL))
    filled("bench_broken", pages.pages(stage, plan.count, Via.PULL, is_broken=True))


def _one(stage: Stage, plan: Plan, case: Case, results: _Results, phones: int) -> None:
    with stage.database(case.template) as url:
        with Gate(url) as gate, stage.loaders(url, case.loaders) as pids:
            gate.wait_for(case.loaders)
            roles = {"loaders": pids}
            before = stage.usage(roles)
            seconds = gate.time_to_empty()
            spent = stage.usage(roles).since(before)
        results.add(case.title, plan.count / seconds)
        results.cpu[case.title] = cpu.shown(spent, seconds, len(os.sched_getaffinity(0)))
        results.checks += _checks(stage, url, case, plan.count, phones)


class Gate:
    """Keeps loaders from the queue until all are up, so that none has a start over the others.

    It holds the table's lock; the first claim of each loader waits for it.
    """

    def __init__(self, url: str) -> None:
        self._lock = psycopg.connect(libpq_url(url))
        self._look = psycopg.connect(libpq_url(url), autocommit=True)
        self._lock.execute("LOCK TABLE inbox.queue IN ACCESS EXCLUSIVE MODE")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.close()
        self._look.close()

    def wait_for(self, loaders: int) -> None:
        """Return once that many loaders stand at the gate.

        Raises:
            ProcessError: They do not come.
        """
        self._until(lambda: self._number(_AT_THE_GATE) >= loaders, _UP_WITHIN_S)

    def time_to_empty(self) -> float:
        """Let them in; seconds until the queue is empty.

        Raises:
            ProcessError: It does not become empty.
        """
        started = time.monotonic()
        self._lock.commit()
        self._until(lambda: self._number(_LAST) == 0, _EMPTY_WITHIN_S)
        return time.monotonic() - started

    def _number(self, statement: str) -> int:
        row = self._look.execute(statement.encode(), prepare=True).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def _until(self, is_done: Callable[[], bool], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not is_done():
            if time.monotonic() > deadline:
                raise ProcessError(f"loaders were not ready or not done in {within_s:.0f} s")
            time.sleep(_POLL_S)


def _checks(stage: Stage, url: str, case: Case, records: int, phones: int) -> list[Check]:
    """Nothing is lost, nothing doubled: records, leads, held, people; both laws and every fold hold."""
    found = stage.verify(url)
    loaded = records - case.held
    checks = [
        ("records", records, count(url, "SELECT count(*) FROM inbox.record")),
        ("leads", loaded, count(url, "SELECT count(*) FROM crm.lead")),
        ("held", case.held, count(url, "SELECT count(*) FROM inbox.held")),
        ("leads verified", loaded, found["leads"]),
        ("`hub verify --deep` holds", 1, int(found["holds"])),
    ]
    if not case.held:
        checks.append(("contacts", phones, found["contacts"]))
    return [Check(f"{case.title}, {what}", expected, got) for what, expected, got in checks]


def _section(plan: Plan, results: _Results) -> Section:
    person = next(people(1))
    about = _ABOUT.format(
        count=plan.count, push=len(encoded(pushed(person))), item=len(encoded(listed(person))),
        page=pages.PAGE, batch=BATCH,
    )  # fmt: skip
    section = Section("load", "Inbox → CRM", about, checks=results.checks)
    spreads = {title: Spread.of(rates) for title, rates in results.rates.items()}
    section.tables.append(
        Table(
            ["records/s", "rate", "÷ floor"],
            [
                [title, spread.shown(), f"{ratios(spread, spreads[_FLOOR]).median:.2f}"]
                for title, spread in spreads.items()
            ],
        )
    )
    section.bars = [
        Bar(f"{case.title}, records/s", 12_000, spreads[case.title].median)
        for case in _cases(plan)
        if case.loaders == 2 and not case.held
    ]
    section.notes = [f"{title} (last run): {spent}." for title, spent in results.cpu.items()]
    section.raw = dict(results.rates)
    return section
