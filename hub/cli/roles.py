"""`hub roles`: what people who ask the database themselves may see (docs/roles.md)."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.output import print_line, print_rows
from hub.database.engine import store_errors
from hub.database.roles import (
    RowRule,
    add_rule,
    apply_roles,
    create_roles,
    remove_rule,
    roles_sql,
    rules,
)
from hub.errors import ConfigError
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Database roles for analysts and support.")

Merchant = Annotated[str, typer.Option(help="Whose rows.")]
Source = Annotated[str, typer.Option(help="Only this source (a shop, an account).")]
Province = Annotated[str, typer.Option(help="Only this province, by its six digits.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@app.callback()
def group() -> None:
    """Database roles for analysts and support."""


@app.command("sql")
def sql_command() -> None:
    """Print the views and grants as SQL."""
    print_line(roles_sql())


@app.command("apply")
def apply_command() -> None:
    """Make views and grants anew; with the embedded database the roles, too."""
    with open_store() as store:
        made = create_roles(store.server.admin_url) if store.server else []
        apply_roles(store.url)
    print_line(
        f"roles made: {', '.join(made) or 'none'}; views and grants are as this release has them"
    )


@app.command("allow")
def allow_command(
    role: str, merchant: Merchant, source: Source = "", province: Province = ""
) -> None:
    """Let a role see a merchant's rows in the views of schema analyst."""
    with open_store() as store, store_errors(), store.engine.begin() as conn:
        add_rule(conn, RowRule(role, merchant, source, province))
    print_line("done; it counts from the next query")


@app.command("deny")
def deny_command(
    role: str, merchant: Merchant, source: Source = "", province: Province = ""
) -> None:
    """Take such a rule away."""
    with open_store() as store, store_errors(), store.engine.begin() as conn:
        gone = remove_rule(conn, RowRule(role, merchant, source, province))
    if not gone:
        raise ConfigError("there is no such rule; see `hub roles rules`")
    print_line("done; it counts from the next query")


@app.command("rules")
def rules_command(as_json: AsJson = False) -> None:
    """Who sees what."""
    with open_store() as store, store_errors(), store.engine.begin() as conn:
        found = rules(conn)
    rows = [(one.role, one.merchant, one.source_key, one.province_code) for one in found]
    print_rows(("role", "merchant", "source", "province"), rows, as_json=as_json)
