"""`hub attribution`: how deals are shared among touches, what restated them, what campaigns brought and cost."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.attribution.models import Model
from hub.cli.lead import as_id
from hub.cli.output import CheckFailedError, counting, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.reconciliation.months import Month
from hub.settings import DEFAULT_MERCHANT, load_settings
from hub.steps.finance import touch_path
from hub.steps.finance.attribute import attribute_deals
from hub.steps.finance.deal_story import show_shares
from hub.steps.finance.gate import GateClosedError
from hub.steps.finance.report_formats import Yuan
from hub.steps.finance.roi import Level, RoiAsked, measure_roi
from hub.steps.finance.roi_report import label, lines_of, watermark, write_roi
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Attribution: who brought which part of a deal.")

Merchant = Annotated[str, typer.Option(help="Whose deals.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@app.command("run")
def run_command(merchant: Merchant = "", as_json: AsJson = False) -> None:
    """Tell every deal as its contract, its person's touches, the register and the rules are now.

    What was told otherwise before is recorded with its reason; a second run writes nothing.
    """
    settings, now = load_settings(), datetime.now(UTC)
    wanted = [merchant] if merchant else [one.id for one in settings.merchants]
    with open_store() as store, counting("deals", quiet=as_json) as on_progress:
        done = [
            attribute_deals(store.engine, open_keyring(), settings, one, now, progress=on_progress)
            for one in wanted
        ]
    columns = (
        "merchant",
        "deals",
        "written",
        "restated",
        "reasons",
        "skipped",
        "unreadable leads",
    )
    rows = [
        (one.merchant, one.deals, one.written, one.restated, _counts(one.reasons, as_json),
         _counts(one.skipped, as_json), one.unreadable)
        for one in done
    ]  # fmt: skip
    print_rows(columns, rows, as_json=as_json)
    if any(one.unreadable for one in done):
        raise CheckFailedError


@app.command("show")
def show_command(
    contract: str,
    model: Annotated[Model | None, typer.Option(help="Only this model.")] = None,
    merchant: Merchant = DEFAULT_MERCHANT,
    as_json: AsJson = False,
) -> None:
    """One contract: each touch, its position, its parts and fen, and what restated it."""
    with open_store() as store:
        found = show_shares(store.engine, merchant, contract, model.value if model else None)
    if as_json:
        print_json(found)
        return
    facts = [(key, value) for key, value in found.items() if key not in ("shares", "restated")]
    print_rows(("fact", "value"), facts, as_json=False)
    shown = ("model", "at", "kind", "channel", "campaign", "creative", "position")
    print_line()
    print_rows(
        (*shown, "parts", "yuan", "received"),
        [
            (*(_text(one[name]) for name in shown), f"{one['parts']}/{one['whole']}",
             Yuan(one["fen"]).grouped, Yuan(one["received_fen"]).grouped)
            for one in found["shares"]
        ],
        as_json=False,
    )  # fmt: skip
    if found["restated"]:
        print_line()
        columns = ("at", "model", "reasons", "channel", "campaign", "creative")
        rows = [
            (*(_text(one[name]) for name in columns), Yuan(one["before_fen"]).grouped,
             Yuan(one["after_fen"]).grouped)
            for one in found["restated"]
        ]  # fmt: skip
        print_rows((*columns, "before", "after"), rows, as_json=False)


@app.command("path")
def path_command(contact: str, as_json: AsJson = False) -> None:
    """The touches of a contact and all that merged into it, in order of time; nobody is named."""
    with open_store() as store:
        seen = touch_path.touch_path(store.engine, open_keyring(), load_settings(), as_id(contact))
    rows = touch_path.path_rows(seen)
    columns = tuple(rows[0]) if rows else ("at", "kind", "channel", "campaign")
    print_rows(columns, [tuple(row.values()) for row in rows], as_json=as_json)


@app.command("report")
def report_command(  # noqa: PLR0913 -- one option a part of the question
    month: Annotated[str, typer.Option(help="Like 2026-02.")],
    by: Annotated[Level, typer.Option(help="By what.")] = Level.CAMPAIGN,
    model: Annotated[
        Model | None, typer.Option(help="How deals are shared; else the rules'.")
    ] = None,
    basis: Annotated[str, typer.Option(help="ROI on signed or received.")] = "signed",
    out: Annotated[Path | None, typer.Option(help="Write a .csv, .xlsx or .html file.")] = None,
    merchant: Merchant = DEFAULT_MERCHANT,
    as_json: AsJson = False,
) -> None:
    """Leads, contacts, opportunities, signed, received, cost and ROI of a month; weak creatives are listed.

    A file leaves the house: it is refused while the merchant's gate is closed (exit 1).
    """
    if basis not in ("signed", "received"):
        raise ConfigError("--basis is signed or received")
    asked = RoiAsked(merchant, Month.parse(month), model, basis)
    with open_store() as store:
        found = measure_roi(
            store.engine, open_keyring(), load_settings(), asked, datetime.now(UTC)
        )
        if out is not None:
            try:
                write_roi(store.engine, found, by, out)
            except GateClosedError as error:
                sys.stderr.write(f"hub: {error}\n")
                raise CheckFailedError from None
    if as_json:
        print_json(
            {"lines": lines_of(found, by), "weak": [_weak(one.cell) for one in found.weak()],
             "watermark": dict(watermark(found))}
        )  # fmt: skip
        return
    for word, value in list(watermark(found))[:5]:
        print_line(f"{word}: {value}")
    rows = [
        (label(line, by), *list(row.values())[-7:-4], *_money(row), row["roi"] or "–")
        for line, row in zip(found.at(by), lines_of(found, by), strict=True)
    ]
    columns = (by.value, "leads", "contacts", "opportunities", "signed", "received", "cost", "ROI")
    print_rows(columns, rows, as_json=False)
    weak = found.weak()
    floor = found.rules.roi_floor_permille
    print_line(f"creatives below {floor / 1000:g}: {len(weak) or 'none'}")
    for one in weak:
        print_line(f"  {label(one, Level.CREATIVE)}")
    if out is not None:
        print_line(f"report: {out}")


def _weak(cell: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("channel", "campaign", "creative"), cell, strict=True))


def _money(row: dict[str, Any]) -> list[str]:
    return [Yuan(row[name]).grouped for name in ("signed_fen", "received_fen", "cost_fen")]


def _counts(found: Any, as_json: bool) -> Any:  # noqa: ANN401 -- a mapping, or how it is printed
    return dict(found) if as_json else ", ".join(f"{name} {n}" for name, n in found.items())


def _text(value: Any) -> Any:  # noqa: ANN401 -- any cell
    return ", ".join(value) if isinstance(value, list) else value
