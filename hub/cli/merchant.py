"""`hub merchant`: the register of merchants and their platform accounts."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from hub.cli.output import print_line, print_rows
from hub.errors import ConfigError
from hub.settings import load_settings
from hub.steps import merchants as step
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Merchants: whose leads stay apart from all others'.")
account = typer.Typer(no_args_is_help=True, help="Platform accounts of merchants.")
app.add_typer(account, name="account")

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Name = Annotated[str, typer.Option(help="What people see.")]


@app.command("list")
def list_merchants(as_json: Json = False) -> None:
    """Merchants and how many sources each has."""
    with open_store() as store:
        rows = step.registered_merchants(store.engine, load_settings())
    columns = ("id", "name", "sources", "created_at")
    print_rows(
        columns, [tuple(row[column] for column in columns) for row in rows], as_json=as_json
    )


@app.command("add")
def add(
    merchant: Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")],
    name: Name = "",
) -> None:
    """Register a merchant, or change its name."""
    if not _ID.fullmatch(merchant):
        raise ConfigError(
            f"merchant {merchant!r}: lower-case letters, digits, - and _, at most 63"
        )
    with open_store() as store:
        step.register_merchant(store.engine, merchant, name)
    print_line(f"merchant {merchant} is registered")


@account.command("list")
def list_accounts(
    merchant: Annotated[str | None, typer.Option(help="Only of this merchant.")] = None,
    as_json: Json = False,
) -> None:
    """Registered accounts with their source keys."""
    with open_store() as store:
        rows = step.registered_accounts(store.engine, load_settings(), merchant)
    columns = ("source_key", "merchant", "platform", "account", "name", "enabled")
    print_rows(
        columns, [tuple(row[column] for column in columns) for row in rows], as_json=as_json
    )


@account.command("add")
def add_account(
    source_key: Annotated[str, typer.Argument(help="The key of this source; it never changes.")],
    merchant: Annotated[str, typer.Option(help="Whose account it is.")],
    platform: Annotated[str, typer.Option(help="For example douyin.")],
    number: Annotated[str, typer.Option("--account", help="The platform's id of the account.")],
    name: Name = "",
) -> None:
    """Register an account, so that records that name it find their merchant."""
    with open_store() as store:
        step.register_account(
            store.engine,
            source_key,
            merchant=merchant,
            platform=platform,
            account=number,
            name=name,
        )
    print_line(f"{platform} account {number} belongs to {merchant} (source {source_key})")
