"""`hub restore`: a backup into this hub's empty store, verified before it serves."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import following, print_json, print_line
from hub.settings import HubSettings, config_path, load_settings
from hub.steps.backup.manifest import SETTINGS, Manifest
from hub.steps.backup.restore import Restored, check_backup, restore


def register(app: typer.Typer) -> None:
    """Add `restore`."""
    app.command("restore")(restore_command)


def restore_command(
    folder: Annotated[Path, typer.Argument(help="The dated folder of one backup.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, write nothing.")
    ] = False,
    log_is_lost: Annotated[
        bool,
        typer.Option(
            "--erasure-log-lost",
            help="Do without the newest erasure log: whoever was erased since comes back.",
        ),
    ] = False,
    who: Annotated[str, typer.Option("--as", help="Who asks; kept.", envvar="HUB_USER")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Restore a backup into an empty store: keys and files are checked first, conservation and content hash after."""
    with following(quiet=as_json) as say:
        checked = check_backup(folder.absolute(), log_is_lost=log_is_lost, say=say)
        done = restore(
            checked,
            _settings(checked.folder),
            who=who or getpass.getuser(),
            now=datetime.now(UTC),
            dry_run=dry_run,
            say=say,
        )
    if done is None:
        _print_checked(checked.manifest, as_json)
    elif as_json:
        print_json(_facts(done))
    else:
        _print(done)


def _settings(folder: Path) -> HubSettings:
    """This hub's settings; those of the backup if it has none yet."""
    backed = folder / SETTINGS
    own = config_path()
    return load_settings(backed if backed.is_file() and not own.is_file() else own)


def _print_checked(manifest: Manifest, as_json: bool) -> None:
    if as_json:
        print_json({"backup": manifest.name, "release": manifest.release, "restorable": True})
        return
    print_line(
        f"{manifest.name}: whole, the keys open it, the store is empty; nothing was written"
    )


def _facts(done: Restored) -> dict[str, object]:
    return {
        "backup": done.manifest.name,
        "taken_at": done.manifest.taken_at,
        "leads": done.after.leads,
        "content_hash_backed_up": done.manifest.content_hash,
        "content_hash_restored": done.found.content_hash,
        "content_hash": done.after.content_hash,
        "holds": done.after.holds,
        "erased_anew": done.erased,
        "alerts_closed": done.alerts_closed,
        "messages_given_up": done.messages_given_up,
    }


def _print(done: Restored) -> None:
    manifest, found = done.manifest, done.found
    same = (
        "as backed up" if manifest.content_hash else "not compared: it was backed up without keys"
    )
    print_line(f"restored {manifest.name} of {manifest.taken_at.isoformat()}")
    print_line(
        f"{found.leads} leads of {found.contacts} contacts, {found.documents} business documents"
    )
    print_line(f"content hash {found.content_hash}, {same}; rows and both laws as backed up")
    if not found.holds:
        print_line("NOT everything was accounted for when it was backed up: see `hub verify`")
    if done.erased:
        print_line(
            f"{done.erased} erasures since were done again: {done.after.leads} leads,"
            f" content hash {done.after.content_hash}"
        )
    print_line(
        f"closed {done.alerts_closed} alerts and gave up {done.messages_given_up} messages of that time:"
        " what still holds is raised anew"
    )
    if SETTINGS in manifest.files and not config_path().is_file():
        print_line(f"hub.yaml is not here yet: the backup has one, {config_path()} is its place")
    print_line("next: `hub doctor`, then start receivers and loaders")
