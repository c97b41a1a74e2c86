"""`hub deal`: the stages of an opportunity with their evidence, so that signing is checked rather than claimed."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.lead import AsJson, Reveal, Who, asker, open_viewer
from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.settings import DEFAULT_MERCHANT
from hub.steps.finance.deal_story import show_deal
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Deals: stages of an opportunity, with evidence.")
CLAIMED = "claimed without evidence"


@app.callback()
def group() -> None:
    """Deals: stages of an opportunity, with evidence."""


@app.command("show")
def show_command(
    opportunity: Annotated[str, typer.Argument(help="The opportunity's number.")],
    merchant: Annotated[str, typer.Option(help="Whose.")] = DEFAULT_MERCHANT,
    reveal: Reveal = False,
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Who moved it when, on which evidence; exit 1 if it is claimed to be signed and nothing shows it."""
    with open_store() as store:
        found = show_deal(store.engine, open_viewer(asker(reveal, who)), merchant, opportunity)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if found["signed"] == CLAIMED:
        raise CheckFailedError


def _print(found: dict[str, list[dict[str, object]]]) -> None:
    shown = ("at", "entity", "kind", "from", "to", "owner", "source", "record")
    rows = [(*(one[name] for name in shown), _evidence(one)) for one in found["stages"]]
    print_rows((*shown, "evidence"), rows, as_json=False)
    if found["contracts"]:
        print_line()
        columns = tuple(found["contracts"][0])
        print_rows(columns, [tuple(one.values()) for one in found["contracts"]], as_json=False)
    print_line(f"signed: {found['signed'] or 'nobody says so'}")


def _evidence(one: dict[str, object]) -> str:
    evidence = one["evidence"]
    if isinstance(evidence, dict) and evidence:
        return " ".join(str(value) for value in evidence.values())
    return "none: only claimed" if one["claimed_only"] else ""
