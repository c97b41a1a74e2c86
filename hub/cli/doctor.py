"""`hub doctor`: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, print_rows
from hub.steps.doctor.examine import Health, examine

_COLUMNS = ("what", "health", "seen", "mend")


def register(app: typer.Typer) -> None:
    """Add `doctor`."""
    app.command("doctor")(doctor_command)


def doctor_command(
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody beyond this machine and the database.")
    ] = False,
    ask_address: Annotated[
        str,
        typer.Option(
            "--ask-address",
            help="URL that answers with the address we come from; none: not asked.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Look at settings, secrets, machine, database, processes, alerts and public edge; exit 1 if something is bad."""
    findings = examine(offline=offline, ask_address=ask_address)
    rows = [[f.what, f.health.value, f.seen, f.mend] for f in findings]
    print_rows(_COLUMNS, rows, as_json=as_json)
    if any(finding.health is Health.BAD for finding in findings):
        raise CheckFailedError
