"""One flow of leads through a receiver and a loader, with or without an import beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import cpu, pages
from bench.figures import Latencies, Schedule
from bench.report import Check
from bench.stage import ProcessError, Stage, count
from bench.watcher import POLL_S, Watcher
from hub.database.engine import libpq_url
from hub.model.delivery import Via

WARM_UP_S = 2.0
_PREPARE_S = 0.3
_ASK_IMPORT_EVERY_S = 0.2
_GIVE_UP_AFTER_S = 60.0
# Leads of the import are numbered apart from those that are pushed meanwhile.
_FIRST_IMPORTED = 100_000_000


@dataclass(frozen=True, slots=True)
class Flow:
    """`rate` leads a second for `seconds` after the warm-up; `imported` leads lie in lane `bulk`."""

    title: str
    rate: float
    seconds: float
    imported: int = 0

    @property
    def leads(self) -> int:
        """How many are pushed in all."""
        return int(self.rate * (WARM_UP_S + self.seconds))


@dataclass(frozen=True, slots=True)
class FlowResult:
    """Latencies of the leads that count; `late_ms` is how far the sender itself fell behind at worst."""

    queryable: Latencies
    acknowledged: Latencies
    late_ms: float
    cpu: str
    import_s: float | None
    checks: list[Check]


class Sender:
    """`python -m bench.sender`, with all its requests made and waiting for the start."""

    def __init__(self, port: int, rate: float, count: int, result: Path) -> None:
        self._schedule = Schedule(0.0, rate, count)
        self._result = result
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.sender", "--port", str(port), "--rate", str(rate),
             "--count", str(count), "--result", str(result)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pid = self._process.pid

    def start(self) -> Schedule:
        """Begin in a moment; when each lead is due."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 -- pipes were asked for
        if self._process.stdout.readline() != "ready\n":
            raise ProcessError("the sender did not come up")
        began = time.monotonic() + _PREPARE_S
        self._process.stdin.write(f"{began!r}\n")
        self._process.stdin.flush()
        return Schedule(began, self._schedule.rate, self._schedule.count)

    def result(self) -> tuple[list[float | None], float]:
        """When each lead was acknowledged (None: never), and the sender's own worst delay in ms."""
        if self._process.wait() != 0:
            raise ProcessError("the sender failed")
        found = json.loads(self._result.read_text("utf-8"))
        return found["acknowledged"], found["late_ms"]

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._process.kill()
        self._process.wait()


@contextmanager
def sender(stage: Stage, port: int, flow: Flow) -> Iterator[Sender]:
    """A sender for `flow` that is gone afterwards."""
    made = Sender(port, flow.rate, flow.leads, stage.folder / "sender.json")
    try:
        yield made
    finally:
        made.end()


def run_flow(stage: Stage, flow: Flow) -> FlowResult:
    """One run of `flow` on a fresh database."""
    with ExitStack() as stack:
        url = stack.enter_context(stage.database())
        with ExitStack() as processes:
            result = _run(stage, flow, url, processes)
        result.checks.extend(_checks(stage, flow, url))
    return result


def noop_latencies(stage: Stage, flow: Flow) -> Latencies:
    """The same sender against the route that does nothing: what client and HTTP alone take."""
    with (
        stage.database() as url,
        stage.service(url, "bench.noop") as service,
        sender(stage, service.port, flow) as platform,
    ):
        schedule = platform.start()
        acknowledged, _ = platform.result()
    return Latencies.of(schedule.latencies_ms(acknowledged, since=schedule.at(0) + WARM_UP_S))


def _run(stage: Stage, flow: Flow, url: str, processes: ExitStack) -> FlowResult:
    receiver = processes.enter_context(stage.receiver(url))
    loaders = processes.enter_context(stage.loaders(url, 1))
    release = processes.enter_context(_import(stage, url, flow.imported))
    conn = processes.enter_context(psycopg.connect(libpq_url(url), autocommit=True))
    watcher = Watcher(conn, flow.leads)
    platform = processes.enter_context(sender(stage, receiver.port, flow))
    schedule = platform.start()
    watcher.follow(schedule)
    roles = {
        "receiver": [receiver.pid], "loader": loaders, "sender": [platform.pid], "watcher": [os.getpid()],
    }  # fmt: skip
    before, began = stage.usage(roles), time.monotonic()
    ended = _watch(watcher, schedule, release if flow.imported else None)
    spent = stage.usage(roles).since(before)
    busy = cpu.shown(spent, time.monotonic() - began, len(os.sched_getaffinity(0)))
    acknowledged, late_ms = platform.result()
    since = schedule.at(0) + WARM_UP_S
    missed = sum(1 for instant in acknowledged if instant is None)
    return FlowResult(
        Latencies.of(schedule.latencies_ms(watcher.seen, since=since, until=ended)),
        Latencies.of(schedule.latencies_ms(acknowledged, since=since, until=ended)),
        late_ms,
        busy,
        ended - since if flow.imported else None,
        [Check(f"{flow.title}, acknowledged", flow.leads, flow.leads - missed)],
    )


@contextmanager
def _import(stage: Stage, url: str, leads: int) -> Iterator[Callable[[], None]]:
    """An import that is stored, but not committed before you call what you are given."""
    with psycopg.connect(libpq_url(url)) as conn:
        if leads:
            pages.store(conn, pages.pages(stage, leads, Via.IMPORT, first=_FIRST_IMPORTED))
        yield conn.commit


def _watch(watcher: Watcher, schedule: Schedule, release: Callable[[], None] | None) -> float:
    """Look until every lead was seen and the import has ended; until when leads were due that count."""
    last = schedule.at(schedule.count)
    release_at = schedule.at(0) + WARM_UP_S
    ended = None if release else last
    asked = release_at
    while not (watcher.has_all and ended) and time.monotonic() < last + _GIVE_UP_AFTER_S:
        began = time.monotonic()
        watcher.look()
        if release and began >= release_at:
            release()
            release = None
        elif not ended and not release and began - asked >= _ASK_IMPORT_EVERY_S:
            asked = began
            ended = None if watcher.has_bulk() else began
        time.sleep(max(0.0, began + POLL_S - time.monotonic()))
    return min(ended or last, last)


def _checks(stage: Stage, flow: Flow, url: str) -> list[Check]:
    """Every lead that was pushed or imported is in the CRM, once; both laws hold."""
    expected = flow.leads + flow.imported
    found = stage.verify(url)
    return [
        Check(f"{flow.title}, leads", expected, count(url, "SELECT count(*) FROM crm.lead")),
        Check(f"{flow.title}, leads verified", expected, found["leads"]),
        Check(f"{flow.title}, `hub verify --deep` holds", 1, int(found["holds"])),
    ]
