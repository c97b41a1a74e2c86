"""`hub keys`: the key ring. Key material is printed by `new` only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.privacy.keyring import new_keys
from hub.settings import home
from hub.steps.keys.overview import KeyOverview, key_overview, ring_overview
from hub.steps.keys.reseal import reseal
from hub.steps.keys.retire import retire_index_key, retire_sealing_key
from hub.steps.keys.ring import LOOKS_EVERY_S, keys_place, open_keyring, rotate_keys
from hub.steps.keys.rotate_index import rotate_index
from hub.steps.open_store import open_store

app = typer.Typer(help="The keys that seal personal data.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
OnProgress = Callable[[str, int, int], None]
# Longer than a process takes to look at the key file, and to commit what it sealed before.
_OTHERS_LOOK_S = 3 * LOOKS_EVERY_S


@app.command("list")
def list_keys(
    as_json: AsJson = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what the ring tells: ask no database.")
    ] = False,
) -> None:
    """Which keys there are, which are active, how much is under each; never the keys themselves."""
    ring = open_keyring()
    if offline:
        _print_overview(ring_overview(ring), as_json)
        return
    with open_store() as store:
        _print_overview(key_overview(store.engine, ring), as_json)


@app.command("new")
def new_ring() -> None:
    """Print a new key ring and what to do with it."""
    print_json(new_keys())
    sys.stderr.write(
        "Save this in a file that only the hub's user can read (chmod 600), back it up apart from\n"
        "the database, and set HUB_KEYS_FILE to its path. Nothing sealed can be read without it.\n"
    )


@app.command("rotate")
def rotate(
    index: Annotated[
        bool,
        typer.Option("--index", help="Move the blind index to a new key, while the hub runs."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Seal with a new key from now on, or, with --index, move the blind index to a new key.

    A rotation of the index that was cut off goes on where it was.
    """
    if index:
        _rotate_index(as_json)
        return
    key_id = rotate_keys()
    if as_json:
        print_json({"sealing": key_id})
        return
    print_line(f"sealing key {key_id} is active; back the ring up: {keys_place()}")
    print_line(
        "processes that read this file use it within a second; give others the new ring and restart them."
        " `hub keys reseal` brings what older keys sealed under it"
    )


@app.command("reseal")
def reseal_command(as_json: AsJson = False) -> None:
    """Seal under the active key what older keys sealed; can be cut off and run again."""
    ring = open_keyring()
    with open_store() as store, _watching(as_json) as watch:
        left = reseal(
            store.engine, ring, on_progress=lambda done, of: watch("values sealed", done, of)
        )
    if as_json:
        print_json({"active": ring.active, "left": left})
    else:
        for key_id, count in left.items():
            print_line(f"{count} values are still under sealing key {key_id}: run this again")
        if not left:
            print_line(f"everything is sealed under key {ring.active}")
    if left:
        raise CheckFailedError


@app.command("retire")
def retire(
    key_id: Annotated[int, typer.Argument(help="The id of a sealing key.", min=1)],
    index: Annotated[
        bool, typer.Option("--index", help="An index key, not a sealing key.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Give up stopped keys that only this index key knows."),
    ] = False,
) -> None:
    """Take a key out of the ring; refused while anything needs it."""
    if forget and not index:
        raise ConfigError("--forget is for index keys")
    ring = open_keyring()
    with open_store() as store:
        if index:
            retire_index_key(store.engine, ring, key_id, forget=forget)
        else:
            retire_sealing_key(
                store.engine, ring, key_id, spool=home() / "spool", pause=_let_others_look
            )
    use = "index" if index else "sealing"
    print_line(f"{use} key {key_id} is out of the ring: {keys_place()}")
    print_line("backups of the database from before need it: keep the old ring with them")


def _rotate_index(as_json: bool) -> None:
    with open_store() as store, _watching(as_json) as watch:
        done = rotate_index(
            store.engine,
            open_keyring(),
            clock=lambda: datetime.now(UTC),
            pause=_let_others_look,
            on_progress=lambda at: watch(f"leads, {at.phase}", at.done, at.of),
        )
    if as_json:
        print_json(asdict(done))
        return
    print_line(f"index key {done.active} is active; back the ring up: {keys_place()}")
    if done.kept:
        print_line(f"{done.kept} stopped keys of splits stay under index key {done.active - 1}")
    print_line(f"when no backup needs it: hub keys retire {done.active - 1} --index")


def _print_overview(overview: KeyOverview, as_json: bool) -> None:
    place = keys_place()
    if as_json:
        print_json({"place": place, **asdict(overview)})
        return
    rows = [(key.use, key.id, key.active, key.values, key.note) for key in overview.keys]
    print_rows(("use", "id", "active", "values", "note"), rows, as_json=False)
    print_line(f"place: {place}")
    if overview.leads_passed is not None:
        print_line(
            f"the blind index is being rotated ({overview.phase}, {overview.leads_passed} leads passed):"
            " `hub keys rotate --index` goes on"
        )


def _let_others_look() -> None:
    threading.Event().wait(_OTHERS_LOOK_S)


@contextmanager
def _watching(quiet: bool) -> Iterator[OnProgress]:
    """A progress bar on standard error; silent where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("")
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)
