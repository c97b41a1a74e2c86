"""`hub held` and `hub replay`: what waits for a mapping or a person, and letting it through."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from hub.cli.output import counting, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.settings import load_settings
from hub.steps import replay
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store
from hub.steps.replay_rejected import replay_rejected

app = typer.Typer(no_args_is_help=True, help="Held records: list, show, replay, discard.")
_COLUMNS = (
    "record_id",
    "source_key",
    "entity",
    "reason",
    "path",
    "detail",
    "mapping_version",
    "finding",
    "held_at",
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Source = Annotated[str | None, typer.Option("--source", help="Only this source.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only this reason.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000)]


def register(main: typer.Typer) -> None:
    """Add `replay`."""
    main.command("replay")(replay_archive)


@app.command("list")
def list_command(
    source: Source = None, reason: Reason = None, limit: Limit = 100, as_json: AsJson = False
) -> None:
    """Held records, oldest first."""
    with open_store() as store:
        rows = replay.list_held(store.engine, source_key=source, reason=reason, limit=limit)
    print_rows(_COLUMNS, [[row[column] for column in _COLUMNS] for row in rows], as_json=as_json)


@app.command("show")
def show_command(record: str, as_json: AsJson = False) -> None:
    """Why one record is held, and its history. The payload itself: `hub lead trace --reveal` once it is loaded."""
    with open_store() as store:
        found = replay.show_held(store.engine, _uuid(record))
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        print_line(f"{name}: {value}")


@app.command("replay")
def replay_command(
    record: Annotated[
        list[str] | None, typer.Argument(help="Record ids; none means all that match.")
    ] = None,
    source: Source = None,
    reason: Reason = None,
    signature: Annotated[
        str | None, typer.Option(help="Verify this source's rejected pushes with today's secret.")
    ] = None,
    limit: Limit = 100_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
) -> None:
    """Put held records into the queue again; a loader maps them under the live mapping."""
    with open_store() as store:
        if signature is not None:
            counts = replay_rejected(
                store.engine, open_keyring(), load_settings(), signature, datetime.now(UTC)
            )
            print_line(", ".join(f"{name} {n}" for name, n in counts.items()))
            return
        rows = replay.list_held(store.engine, source_key=source, reason=reason, limit=limit)
        ids = [_uuid(text) for text in record] if record else [row["record_id"] for row in rows]
        if dry_run:
            print_line(f"would replay {len(ids)} records")
            return
        moved = replay.replay_held(store.engine, ids, by=getpass.getuser())
        print_line(f"{moved} records are queued; a loader (`hub work`) takes them now")


@app.command("discard")
def discard_command(
    record: list[str],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the record.")],
) -> None:
    """Give held records up. They stay in the archive, counted as discarded."""
    with open_store() as store:
        gone = replay.discard_held(
            store.engine, [_uuid(text) for text in record], reason=reason, by=getpass.getuser()
        )
    print_line(f"{gone} records discarded")


def replay_archive(
    source: Annotated[str, typer.Option("--source", help="Source key.")],
    since: Annotated[datetime, typer.Option("--since", help="UTC instant or day.")],
    until: Annotated[
        datetime | None, typer.Option("--until", help="UTC instant or day; now.")
    ] = None,
    mapping: Annotated[
        str,
        typer.Option("--mapping", help="Under this version: douyin/clue/1-0-0, not the live one."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a line.")] = False,
) -> None:
    """Map a source's archived records anew, whatever became of them. Safe to run twice."""
    start = since.replace(tzinfo=UTC)
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    with open_store() as store:
        if dry_run:
            counts = {"records": replay.count_source(store.engine, source, start, end)}
        else:
            with counting("replaying", quiet=as_json) as progress:
                counts = replay.replay_source(
                    store.engine,
                    open_keyring(),
                    load_settings(),
                    source,
                    start,
                    end,
                    mapping=mapping or None,
                    progress=progress,
                )
    if as_json:
        print_json(counts)
    else:
        print_line(", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "no records")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ConfigError("that is no record id; `hub held list` shows ids") from None
