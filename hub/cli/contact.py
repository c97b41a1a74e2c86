"""`hub contact`: the person behind several leads. Masked; `--reveal` is written to the audit log."""

from __future__ import annotations

import typer

from hub.cli.lead import AsJson, Reveal, Who, as_id, asker, open_viewer, print_found
from hub.steps import lookup
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Contacts: the person behind several leads.")


@app.callback()
def group() -> None:
    """Contacts: the person behind several leads."""


@app.command("show")
def show_command(
    contact: str, reveal: Reveal = False, who: Who = "", as_json: AsJson = False
) -> None:
    """One contact: its leads and every value they gave."""
    with open_store() as store:
        viewer = open_viewer(asker(reveal, who))
        print_found(lookup.show_contact(store.engine, viewer, as_id(contact)), as_json)
