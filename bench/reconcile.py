"""Reconciliation from the store: a full run and a day's increment, seconds and the hub's own memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from bench import books
from bench.figures import Bar, Spread
from bench.report import Check, Section, Table
from bench.stage import ProcessError, Stage, count
from hub.database.engine import libpq_url, make_engine
from hub.settings import HubSettings
from hub.steps.finance.reconcile import reconcile

_ABOUT = (
    "{contracts:,} contracts with opportunity, approval and filed account ({documents:,} documents in all), "
    "{invoices:,} invoices and {receipts:,} receipts of {parties:,} parties, in `finance.document`. Each run is a "
    "process of its own on a copy of that database: it reads, matches, and writes matches, breaks and questions in "
    "one transaction. Memory is the process's greatest resident size (`ru_maxrss`), the interpreter and the hub's "
    "libraries included; PostgreSQL's is not. The increment: {changed:,} documents of a day were revised or "
    "are new, and the calendar has gone on by a day."
)
_DAY_SHARE = 250
"""A year has so many working days: a day brings that part of the contracts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, how many contracts."""

    runs: int
    contracts: int


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `reconcile`."""
    stage.template("bench_books", partial(books.fill, contracts=plan.contracts))
    say(f"reconcile: {plan.contracts:,} contracts are in the store")
    full: list[dict[str, Any]] = []
    day: list[dict[str, Any]] = []
    changed = 0
    checks: list[Check] = []
    for run in range(plan.runs):
        with stage.database("bench_books") as url:
            full.append(_run(stage, url, books.TODAY))
            say(f"reconcile, run {run + 1}: full in {full[-1]['seconds']:.1f} s")
            with psycopg.connect(libpq_url(url)) as conn:
                size = max(1, plan.contracts // _DAY_SHARE)
                changed = books.revise(conn, size, plan.contracts)
            day.append(_run(stage, url, books.TODAY + timedelta(days=1)))
            checks += _checks(url, plan, full[-1], day[-1], size)
        say(f"reconcile, run {run + 1}: {full[-1]['seconds']:.1f} s, {day[-1]['seconds']:.1f} s")
    section = _section(plan, full, day, changed)
    section.checks = checks
    return section


def _run(stage: Stage, url: str, now: datetime) -> dict[str, Any]:
    """What one process says of its run."""
    with stage.process(url, "bench.reconcile", url, now.isoformat()) as (process, log):
        if process.wait(600) != 0:
            raise ProcessError("the reconciling process failed")
        found: dict[str, Any] = json.loads(log.read_text("utf-8").splitlines()[-1])
        return found


def _checks(
    url: str, plan: Plan, full: dict[str, Any], day: dict[str, Any], size: int
) -> list[Check]:
    """Every document is placed, and the increment found just what was revised."""
    parts = range(plan.contracts)
    named = plan.contracts + sum(1 if n % 5 else 2 for n in parts) + sum(2 - n % 2 for n in parts)
    over = count(url, "SELECT count(*) FROM finance.break WHERE kind = 'invoice_over'")
    return [
        Check("matches of the full run", named, full["matches"]),
        Check("breaks of the full run", 0, full["breaks"]),
        Check("questions of the full run", 0, full["questions"]),
        Check("contracts that the increment found over-invoiced", size, over),
        Check("the increment was incremental", 1, int(day["mode"] == "incremental")),
    ]


def _section(
    plan: Plan, full: list[dict[str, Any]], day: list[dict[str, Any]], changed: int
) -> Section:
    invoices = sum(1 if n % 5 else 2 for n in range(plan.contracts))
    receipts = sum(2 - n % 2 for n in range(plan.contracts))
    about = _ABOUT.format(
        contracts=plan.contracts, documents=plan.contracts * 4 + invoices + receipts,
        invoices=invoices, receipts=receipts, changed=changed,
        parties=plan.contracts // books.CONTRACTS_PER_PARTY,
    )  # fmt: skip
    section = Section("reconcile", "Reconciliation", about)
    rows = []
    for title, runs, bar in (("full run", full, 15), ("a day's increment", day, 3)):
        seconds = Spread.of([one["seconds"] for one in runs])
        memory = Spread.of([one["rss_mib"] for one in runs])
        rows.append([title, f"{runs[-1]['documents']:,}", seconds.shown(2), memory.shown()])
        section.bars.append(Bar(f"{title}, seconds", bar, seconds.median, at_least=False))
        section.bars.append(Bar(f"{title}, MiB", 1024, memory.median, at_least=False))
    section.tables.append(Table(["run", "documents read", "seconds", "MiB"], rows))
    section.raw = {"full": full, "day": day}
    return section


def main(url: str, now: str) -> None:
    """Reconcile once and print what it took."""
    engine = make_engine(url)
    started = time.monotonic()
    done = reconcile(engine, HubSettings(), "default", datetime.fromisoformat(now))
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "seconds": seconds, "rss_mib": peak, "mode": done.mode, "matches": done.matches,
                "breaks": done.breaks, "questions": done.questions, "documents": done.documents,
                "by_kind": dict(done.by_kind),
            }
        )
    )  # fmt: skip
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
