"""`hub lead`: look up. Masked; `--reveal` is written to the audit log."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from hub.cli.output import print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.registry.files import pii_kinds
from hub.settings import load_settings
from hub.steps import lookup
from hub.steps.delivery_trace import trace
from hub.steps.keys.ring import open_keyring
from hub.steps.lookup import Viewer
from hub.steps.open_store import open_store
from hub.steps.sources.write_back import Told, prepare_follow_up, send_follow_up

app = typer.Typer(no_args_is_help=True, help="Leads: list, show, trace one back to its source.")

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show personal data; this is audited.")]
Who = Annotated[str, typer.Option("--as", help="Who asks, for the audit log.", envvar="HUB_USER")]


@app.command("list")
def list_command(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    merchant: Annotated[str | None, typer.Option(help="Only this merchant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest leads, masked."""
    with open_store() as store:
        rows = lookup.list_leads(
            store.engine, open_viewer(None), source_key=source, merchant=merchant, limit=limit
        )
    columns = lookup.summaries_columns()
    print_rows(columns, [[row[column] for column in columns] for row in rows], as_json=as_json)


@app.command("show")
def show_command(
    lead: str, reveal: Reveal = False, who: Who = "", as_json: AsJson = False
) -> None:
    """One lead: its document, touchpoints, contact."""
    with open_store() as store:
        print_found(
            lookup.show_lead(store.engine, open_viewer(asker(reveal, who)), as_id(lead)), as_json
        )


@app.command("trace")
def trace_command(
    lead: str, reveal: Reveal = False, who: Who = "", as_json: AsJson = False
) -> None:
    """Where a lead comes from: records, deliveries, mapping versions, outcomes.

    By the id of an answer (X-Request-Id, or the id that a form got): what became of that delivery.
    """
    with open_store() as store:
        print_found(trace(store.engine, open_viewer(asker(reveal, who)), as_id(lead)), as_json)


@app.command("write-back")
def write_back_command(
    lead: str,
    state: Annotated[str, typer.Option(help="What became of it, as its platform calls it.")],
    note: Annotated[str, typer.Option(help="A word to it, told to the platform.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the call, send none.")] = False,
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Tell the platform that a lead came from what became of it; this is audited."""
    settings = load_settings()
    with open_store() as store:
        keyring, told = open_keyring(), Told(state, note)
        prepared = prepare_follow_up(store.engine, keyring, settings, as_id(lead), told)
        if not dry_run:
            send_follow_up(
                store.engine,
                keyring,
                settings,
                prepared,
                who=who or getpass.getuser(),
                clock=lambda: datetime.now(UTC),
            )
    facts = {
        "source": prepared.source_key,
        "sent": not dry_run,
        "path": prepared.call.path,
        "call": dict(prepared.call.document),
    }
    print_found(facts, as_json)


def open_viewer(revealed_to: str | None) -> Viewer:
    """How this call shows personal data."""
    return Viewer(open_keyring(), pii_kinds(load_settings()), revealed_to)


def asker(reveal: bool, who: str) -> str | None:
    """The name for the audit log, None when nothing is revealed."""
    return (who or getpass.getuser()) if reveal else None


def as_id(text: str) -> UUID:
    """An id that was typed.

    Raises:
        ConfigError: it is none; the text does not repeat it, since people type a phone there.
    """
    try:
        return UUID(text)
    except ValueError:
        raise ConfigError("that is no id; `hub lead list` shows ids") from None


def print_found(found: dict[str, Any], as_json: bool) -> None:
    """What was found, as lines or as JSON."""
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            print_line(f"{name}:")
            for item in value:
                print_line("  - " + ", ".join(f"{k}={v}" for k, v in item.items() if v))
        elif isinstance(value, dict):
            print_line(f"{name}:")
            for key, inner in value.items():
                print_line(f"  {key}: {inner}")
        else:
            print_line(f"{name}: {value}")
