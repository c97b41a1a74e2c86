"""`hub backup`: the store and what a restore needs, in a dated folder, while everything runs."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import following, print_json, print_line
from hub.settings import load_settings
from hub.steps.backup.keys import check_place, copy_ring
from hub.steps.backup.take import Backup, back_up, remove_old
from hub.steps.open_store import open_store


def register(app: typer.Typer) -> None:
    """Add `backup`."""
    app.command("backup")(backup_command)


def backup_command(
    folder: Annotated[
        Path, typer.Argument(help="The folder of all backups; each gets a dated one in it.")
    ],
    keys_to: Annotated[
        Path | None,
        typer.Option("--keys-to", help="Copy the key ring to this file, elsewhere."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Remove all but the newest so many.")
    ] = None,
    who: Annotated[str, typer.Option("--as", help="Who asks; kept.", envvar="HUB_USER")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Back up the store while everything runs; keys, spools and the erasure log are apart (docs/backup.md)."""
    into = folder.absolute()
    if keys_to is not None:
        check_place(keys_to.absolute(), into)
    with open_store(application="hub backup") as store, following(quiet=as_json) as say:
        made = back_up(
            store,
            load_settings(),
            into,
            who=who or getpass.getuser(),
            now=datetime.now(UTC),
            say=say,
        )
    if keys_to is not None:
        copy_ring(keys_to.absolute())
    removed = remove_old(into, keep) if keep is not None else []
    if as_json:
        print_json(_facts(made, removed))
        return
    _print(made, keys_to, removed)


def _facts(made: Backup, removed: list[str]) -> dict[str, object]:
    manifest = made.manifest
    return {
        "folder": str(made.folder),
        "taken_at": manifest.taken_at,
        "bytes": sum(file.size for file in manifest.files.values()),
        "leads": manifest.leads,
        "content_hash": manifest.content_hash,
        "laws": manifest.laws,
        "keys": [{"use": key.use, "id": key.id} for key in manifest.keys],
        "spooled": manifest.spooled,
        "removed": removed,
    }


def _print(made: Backup, keys_to: Path | None, removed: list[str]) -> None:
    manifest = made.manifest
    size = sum(file.size for file in manifest.files.values())
    print_line(f"{made.folder}: {size / 1_048_576:.1f} MiB, {sum(manifest.rows.values())} rows")
    if manifest.content_hash:
        print_line(
            f"{manifest.leads} leads of {manifest.contacts} contacts, {manifest.documents} business documents,"
            f" content hash {manifest.content_hash}"
        )
    else:
        print_line("no content hash: there are no keys here to read what is sealed")
    print_line(f"not in it: the keys. A restore needs {manifest.key_names()}")
    if keys_to is not None:
        print_line(f"the key ring is in {keys_to}: whoever has both reads everything; part them")
    print_line(
        f"not in it: the erasure log {manifest.erasures.log}; a restore takes the newest one"
    )
    if manifest.spooled:
        print_line(
            f"not in it: {sum(manifest.spooled.values())} deliveries that lie in a spool of this machine"
        )
    if manifest.pg_dump > manifest.server:
        print_line(
            f"made by pg_dump {manifest.pg_dump} of a PostgreSQL {manifest.server} server: it may go into"
            f" {manifest.pg_dump} only. Put pg_dump {manifest.server} in PATH"
        )
    for name in removed:
        print_line(f"removed {name}")
