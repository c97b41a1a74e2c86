"""`hub alerts test`: one message through each channel, and which of them did not go."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, print_rows
from hub.errors import HubError
from hub.settings import load_settings
from hub.steps.alerting.try_channels import try_channels, write_down
from hub.steps.open_store import open_store

_COLUMNS = ("channel", "recipient", "sent", "words")


def register(app: typer.Typer) -> None:
    """Add `test` to the group `alerts`."""
    app.command("test")(send_test_command)


def send_test_command(
    channels: Annotated[
        list[str] | None, typer.Argument(help="Names of channels; none: every channel.")
    ] = None,
    to: Annotated[
        str, typer.Option(help="An address on the channel, instead of recipients.")
    ] = "",
    everybody: Annotated[
        bool, typer.Option("--all", help="Every recipient, not the first of each channel.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Send a test message through each channel; exit 1 if one did not go."""
    now = datetime.now(UTC)
    trials = try_channels(
        load_settings(), os.environ, channels or (), to=to, everybody=everybody, now=now
    )
    try:
        with open_store() as store:
            write_down(store.engine, trials, now)
    except HubError as error:  # a channel can be tested while the database is away
        sys.stderr.write(f"hub: not written down for hub doctor: {error}\n")
    rows = [[trial.channel, trial.recipient, trial.is_sent, trial.words] for trial in trials]
    print_rows(_COLUMNS, rows, as_json=as_json)
    if not all(trial.is_sent for trial in trials):
        raise CheckFailedError
