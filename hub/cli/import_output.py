"""What `hub import` shows: the proposal, a progress bar, the figures. Values are masked or not shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub.cli.output import print_json, print_line
from hub.files.proposal import Proposed
from hub.steps.import_file import ImportResult, OnProgress

_STAGES = {"check": "检查", "compare": "与库里比对", "store": "写入"}


def print_proposal(proposed: Sequence[Proposed], said: Mapping[str, str], near: str) -> None:
    """What each column is taken for, on standard error: standard output is for the result.

    `near` says what keeps the file from a saved mapping, "" if nothing does.
    """
    table = Table("列", "样例", "字段", "依据", "把握", box=None, pad_edge=False)
    for one in proposed:
        meaning = said.get(one.column, one.meaning)
        why = "由人指定" if one.column in said else one.why
        sure = "" if one.column in said or one.is_sure else " ?"
        table.add_row(one.column, one.sample, meaning, why, f"{one.confidence:.0%}{sure}")
    width = None if sys.stderr.isatty() else 160
    Console(stderr=True, width=width, markup=False, highlight=False).print(table)
    if near:
        sys.stderr.write(near + "\n")


@contextmanager
def watching(*, quiet: bool) -> Iterator[OnProgress]:
    """A progress bar for each stage on standard error; silent where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def on_progress(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(_STAGES.get(what, what), total=of)
            bars.update(tasks[what], completed=done, total=of)

        yield on_progress


def print_result(
    result: ImportResult,
    document: Mapping[str, Any],
    *,
    columns: Mapping[str, str],
    extra: Sequence[str],
    as_json: bool,
) -> None:
    """The figures of an import, for people or as JSON."""
    if as_json:
        print_json({**document, "columns": dict(columns), "unknown_columns": list(extra)})
        return
    for line in _lines(result):
        print_line(line)
    if extra:
        print_line(f"columns that the mapping does not know, kept: {'、'.join(extra)}")
    if result.report:
        print_line(f"report: {result.report} (personal data; delete it when done)")


def _lines(result: ImportResult) -> Iterator[str]:
    verb = "would be imported" if result.is_dry_run else "imported"
    yield f"{result.read} rows read, {result.accepted} {verb}, {result.rejected} in the report"
    if result.skipped_known:
        yield f"{result.skipped_known} left out: the store knows them"
    if result.duplicate_groups:
        yield f"{result.rows_stored_before} rows had been stored before; they change nothing"
    for name, counts in (("errors", result.errors), ("warnings", result.warnings)):
        if counts:
            yield f"{name}: " + ", ".join(f"{check} {n}" for check, n in counts.items())
    if result.totals_rows:
        numbers = ", ".join(map(str, result.totals_rows))
        yield f"rows that only add up others, left out: {numbers}"
    yield f"mapping: {result.mapping}" + (" (not published)" if result.is_dry_run else "")
