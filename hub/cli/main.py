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

app = typer.Typer(
    name="hub",
    help="Takes in every lead from Chinese platforms, loses none, and loads them into one CRM store.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# Each module has `app` (a group, under the given name) or `register(app)` (single commands).
GROUPS: dict[str, str] = {
    "lead": "hub.cli.lead",
    "contact": "hub.cli.contact",
    "held": "hub.cli.held",
    "source": "hub.cli.source",
    "mapping": "hub.cli.mapping",
    "drift": "hub.cli.drift",
    "schema": "hub.cli.schema",
    "merchant": "hub.cli.merchant",
    "keys": "hub.cli.keys",
}
SINGLES: tuple[str, ...] = (
    "hub.cli.demo",
    "hub.cli.receive",
    "hub.cli.work",
    "hub.cli.verify",
    "hub.cli.doctor",
    "hub.cli.held",
    "hub.cli.pull",
    "hub.cli.simulate",
    "hub.cli.migrate",
)


def build() -> typer.Typer:
    """The whole command tree."""
    for name, module in GROUPS.items():
        app.add_typer(importlib.import_module(module).app, name=name)
    for module in SINGLES:
        importlib.import_module(module).register(app)
    return app


def main() -> None:
    """Run a command: exit 0 done, 1 a check failed, 2 bad use, configuration or a refusal."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        code = build()(standalone_mode=False)
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
