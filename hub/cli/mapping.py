"""`hub mapping`: lint, test, compare, publish and export mappings; list the transforms."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.mapping.diff import changes
from hub.mapping.transforms.catalog import installed_transforms
from hub.registry.files import SchemaFiles, schema_files
from hub.settings import load_settings
from hub.steps import publish as step
from hub.steps.open_store import open_store
from hub.steps.schemas import load_contract

app = typer.Typer(no_args_is_help=True, help="Mappings: from a platform's payload to our lead.")

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Which = Annotated[
    list[str] | None,
    typer.Argument(help="Files, or names such as douyin/clue or douyin/clue/1-0-0; default: all."),
]
Entity = Annotated[str, typer.Argument(metavar="PLATFORM/ENTITY", help="For example douyin/clue.")]
Merchant = Annotated[str, typer.Option(help="Only for this merchant; default: for all.")]
By = Annotated[str, typer.Option(help="Who decides; default: the user of this machine.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]


@app.command("lint")
def lint(which: Which = None, as_json: Json = False) -> None:
    """Compile mappings and say what is wrong in them; exit status 1 if anything is."""
    files = _files()
    found = []
    for name in _names(files, which):
        try:
            step.check_named(files, name)
            found.append((name, "ok", ""))
        except ConfigError as error:
            found.append((name, "wrong", str(error)))
    print_rows(("mapping", "result", "problem"), found, as_json=as_json)
    if any(result != "ok" for _, result, _ in found):
        raise CheckFailedError


@app.command("test")
def run_tests(which: Which = None, as_json: Json = False) -> None:
    """Run the tests inside mappings; exit status 1 if one fails."""
    files = _files()
    rows = [
        (checked.name, example.name, "; ".join(example.differences) or "ok")
        for checked in (step.check_named(files, name) for name in _names(files, which))
        for example in checked.examples
    ]
    print_rows(("mapping", "test", "result"), rows, as_json=as_json)
    if any(result != "ok" for _, _, result in rows):
        raise CheckFailedError


@app.command("diff")
def diff(before: str, after: str, as_json: Json = False) -> None:
    """What differs between two mappings, rule by rule."""
    files = _files()
    found = changes(step.find_document(files, before), step.find_document(files, after))
    rows = [(change.path, change.before, change.after) for change in found]
    print_rows(("place", "before", "after"), rows, as_json=as_json)


@app.command("transforms")
def transforms(as_json: Json = False) -> None:
    """Every transform that a mapping can name."""
    rows = [
        (t.name, t.options, t.summary, ", ".join(t.gives))
        for t in sorted(installed_transforms().values(), key=lambda t: t.name)
    ]
    print_rows(("name", "options", "gives", "fields (under spread)"), rows, as_json=as_json)


@app.command("publish")
def publish(
    which: Annotated[str, typer.Argument(help="A file or a name.")],
    reason: Reason,
    merchant: Merchant = "",
    by: By = "",
    contract: Annotated[
        str, typer.Option(help="The raw contract it names, as a file, if no shipped one is it.")
    ] = "",
) -> None:
    """Make a mapping live from the next batch on. Its own tests must pass."""
    files = _files()
    brought = load_contract(files, contract) if contract else None
    checked = step.check_named(files, which, brought)
    with open_store() as store:
        number = step.publish_checked(
            store.engine, checked, merchant=merchant, published_by=_who(by), reason=reason
        )
    print_line(f"{checked.name} is live{_for(merchant)} (publication {number})")


@app.command("rollback")
def rollback(entity: Entity, reason: Reason, merchant: Merchant = "", by: By = "") -> None:
    """Make the version that was live before live again."""
    with open_store() as store:
        name = step.roll_back(
            store.engine, entity, merchant=merchant, published_by=_who(by), reason=reason
        )
    print_line(f"{name} is live again{_for(merchant)}")


@app.command("history")
def history(entity: Entity, as_json: Json = False) -> None:
    """Every publication, newest first."""
    with open_store() as store:
        found = step.publications(store.engine, entity)
    columns = ("id", "version", "merchant", "published_at", "published_by", "reason")
    rows = [tuple(getattr(each, column) for column in columns) for each in found]
    print_rows(columns, rows, as_json=as_json)


@app.command("export")
def export(
    entity: Entity,
    merchant: Merchant = "",
    to: Annotated[
        Path | None, typer.Option(help="The file; default: in the schemas folder.")
    ] = None,
) -> None:
    """Write the live mapping to a file, to be committed."""
    with open_store() as store:
        path = step.export_live(store.engine, _files(), entity, merchant=merchant, to=to)
    print_line(str(path))


@app.command("release")
def release(as_json: Json = False) -> None:
    """Freeze new contracts and mappings by their hash; refuse if a released one was changed."""
    new = _files().release()
    if as_json:
        print_json(new)
    else:
        print_line("\n".join(new) or "nothing new to release")


def _files() -> SchemaFiles:
    return schema_files(load_settings())


def _names(files: SchemaFiles, which: list[str] | None) -> list[str]:
    return which or [str(name) for name in files.mapping_names()]


def _who(by: str) -> str:
    return by or getpass.getuser()


def _for(merchant: str) -> str:
    return f" for {merchant}" if merchant else ""
