"""Acknowledgements a second: the receiver beside a route that does nothing and one insert a request."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import wrk
from bench.figures import Bar, Spread, ratios
from bench.report import Check, Section, Table
from bench.stage import Service, Stage, count

NOOP, SINGLE, HUB = "no-op route", "one insert a request", "`hub receive`"
CONNECTIONS = (16, 64)
_WARM_UP_S = 1.0
_ABOUT = (
    "`wrk`, one thread, closed loop; every request has a body of its own ({size} bytes), signed with "
    "HMAC-SHA256. All three run on uvicorn with uvloop and httptools, one worker, and are measured by turns, "
    "each in a fresh process on a fresh database, for {seconds:g} s after a warm-up. One insert a request does "
    "the work of the hub (verify, seal, dedupe, queue, count) on a pool of {pool} connections. No loader runs."
)
_STORED = {
    "stored": "SELECT count(*) FROM inbox.delivery WHERE duplicate_of IS NULL",
    "queued": "SELECT count(*) FROM inbox.queue",
    "counted": "SELECT sum(deliveries) FROM inbox.acknowledged",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long each contender is measured; `pool` is the rival's."""

    runs: int
    seconds: float
    pool: int = 16


@dataclass(slots=True)
class _Results:
    """By contender and number of connections."""

    rates: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[tuple[str, int], str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    def spread(self, name: str, connections: int) -> Spread:
        return Spread.of(self.rates[name, connections])


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `acks`.

    Raises:
        WrkError: `wrk` is missing, or a contender did not answer every push with success.
    """
    wrk.require_wrk()
    results = _Results()
    series = itertools.count(1, 2)
    for run in range(plan.runs):
        names = [NOOP, SINGLE, HUB]
        order = names[run % 3 :] + names[: run % 3]  # who comes first must not matter
        for connections, name in itertools.product(CONNECTIONS, order):
            with _contender(stage, name, plan.pool) as (service, url):
                place = (name, connections)
                sent = _measure_one(stage, service, place, plan, next(series), results)
                if name != NOOP:
                    _check(results, url, sent, f"run {run + 1}, {name} at {connections}")
            rate = results.rates[name, connections][-1]
            say(f"acks, run {run + 1}, {connections} connections, {name}: {rate:,.0f}/s")
    return _section(plan, results)


@contextmanager
def _contender(stage: Stage, name: str, pool: int) -> Iterator[tuple[Service, str]]:
    """One of the three, freshly started, and its database."""
    with stage.database() as url:
        if name == HUB:
            with stage.receiver(url) as service:
                yield service, url
            return
        command = ["bench.noop"]
        if name == SINGLE:
            command = ["bench.single_insert", "--connections", str(pool)]
        with stage.service(url, *command) as service:
            yield service, url


def _measure_one(
    stage: Stage,
    service: Service,
    place: tuple[str, int],
    plan: Plan,
    series: int,
    results: _Results,
) -> int:
    """Warm up, measure, note rate and CPU; how many pushes were acknowledged in all."""
    connections = place[1]
    warm = wrk.push(service, connections=connections, seconds=_WARM_UP_S, series=series)
    roles = {"server": [service.pid]}
    before = stage.usage(roles)
    done = wrk.push(service, connections=connections, seconds=plan.seconds, series=series + 1)
    spent = stage.usage(roles).since(before)
    results.rates[place].append(done.rate)
    results.cpu[place] = ", ".join(
        f"{role} {s / done.sent * 1e6:.0f} µs" for role, s in spent.items()
    )
    return warm.sent + done.sent


def _check(results: _Results, url: str, sent: int, what: str) -> None:
    """Every acknowledged push is there, once, and none that was not sent."""
    for word, statement in _STORED.items():
        results.checks.append(Check(f"{what}, {word}", sent, count(url, statement)))


def _section(plan: Plan, results: _Results) -> Section:
    about = _ABOUT.format(size=wrk.body_size(), seconds=plan.seconds, pool=plan.pool)
    section = Section("acks", "Webhook → durable acknowledgement", about, checks=results.checks)
    rows = []
    for name in (NOOP, SINGLE, HUB):
        spreads = [results.spread(name, connections) for connections in CONNECTIONS]
        against = [ratios(results.spread(HUB, c), results.spread(name, c)) for c in CONNECTIONS]
        rows.append([name, *(s.shown() for s in spreads), *(f"{r.median:.2f}" for r in against)])
    columns = ["acknowledgements/s", *(f"{c} connections" for c in CONNECTIONS)]
    columns += [f"hub ÷ this at {c}" for c in CONNECTIONS]
    section.tables.append(Table(columns, rows))
    section.bars = [
        _bar(results, SINGLE, 16, 1.5, "× one insert a request at 16"),
        _bar(results, SINGLE, 64, 2.5, "× one insert a request at 64"),
        _bar(results, NOOP, 64, 0.35, "of the no-op route at 64"),
    ]
    for (name, connections), spent in results.cpu.items():
        section.notes.append(
            f"CPU for one push, {name} at {connections} (last run): {spent} (`wrk` with it)."
        )
    section.raw = {f"{n} at {c}": rates for (n, c), rates in results.rates.items()}
    return section


def _bar(results: _Results, other: str, connections: int, wanted: float, claim: str) -> Bar:
    ratio = ratios(results.spread(HUB, connections), results.spread(other, connections))
    return Bar(f"hub {claim}", wanted, ratio.median, unit=" ×")
