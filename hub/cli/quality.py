"""`hub quality`: how well the fields of each source are filled. Counts only, never a value."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.crm.quality import Scope
from hub.errors import ConfigError
from hub.settings import HubSettings, load_settings
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store
from hub.steps.quality.checks import percent
from hub.steps.quality.days import count_due
from hub.steps.quality.dictionary import read_dictionary
from hub.steps.quality.measure import (
    ZONE,
    FieldLine,
    OnProgress,
    field_lines,
    measure,
    month_scope,
)
from hub.steps.quality.report import QualityReport, rendered

app = typer.Typer(no_args_is_help=True, help="How well the fields of each source are filled.")
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
_DAYS = 30
_COLUMNS = (
    "source", "field", "label", "leads", "filled", "fill", "anomalous", "conflicts", "words", "flags",
)  # fmt: skip


@app.callback()
def group() -> None:
    """How well the fields of each source are filled."""


@app.command("fields")
def fields_command(
    month: Annotated[
        str, typer.Option(help="Leads submitted in this month of China, like 2026-02.")
    ] = "",
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    merchant: Annotated[str | None, typer.Option(help="Only this merchant.")] = None,
    core: Annotated[bool, typer.Option("--core", help="Only core fields.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the report to this .csv, .xlsx or .html file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fill rate, anomalies, conflicts and duplicates by source and field; without --month of the last 30 days.

    Exit 1 if a field is flagged: a core field that too few leads fill, or too many values that mean nothing.
    """
    settings = load_settings()
    now = datetime.now(UTC)
    scope, what = _scope(month, source, merchant, now, settings)
    form = out.suffix.removeprefix(".").lower() if out else ""
    if out is not None and form not in ("csv", "xlsx", "html"):
        raise ConfigError(f"--out: {out.name}: write a .csv, .xlsx or .html file")
    with open_store() as store, _watching(quiet=as_json) as on_progress:
        found = measure(store.engine, open_keyring(), settings, scope, on_progress)
        dictionary = read_dictionary(store.engine, settings)
    lines = field_lines(found, dictionary, settings)
    report = QualityReport(what, now, found, lines, settings.quality)
    if out is not None:
        _save(out, rendered(report, form))
    _print(report, [line for line in lines if line.is_core or not core], as_json=as_json)
    if out is not None and not as_json:
        print_line(f"report: {out}")
    if report.flagged():
        raise CheckFailedError


@app.command("count")
def count_command(
    anew: Annotated[
        bool, typer.Option("--anew", help="All days that the checks look at, due or not.")
    ] = False,
) -> None:
    """Count the days that the checks look at, as the hourly job of Dagster does."""
    settings = load_settings()
    with open_store() as store:
        days = count_due(store.engine, open_keyring(), settings, datetime.now(UTC), anew=anew)
    print_line(f"counted: {', '.join(map(str, sorted(days))) or 'nothing was due'}")


def _scope(
    month: str,
    source: str | None,
    merchant: str | None,
    now: datetime,
    settings: HubSettings,
) -> tuple[Scope, str]:
    """The leads that are meant, and how the report calls them."""
    if source is not None and source not in settings.all_sources():
        raise ConfigError(f"no source {source!r} in hub.yaml; `hub source list` shows them")
    only = "".join(f"，只看 {name}" for name in (source, merchant) if name)
    if not month:
        scope = Scope(now - timedelta(days=_DAYS), now + timedelta(days=1), source, merchant)
        return scope, f"最近 {_DAYS} 天到达的线索{only}"
    try:
        return month_scope(month, source=source, merchant=merchant), f"{month} 月提交的线索{only}"
    except ValueError:
        raise ConfigError("--month: write a month like 2026-02") from None


def _print(report: QualityReport, lines: list[FieldLine], *, as_json: bool) -> None:
    if as_json:
        print_json(_document(report, lines))
        return
    for one in report.sources:
        rate = percent(one.duplicates / one.leads if one.leads else None)
        print_line(
            f"{one.source_key}: {one.leads} leads, {one.duplicates} came again the same day ({rate})"
        )
    rows = [
        (
            line.source_key, line.field, line.label_zh, line.leads, line.filled,
            percent(line.fill_rate), percent(line.anomaly_rate), line.conflicts or None,
            " ".join(f"{word}×{count}" for word, count in list(line.words.items())[:4]),
            ", ".join(line.flags),
        )
        for line in lines
    ]  # fmt: skip
    print_rows(_COLUMNS, rows, as_json=False)


def _document(report: QualityReport, lines: list[FieldLine]) -> dict[str, object]:
    """The report for programs; rates are shares of 1."""
    return {
        "what": report.what,
        "made_at": report.made_at.astimezone(ZONE).isoformat(timespec="seconds"),
        "sources": [
            {
                "merchant": one.merchant, "source": one.source_key, "leads": one.leads,
                "duplicates": one.duplicates,
            }
            for one in report.sources
        ],
        "fields": [
            {
                "merchant": line.merchant, "source": line.source_key, "field": line.field,
                "label": line.label_zh, "core": line.is_core, "leads": line.leads,
                "filled": line.filled, "fill_rate": line.fill_rate, "anomalous": line.anomalous,
                "anomaly_rate": line.anomaly_rate, "invalid": line.invalid,
                "conflicts": line.conflicts, "words": dict(line.words),
                "failed": dict(line.failed), "flags": list(line.flags),
            }
            for line in lines
        ],
    }  # fmt: skip


def _save(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"--out: {out}: {error.strerror}") from error


@contextmanager
def _watching(*, quiet: bool) -> Iterator[OnProgress]:
    """How many leads were read, on standard error; silent where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("leads"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("leads", total=None)
        yield lambda done: bar.update(task, completed=done)
