"""`hub`: every command, and the one place where an error becomes a line and an exit status."""

from __future__ import annotations

import importlib
import logging
import sys

import typer
from typer.exceptions import TyperException

from hub.cli.output import CheckFailedError
from hub.errors import HubError

DONE, CHECK_FAILED, BAD_USE = 0, 1, 2

# Each module has `app` (a group, under the given name) or `register(app)` (single commands).
GROUPS: dict[str, str] = {
    "lead": "hub.cli.lead",
    "contact": "hub.cli.contact",
    "company": "hub.cli.company",
    "held": "hub.cli.held",
    "source": "hub.cli.source",
    "mapping": "hub.cli.mapping",
    "drift": "hub.cli.drift",
    "campaign": "hub.cli.campaign",
    "attribution": "hub.cli.attribution",
    "deal": "hub.cli.deal",
    "schema": "hub.cli.schema",
    "merchant": "hub.cli.merchant",
    "keys": "hub.cli.keys",
    "gate": "hub.cli.gate",
    "metric": "hub.cli.metric",
    "reconcile": "hub.cli.reconcile",
    "roles": "hub.cli.roles",
    "retention": "hub.cli.retention",
    "quality": "hub.cli.quality",
    "alerts": "hub.cli.alerts",
}
SINGLES: dict[str, str] = {
    "demo": "hub.cli.demo",
    "receive": "hub.cli.receive",
    "work": "hub.cli.work",
    "notify": "hub.cli.notify",
    "up": "hub.cli.up",
    "verify": "hub.cli.verify",
    "doctor": "hub.cli.doctor",
    "replay": "hub.cli.held",
    "pull": "hub.cli.pull",
    "import": "hub.cli.import_file",
    "simulate": "hub.cli.simulate",
    "migrate": "hub.cli.migrate",
    "backup": "hub.cli.backup",
    "restore": "hub.cli.restore",
    "export": "hub.cli.export",
    "erase": "hub.cli.erase",
    "dictionary": "hub.cli.dictionary",
    "prune": "hub.cli.prune",
}


def build(wanted: str = "") -> typer.Typer:
    """The command tree: of the one command that is wanted, if there is one of that name, else whole.

    Loading every command's libraries takes a second that the one command does not need.
    """
    app = typer.Typer(
        name="hub",
        help="Takes in every lead from Chinese platforms, loses none, and loads them into one CRM store.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_root)
    is_known = wanted in GROUPS or wanted in SINGLES
    for name, module in GROUPS.items():
        if name == wanted or not is_known:
            app.add_typer(importlib.import_module(module).app, name=name)
    for name, module in SINGLES.items():
        if name == wanted or not is_known:
            importlib.import_module(module).register(app)
    return app


def _root() -> None:
    """Nothing of its own; it keeps a tree of one command a tree."""


def main() -> None:
    """Run a command: exit 0 done, 1 a check failed, 2 bad use, configuration or a refusal."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        code = build(*sys.argv[1:2])(standalone_mode=False)
    except CheckFailedError:
        sys.exit(CHECK_FAILED)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except typer.Abort:
        sys.exit(130)
    except (HubError, TyperException) as error:
        told = error.format_message() if hasattr(error, "format_message") else error
        if str(told):  # a group without a command has printed its help
            sys.stderr.write(f"hub: {told}\n")
        sys.exit(BAD_USE)
    sys.exit(code if isinstance(code, int) else DONE)


if __name__ == "__main__":
    main()
