"""`python -m bench`: measure, print Markdown for docs/performance.md; exit 1 only for a wrong count."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import (
    acks,
    dagster_cpu,
    detection,
    files,
    identity,
    latency,
    load,
    machine,
    mapping,
    match,
    reconcile,
    report,
    week,
    wrk,
)
from bench.report import Section
from bench.stage import ProcessError, Stage

Say = Callable[[str], None]


def _acks(stage: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    return acks.measure(stage, acks.Plan(runs, 2 if quick else 8), say)


def _latency(stage: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    plan = latency.Plan(runs, 8, 8_000) if quick else latency.Plan(runs, 60, 80_000)
    return latency.measure(stage, plan, say)


def _load(stage: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    return load.measure(stage, load.Plan(runs, 5_000 if quick else 100_000), say)


def _mapping(_: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    return mapping.measure(mapping.Plan(runs, 2_000 if quick else 20_000), say)


def _detection(stage: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    plan = detection.Plan(3, 4_000) if quick else detection.Plan(max(9, runs), 20_000)
    return detection.measure(stage, plan, say)


def _files(stage: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    return files.measure(stage, files.Plan(runs, 5_000 if quick else 82_000), say)


def _identity(stage: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    if quick:
        return identity.measure(stage, identity.Plan(runs, (10_000, 40_000), 2_000), say)
    given = os.environ.get("HUB_BENCH_CONTACTS", "100000,1000000")
    return identity.measure(stage, identity.Plan(runs, [int(n) for n in given.split(",")]), say)


def _match(stage: Stage, _: int, say: Say, *, quick: bool) -> Section:
    plan = match.Plan(20_000, 500) if quick else match.Plan(1_000_000, 4_000)
    return match.measure(stage, plan, say)


def _reconcile(stage: Stage, runs: int, say: Say, *, quick: bool) -> Section:
    return reconcile.measure(stage, reconcile.Plan(runs, 2_000 if quick else 100_000), say)


def _dagster(stage: Stage, _: int, say: Say, *, quick: bool) -> Section:
    given = float(os.environ.get("HUB_BENCH_SECONDS") or (60 if quick else 600))
    return dagster_cpu.measure(stage, dagster_cpu.Plan(given), say)


def _week(stage: Stage, _: int, say: Say, *, quick: bool) -> Section:
    plan = week.Plan(60, 1.0, 2, 1, 1) if quick else week.Plan(3000, 15.0, 12, 7, 1)
    return week.measure(stage, plan, say)


_SECTIONS = {
    "acks": _acks,
    "latency": _latency,
    "load": _load,
    "mapping": _mapping,
    "detection": _detection,
    "files": _files,
    "reconcile": _reconcile,
    "match": _match,
    "identity": _identity,
    "week": _week,
    "dagster": _dagster,
}


# Three quarters of an hour: `make week`.
_ONLY_IF_ASKED_FOR = {"week"}


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for, printing each section as soon as it is done; the exit status."""
    given = _parse(arguments)
    if given.seconds:
        os.environ["HUB_BENCH_SECONDS"] = str(given.seconds)
    names = given.only or [name for name in _SECTIONS if name not in _ONLY_IF_ASKED_FOR]
    runs = given.runs or (1 if given.quick else 3)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that no process stays
    try:
        if "acks" in names:
            wrk.require_wrk()
        with Stage() as stage:
            facts = _facts(stage, runs, quick=given.quick)
            sections = [_measured(stage, name, runs, quick=given.quick) for name in names]
    except (ProcessError, wrk.WrkError) as error:
        _say(f"bench: {error}")
        return 2
    if given.json:
        document = report.document(facts, sections)
        given.json.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0 if report.is_right(sections) else 1


def _facts(stage: Stage, runs: int, *, quick: bool) -> dict[str, Any]:
    """The machine, printed."""
    with stage.admin() as conn:
        facts = machine.describe(conn, stage.folder)
    warning = " Quick: too short and too small to be quoted." if quick else ""
    print(machine.line(facts, runs) + warning, flush=True)
    return {**facts, "runs": runs, "quick": quick}


def _measured(stage: Stage, name: str, runs: int, *, quick: bool) -> Section:
    """One section, printed."""
    section = _SECTIONS[name](stage, runs, _say, quick=quick)
    print(f"\n{section.markdown()}", flush=True)
    return section


def _say(text: str) -> None:
    """Progress; not part of the result."""
    print(text, file=sys.stderr, flush=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(_SECTIONS), help="this one only; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--runs", type=int, help="runs of each (3; with --quick 1)")
    parser.add_argument("--seconds", type=float, help="how long `dagster` looks (600; --quick 60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all single runs, too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
