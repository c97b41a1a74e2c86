"""`hub retention`: drop raw payloads that are older than their source keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from hub.cli.output import print_line, print_rows
from hub.settings import load_settings
from hub.steps.erasure.retention import run_retention
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="How long raw payloads are kept.")


@app.callback()
def group() -> None:
    """How long raw payloads are kept."""


@app.command("run")
def run_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Drop the payloads of records older than their source's keep_raw_days; leads stay. Safe to run twice."""
    settings = load_settings()
    with open_store() as store:
        dropped = run_retention(store.engine, settings, datetime.now(UTC), dry_run=dry_run)
    if not dropped and not as_json:
        print_line("no source has keep_raw_days: every payload is kept")
        return
    title = "payloads that would go" if dry_run else "payloads dropped"
    print_rows(("source", title), list(dropped.items()), as_json=as_json)
