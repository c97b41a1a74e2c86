"""`hub keys`: the key ring. Key material is printed by `new` only."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hub.cli.output import print_json, print_line, print_rows
from hub.privacy.keyring import new_keys
from hub.steps.keys import keys_place, open_keyring, rotate_keys

app = typer.Typer(help="The keys that seal personal data.", no_args_is_help=True)


@app.command("list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Which keys there are and where; never the keys themselves."""
    ring, place = open_keyring(), keys_place()
    rows = [
        ("sealing", key_id, key_id == ring.active, place) for key_id in sorted(ring.sealing)
    ] + [(use, None, True, place) for use in ("index", "id")]
    print_rows(("use", "id", "active", "place"), rows, as_json=as_json)


@app.command("new")
def new_ring() -> None:
    """Print a new key ring and what to do with it."""
    print_json(new_keys())
    sys.stderr.write(
        "Save this in a file that only the hub's user can read (chmod 600), back it up apart from\n"
        "the database, and set HUB_KEYS_FILE to its path. Nothing sealed can be read without it.\n"
    )


@app.command("rotate")
def rotate() -> None:
    """Seal with a new key from now on; what older keys sealed stays readable."""
    key_id = rotate_keys()
    print_line(f"sealing key {key_id} is active; back the ring up: {keys_place()}")
    print_line(
        "restart every process of this hub now: one with the old ring cannot read new values"
    )
