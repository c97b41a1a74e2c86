"""`hub prune`: take out what only grows and nobody needs any more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from hub.cli.output import print_rows
from hub.settings import load_settings
from hub.steps.open_store import open_store
from hub.steps.prune import prune


def register(app: typer.Typer) -> None:
    """Add `prune`."""
    app.command("prune")(prune_command)


def prune_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Drop old counts, ended alerts and traces of processes that are gone; leads, history and audit stay.

    How long each is kept: `prune:` in hub.yaml. Dagster's own history is pruned by its job `prune`. Safe to run twice.
    """
    settings = load_settings()
    with open_store() as store:
        pruned = prune(store.engine, settings, datetime.now(UTC), dry_run=dry_run)
    title = "rows that would go" if dry_run else "rows dropped"
    print_rows(("table", title), list(pruned.items()), as_json=as_json)
