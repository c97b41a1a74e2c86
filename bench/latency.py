"""Webhook → queryable, at fixed rates, and while an import runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import pages
from bench.figures import Bar, Latencies, Spread
from bench.flow import WARM_UP_S, Flow, FlowResult, noop_latencies, run_flow
from bench.report import Section, Table
from bench.stage import Stage
from bench.watcher import POLL_S

_ABOUT = (
    "Open loop: lead n is due at start + n ÷ rate, and its latency counts from then until another connection, "
    "which looks every {poll:g} ms, sees its row in `crm.lead`: a stall is not hidden. One receiver, one loader; "
    "{seconds:g} s after {warm:g} s that do not count. For the import, {bulk:,} leads lie sealed in lane `bulk`, "
    "in pages of {page}, and are let loose when the warm-up ends; only leads due while it runs count. The no-op "
    "route is answered, not loaded: it is what sender and HTTP alone take."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, how long each flow, and how many leads the import has."""

    runs: int
    seconds: float
    bulk: int

    def flows(self) -> tuple[Flow, Flow, Flow]:
        """Quiet, busy, and quiet beside an import."""
        return (
            Flow("100 leads/s", 100, self.seconds),
            Flow("500 leads/s", 500, self.seconds),
            Flow(f"100 leads/s, {self.bulk:,} imported", 100, self.seconds, self.bulk),
        )


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `latency`."""
    quiet, busy, beside_import = flows = plan.flows()
    about = _ABOUT.format(
        poll=POLL_S * 1000, seconds=plan.seconds, warm=WARM_UP_S, bulk=plan.bulk, page=pages.PAGE
    )
    section = Section("latency", "Webhook → queryable", about)
    results: dict[Flow, list[FlowResult]] = {flow: [] for flow in flows}
    floors: dict[Flow, list[Latencies]] = {quiet: [], busy: []}
    for run in range(plan.runs):
        for flow in flows:
            results[flow].append(run_flow(stage, flow))
            say(f"latency, run {run + 1}, {flow.title}: {_told(results[flow][-1])}")
        for flow, found in floors.items():
            found.append(noop_latencies(stage, flow))
    section.tables.append(_table(results, floors))
    section.checks = [check for found in results.values() for one in found for check in one.checks]
    section.bars = [
        _bar("500 leads/s, queryable p99", 250, results[busy]),
        _bar("100 leads/s during the import, queryable p99", 300, results[beside_import]),
    ]
    section.notes = [
        f"{flow.title} (last run): {_told(found[-1])}." for flow, found in results.items()
    ]
    section.raw = {
        flow.title: [dataclasses.asdict(one) | {"checks": len(one.checks)} for one in found]
        for flow, found in results.items()
    }
    section.raw |= {
        f"no-op, {flow.title}": [dataclasses.asdict(one) for one in found]
        for flow, found in floors.items()
    }
    return section


def _told(result: FlowResult) -> str:
    found = result.queryable
    text = (
        f"{found.count:,} leads, p50 {found.p50:.0f}, p99 {found.p99:.0f}, max {found.max:.0f} ms"
    )
    if result.import_s is not None:
        text += f"; the import ran for {result.import_s:.1f} s"
    return f"{text}; sender at most {result.late_ms:.0f} ms late; {result.cpu}"


def _bar(claim: str, wanted: float, results: Sequence[FlowResult]) -> Bar:
    got = Spread.of([result.queryable.p99 for result in results]).median
    return Bar(claim, wanted, got, at_least=False, unit=" ms")


def _table(results: dict[Flow, list[FlowResult]], floors: dict[Flow, list[Latencies]]) -> Table:
    rows = []
    for flow, found in results.items():
        rows.append(_row(f"{flow.title}: queryable", [one.queryable for one in found]))
        rows.append(_row(f"{flow.title}: acknowledged", [one.acknowledged for one in found]))
    rows += [_row(f"{flow.title}: no-op route", found) for flow, found in floors.items()]
    return Table(["ms from when it was due", "p50", "p95", "p99", "max"], rows)


def _row(title: str, found: Sequence[Latencies]) -> list[str]:
    columns = [[one.p50, one.p95, one.p99, one.max] for one in found]
    return [title, *(Spread.of(values).shown(1) for values in zip(*columns, strict=True))]
