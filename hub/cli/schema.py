"""`hub schema`: contracts from payloads, and what lies between two contracts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.drift.compat import Comparison, Verdict, compare
from hub.registry.files import schema_files
from hub.settings import load_settings
from hub.steps.schemas import infer_from_files, load_contract

app = typer.Typer(
    no_args_is_help=True, help="Contracts: inferred from payloads, compared with each other."
)

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_COLUMNS = ("change", "field", "before", "after", "old reads new", "new reads old")


@app.command("infer")
def infer(
    files: Annotated[
        list[Path], typer.Argument(help="JSON lines, a JSON array, or a page with data.list.")
    ],
    entity: Annotated[
        str, typer.Option(help="The contract's name, for example raw/douyin/clue/1-0-1.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write to this new file.")] = None,
    as_json: Json = False,
) -> None:
    """Print the contract that payloads follow. Nothing of what stands in them is kept but short words."""
    contract = infer_from_files(files, entity)
    if out is None:
        print_json(contract)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(json.dumps(contract, ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise typer.BadParameter(f"{out}: {error.strerror}") from error
    if as_json:
        print_json({"written": str(out)})
    else:
        print_line(str(out))


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="A file or a name such as raw/douyin/clue/1-0-0.")],
    new: Annotated[str, typer.Argument(help="A file or a name.")],
    ignore_unlisted: Annotated[
        bool,
        typer.Option(help="Breaks by fields that a contract does not name do not count."),
    ] = False,
    as_json: Json = False,
) -> None:
    """What changed between two contracts and whom it breaks; exit status 1 if one side breaks or is undecided."""
    files = schema_files(load_settings())
    found = compare(load_contract(files, old), load_contract(files, new))
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _print(found)
    for verdict in (found.reads_new, found.reads_old):
        if not verdict.holds(ignore_unlisted=ignore_unlisted):
            raise CheckFailedError


def _print(found: Comparison) -> None:
    if found.changes:
        rows = [dataclasses.astuple(change) for change in found.changes]
        print_rows(_COLUMNS, rows, as_json=False)
    else:
        print_line("no difference that validation sees")
    print_line()
    _print_verdict("the old contract reads new payloads", found.reads_new)
    _print_verdict("the new contract reads old payloads", found.reads_old)
    print_line(f"step: {found.step} ({found.step_reason})")


def _print_verdict(title: str, verdict: Verdict) -> None:
    print_line(f"{title}: {verdict.state}")
    if verdict.state == "breaks":
        print_line(f"  at {verdict.pointer or '/'}: {verdict.reason}")
        print_line(f"  witness: {json.dumps(verdict.witness, ensure_ascii=False)}")
        if verdict.unlisted:
            print_line("  only by fields that the contract does not name")
    for line in verdict.undecided:
        print_line(f"  undecided: {line}")
