"""`hub drift`: what changed at a source, the mapping proposed for it, try it, publish it."""

from __future__ import annotations

import getpass
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.drift_output import (
    print_finding,
    print_proposal,
    print_published,
    print_try,
    try_json,
)
from hub.cli.output import CheckFailedError, counting, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.registry.files import schema_files
from hub.settings import load_settings
from hub.steps.drift import findings
from hub.steps.drift import publish as publishing
from hub.steps.drift.proposal import LIVE_SAMPLES, Gathered, gather, proposal_json
from hub.steps.drift.trial import try_proposal
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import Store, open_store

app = typer.Typer(
    no_args_is_help=True, help="Drift: what a source changed, and the mapping that follows."
)

# Loaders take what waits within a second; if nothing at all moves for so long, none is running.
_STANDS_STILL_S = 15.0
_LOOK_EVERY_S = 0.3

Id = Annotated[str, typer.Argument(metavar="ID", help="A finding's id, or its beginning.")]
Answers = Annotated[
    list[str] | None, typer.Option("--answer", help="QUESTION=CHOICE; once for each question.")
]
Last = Annotated[int, typer.Option(min=0, max=10_000, help="How many live records to try.")]
Only = Annotated[
    bool, typer.Option("--only", help="Only this finding, not all that changed with it.")
]
AllowLoss = Annotated[bool, typer.Option("--allow-loss", help="Even if leads lose values.")]
By = Annotated[str, typer.Option(help="Who decides; default: the user of this machine.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("list")
def list_command(
    state: Annotated[
        str, typer.Option(help="open, joined, suspected, solved, dismissed or all.")
    ] = "open",
    as_json: Json = False,
) -> None:
    """What changed and is not settled, oldest first."""
    with open_store() as store:
        found = findings.list_findings(store.engine, state=state)
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("no findings" if state == "all" else f"no {state} findings")
        return
    columns = findings.columns_of_list()
    print_rows(columns, [[row[name] for name in columns] for row in found], as_json=False)


@app.command("show")
def show_command(
    finding: Id, answer: Answers = None, only: Only = False, as_json: Json = False
) -> None:
    """One finding, and the proposal that follows: lines, questions, whom it breaks."""
    with open_store() as store:
        shown = findings.show_finding(store.engine, finding)
        proposal = None
        if shown["state"] not in (findings.SOLVED, findings.DISMISSED):
            proposal = _gather(store, shown["id"], only).proposal(_answers(answer))
    if as_json:
        print_json(shown | {"proposal": proposal_json(proposal) if proposal else None})
        return
    print_finding(shown)
    if proposal is not None:
        print_proposal(proposal)


@app.command("try")
def try_command(
    finding: Id,
    answer: Answers = None,
    last: Last = LIVE_SAMPLES,
    allow_loss: AllowLoss = False,
    only: Only = False,
    as_json: Json = False,
) -> None:
    """Which leads would change, field by field, masked. Writes nothing; exit status 1 if a lead would lose a value."""
    with open_store() as store:
        if _is_settled(store, finding):
            return
        gathered = _gather(store, finding, only, last)
        proposal = gathered.proposal(_answers(answer))
        result = try_proposal(store.engine, open_keyring(), load_settings(), gathered, proposal)
    if as_json:
        print_json(try_json(result, proposal))
    else:
        print_try(result, proposal)
    if result.loses and not allow_loss:
        raise CheckFailedError


@app.command("publish")
def publish_command(  # noqa: PLR0913 -- a command's options
    finding: Id,
    reason: Reason,
    by: By = "",
    answer: Answers = None,
    last: Last = LIVE_SAMPLES,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, write nothing.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not watch the replay.")] = False,
    allow_loss: AllowLoss = False,
    allow_stranded: Annotated[
        bool, typer.Option("--allow-stranded", help="Even if held records stay held.")
    ] = False,
    only: Only = False,
) -> None:
    """Make the proposal live. Held and marked records then replay by themselves; operators get a notice."""
    decision = publishing.Decision(
        by or getpass.getuser(), reason, _answers(answer), allow_loss, allow_stranded
    )
    with open_store() as store:
        if _is_settled(store, finding):
            return
        gathered = _gather(store, finding, only, last)
        keyring, settings = open_keyring(), load_settings()
        try:
            if dry_run:
                found = publishing.check_proposal(
                    store.engine, keyring, settings, gathered, decision
                )
                print_try(found[2], found[0])
                print_line(f"would publish {found[1].name}")
                return
            done = publishing.publish_proposal(store.engine, keyring, settings, gathered, decision)
        except publishing.PublicationRefusedError as error:
            print_line(f"not published: {error}")
            raise CheckFailedError from error
        print_published(done)
        if not no_wait:
            _follow(store, done)


@app.command("dismiss")
def dismiss_command(finding: Id, reason: Reason, by: By = "") -> None:
    """Speak of a finding no more, also when it is seen again."""
    with open_store() as store:
        found, done = findings.dismiss_finding(
            store.engine, finding, by=by or getpass.getuser(), reason=reason, now=datetime.now(UTC)
        )
    print_line(
        f"{', '.join(done)} dismissed" if done else findings.settled(found) or "nothing to do"
    )


@app.command("spec")
def spec_command(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Markdown table or JSON.")],
    platform: Annotated[str, typer.Option(help="For example douyin.")],
    entity: Annotated[str, typer.Option(help="For example star_push.")],
    title: Annotated[str, typer.Option(help="The sheet's own title and version.")] = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Keep the vendor's field sheet: proposals take labels, types and meanings from it, and cite it."""
    with open_store() as store:
        count, differences = findings.add_sheet_file(
            store.engine, schema_files(load_settings()), file, f"{platform}/{entity}",
            title=title, by=by or getpass.getuser(),
        )  # fmt: skip
    if as_json:
        print_json(
            {"fields": count, "differences": [{"field": f, "what": w} for f, w in differences]}
        )
        return
    print_line(f"{count} fields kept for {platform}/{entity}")
    if differences:
        print_rows(("field", "how it differs from the live contract"), differences, as_json=False)


def _gather(store: Store, finding: str, only: bool, last: int = LIVE_SAMPLES) -> Gathered:
    return gather(store.engine, open_keyring(), load_settings(), finding, only=only, last=last)


def _is_settled(store: Store, finding: str) -> bool:
    """Whether a finding is settled already; says by what."""
    line = findings.settled_line(store.engine, finding)
    if line is not None:
        print_line(line)
    return line is not None


def _answers(given: Sequence[str] | None) -> dict[str, str]:
    answers: dict[str, str] = {}
    for text in given or ():
        name, equals, choice = text.partition("=")
        if not equals or not name or not choice:
            raise ConfigError(f"--answer {text}: write QUESTION=CHOICE")
        answers[name] = choice
    return answers


def _follow(store: Store, done: publishing.Published) -> None:
    """Watch until every record was mapped anew; says so if no loader takes them."""
    left, moved_at = done.waiting, time.monotonic()
    with counting("still to replay") as progress:
        while left and time.monotonic() - moved_at < _STANDS_STILL_S:
            time.sleep(_LOOK_EVERY_S)
            now = publishing.still_waiting(store.engine, done)
            if now != left:
                left, moved_at = now, time.monotonic()
            progress(left)
    if left:
        print_line(f"{left} records still wait: is a loader running (`hub work`)?")
    else:
        print_line("all of them are mapped anew")
