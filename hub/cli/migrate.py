"""`hub migrate`: bring the database to the schema of this release."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, print_line
from hub.database.migrate import HEAD, current_revision, upgrade
from hub.steps.open_store import check_connection, open_store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate)


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if there is something to do.")
    ] = False,
) -> None:
    """Create or upgrade the tables; harmless when there is nothing to do."""
    with open_store(migrate=False) as store:
        check_connection(store)
        if not check:
            changed = upgrade(store.engine)
            print_line(f"{'migrated to' if changed else 'already at'} revision {HEAD}")
            return
        found = current_revision(store.engine)
        print_line(f"database: {found or 'empty'}, this hub: {HEAD}")
        if found != HEAD:
            raise CheckFailedError
