"""`hub pull`: pull a source now."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, print_json, print_rows
from hub.connectors.base import Page
from hub.errors import AuthorizationLostError, ConfigError
from hub.settings import load_settings
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store
from hub.steps.sources.pull import PullOptions, PullResult, pull_streams


def register(app: typer.Typer) -> None:
    """Add `pull`."""
    app.command("pull")(pull_command)


def pull_command(
    source: Annotated[str, typer.Argument(help="The source key.")],
    since: Annotated[
        str,
        typer.Option(help="Backfill from this time on (ISO 8601; no zone means this machine's)."),
    ] = "",
    until: Annotated[str, typer.Option(help="Stop at this time instead of now.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Pull what is new, or with --since what was created in that time; exit 1 if a stream failed."""
    options = PullOptions(
        since=parse_instant("--since", since),
        until=parse_instant("--until", until),
        on_page=None if as_json else _show_page,
    )
    settings = load_settings()
    with open_store() as store:
        result = asyncio.run(
            pull_streams(
                store.engine,
                open_keyring(),
                settings,
                source,
                now=datetime.now(UTC),
                options=options,
            )
        )
    _print(result, as_json=as_json)
    for found in result.streams:
        if found.error is not None:
            sys.stderr.write(f"hub: {source}, {found.stream}: {found.error}\n")
    if any(isinstance(found.error, AuthorizationLostError) for found in result.streams):
        result.raise_for_failure()
    if any(found.error for found in result.streams):
        raise CheckFailedError


def parse_instant(option: str, text: str) -> datetime | None:
    """An aware instant, None for nothing.

    Raises:
        ConfigError: it is no ISO 8601 time.
    """
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{option}: write a time like 2026-02-17 or 2026-02-17T08:00+08:00"
        ) from None


def _show_page(stream: str, page: Page) -> None:
    kept = "stored" if page.envelope is not None else "nothing new"
    sys.stderr.write(f"{stream}: page of {len(page.external_ids)} leads, {kept}\n")


def _print(result: PullResult, *, as_json: bool) -> None:
    columns = ("stream", "pages", "stored", "leads", "platform says", "error")
    rows = [
        (
            found.stream,
            found.pages,
            found.stored_pages,
            found.ids,
            found.reported,
            type(found.error).__name__ if found.error else None,
        )
        for found in result.streams
    ]
    if not as_json:
        print_rows(columns, rows, as_json=False)
        return
    streams = [dict(zip(columns, row, strict=True)) for row in rows]
    print_json({"source": result.source_key, "until": result.until, "streams": streams})
