"""`hub company`: companies that leads and contracts speak of, and who is in them. Masked; `--reveal` is audited."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.lead import AsJson, Reveal, Who, as_id, asker, open_viewer, print_found
from hub.cli.output import print_rows
from hub.settings import load_settings
from hub.steps.identity import company_book
from hub.steps.identity.company_book import CompanyReader
from hub.steps.identity.contact_profile import Profiler
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Companies, and the contacts in them.")


@app.callback()
def group() -> None:
    """Companies, and the contacts in them."""


@app.command("list")
def list_command(
    merchant: Annotated[str | None, typer.Option(help="Only this merchant's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest companies, masked."""
    with open_store() as store:
        rows = company_book.list_companies(
            store.engine, _reader(None), merchant=merchant, limit=limit
        )
    columns = ("company", "merchant", "name", "credit_code", "leads", "documents")
    print_rows(columns, [[row[name] for name in columns] for row in rows], as_json=as_json)


@app.command("show")
def show_command(
    company: str, reveal: Reveal = False, who: Who = "", as_json: AsJson = False
) -> None:
    """One company: names, codes, and its contacts with titles and what links them to it."""
    with open_store() as store:
        found = company_book.show_company(
            store.engine, _reader(asker(reveal, who)), as_id(company)
        )
    print_found(found, as_json)


def _reader(revealed_to: str | None) -> CompanyReader:
    return CompanyReader(open_viewer(revealed_to), Profiler.prepared(load_settings()))
