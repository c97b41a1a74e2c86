"""`hub export`: reports with their watermark; what leaves the house asks the gate first."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, print_line
from hub.errors import ConfigError
from hub.reconciliation.months import Month
from hub.settings import DEFAULT_MERCHANT, load_settings
from hub.steps.finance.export_report import REPORTS, Asked, export_report, prepare
from hub.steps.finance.gate import GateClosedError
from hub.steps.finance.metrics import business_day
from hub.steps.finance.report_formats import FORMS, render
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export_command)


def export_command(
    report: Annotated[str, typer.Argument(help=f"One of {', '.join(REPORTS)}.")],
    month: Annotated[
        str, typer.Option(help="Of this month, like 2026-01; else the last one.")
    ] = "",
    merchant: Annotated[str, typer.Option(help="Of this merchant.")] = DEFAULT_MERCHANT,
    form: Annotated[
        str, typer.Option("--format", help="csv, xlsx or html; else by the file's name, or csv.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="The file; else standard output.")] = None,
) -> None:
    """Write a report; one that leaves the house is refused while the gate is closed (exit 1)."""
    settings, now = load_settings(), datetime.now(UTC)
    wanted = Month.parse(month) if month else Month.of(business_day(now)).previous
    suffix = out.suffix.lstrip(".").lower() if out else ""
    written = form or (suffix if suffix in FORMS else "csv")
    if written not in FORMS:
        raise ConfigError(f"a report is written as {', '.join(FORMS)}, not as {written!r}")
    with open_store() as store:
        asked = Asked(merchant, wanted, now)
        try:
            prepared = prepare(store.engine, settings, report, asked, open_keyring)
            found = export_report(store.engine, settings, report, asked, prepared)
        except GateClosedError as error:
            sys.stderr.write(f"hub: {error}\n")
            raise CheckFailedError from None
    body = render(found, written)
    if out is None:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    out.write_bytes(body)
    stamp = f", {found.stamp}" if found.stamp else ""
    print_line(f"{out}: {report} of {merchant} {wanted}{stamp}")
