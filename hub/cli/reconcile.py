"""`hub reconcile`: match contracts, invoices and receipts; look at breaks; answer what is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.break_output import print_story, write_table
from hub.cli.lead import AsJson, Reveal, Who, asker
from hub.cli.output import counting, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.finance.breaks import LIVE
from hub.settings import DEFAULT_MERCHANT, load_settings
from hub.steps.finance import breaks as step
from hub.steps.finance.breaks import Desk, Wanted
from hub.steps.finance.reconcile import load_rules, reconcile
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import Store, open_store

app = typer.Typer(
    no_args_is_help=True, help="Reconciliation: contracts, invoices and receipts against another."
)

OneMerchant = Annotated[str | None, typer.Option(help="Only this merchant.")]
_STATES = ("open", "reopened", "closed", "resolved", "all")
_COLUMNS = (
    "id", "words", "state", "number", "contract", "amount_fen", "currency", "period", "owner",
    "age_days",
)  # fmt: skip


@app.callback()
def group() -> None:
    """Reconciliation: contracts, invoices and receipts against one another."""


@app.command("run")
def run_command(
    full: Annotated[bool, typer.Option("--full", help="All books, whatever changed.")] = False,
    merchant: OneMerchant = None,
    as_json: AsJson = False,
) -> None:
    """Match what changed since the last run (the first time: everything); exit 0 with breaks, too."""
    settings = load_settings()
    merchants = [merchant] if merchant else [one.id for one in settings.merchants]
    done = []
    with open_store() as store:
        for one in merchants:
            with counting(f"reconciling {one}", quiet=as_json) as progress:
                done.append(
                    reconcile(
                        store.engine, settings, one, datetime.now(UTC), full=full,
                        progress=progress,
                    )
                )  # fmt: skip
    if as_json:
        print_json(
            [
                {
                    "merchant": r.merchant, "mode": r.mode, "day": r.day,
                    "documents": r.documents, "matches": r.matches, "breaks": r.breaks,
                    "questions": r.questions, "new_questions": r.new_questions,
                    "events": dict(r.events), "by_kind": dict(r.by_kind),
                }
                for r in done
            ]
        )  # fmt: skip
        return
    for r in done:
        events = ", ".join(f"{count} {name}" for name, count in r.events.items()) or "none changed"
        print_line(
            f"{r.merchant}: {r.mode} run of {r.documents} documents: {r.matches} matches,"
            f" {r.breaks} breaks ({events}), {r.questions} questions"
        )
        print_rows(("break", "count"), sorted(r.by_kind.items()), as_json=False)


@app.command("breaks")
def breaks_command(  # noqa: PLR0913 -- a command's options
    kind: Annotated[str | None, typer.Option(help="Only of this kind.")] = None,
    state: Annotated[str, typer.Option(help=f"{', '.join(_STATES)}; default: what is open.")] = "",
    owner: Annotated[str | None, typer.Option(help="Only this person's (in plain).")] = None,
    older_than: Annotated[int | None, typer.Option("--older-than", help="Days.")] = None,
    merchant: OneMerchant = None,
    out: Annotated[Path | None, typer.Option(help="Write .csv, .xlsx or .html.")] = None,
    reveal: Reveal = False,
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """What does not agree, the oldest first, with who has to mend it."""
    wanted = Wanted(merchant, kind, _states(state), owner, older_than)
    now = datetime.now(UTC)
    with open_store() as store:
        rows = step.list_breaks(_desk(store, asker(reveal, who)), wanted, now)
    if out is not None:
        told = f"生成 {now:%Y-%m-%d %H:%M} UTC，规则 {load_rules(load_settings()).version}"
        write_table(out, _COLUMNS, rows, f"对账差异；{told}")
        print_line(f"{len(rows)} breaks are in {out}")
    elif as_json:
        print_json(rows)
    else:
        print_rows(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows], as_json=False)


@app.command("explain")
def explain_command(
    contract: Annotated[str, typer.Argument(help="The contract's number.")],
    merchant: Annotated[str, typer.Option(help="Whose books.")] = DEFAULT_MERCHANT,
    reveal: Reveal = False,
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """One contract across CRM, legal and finance, in order of time: matches, breaks, what is missing."""
    with open_store() as store:
        desk = _desk(store, asker(reveal, who))
        print_story(step.explain(desk, merchant, contract, datetime.now(UTC)), as_json=as_json)


@app.command("history")
def history_command(identifier: str, as_json: AsJson = False) -> None:
    """What happened to a break: opened, changed, closed by whom and why, reopened, resolved."""
    with open_store() as store:
        events = step.history(_desk(store, None), identifier)
    columns = ("happened_at", "event", "by", "reason", "amount_fen")
    print_rows(columns, [[event[name] for name in columns] for event in events], as_json=as_json)


@app.command("questions")
def questions_command(merchant: OneMerchant = None, as_json: AsJson = False) -> None:
    """Documents whose contract nobody can tell for certain, with the candidates."""
    with open_store() as store:
        rows = step.list_questions(_desk(store, None), merchant)
    if as_json:
        print_json(rows)
        return
    columns = ("id", "entity", "number", "on", "amount_fen", "words")
    print_rows(
        (*columns, "candidates"),
        [[*(row[name] for name in columns), _candidates(row)] for row in rows],
        as_json=False,
    )


@app.command("answer")
def answer_command(
    identifier: Annotated[str, typer.Argument(help="The question's id, or its beginning.")],
    contracts: Annotated[str, typer.Argument(help="Contract numbers by comma, or `none`.")],
    reason: Annotated[str, typer.Option(help="Why; it stays with the answer.")],
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Say to which contracts a document belongs; the next run takes it up."""
    named = [part.strip() for part in contracts.split(",") if part.strip()]
    chosen = [] if named == ["none"] else named
    if not named:
        raise ConfigError("name one contract or several, or `none`")
    with open_store() as store:
        done = step.answer(
            _desk(store, None), identifier, chosen, by=asker(True, who) or "", reason=reason,
            now=datetime.now(UTC),
        )  # fmt: skip
    if as_json:
        print_json(done)
    else:
        print_line(f"{done['entity']} {done['number']}: {', '.join(chosen) or 'no contract'}")


@app.command("close")
def close_command(
    identifier: Annotated[str, typer.Argument(help="The break's id, or its beginning.")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the break's history.")],
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Close a break in your name; it opens again by itself if what it says changes."""
    with open_store() as store:
        done = step.close(
            _desk(store, None), identifier, by=asker(True, who) or "", reason=reason,
            now=datetime.now(UTC),
        )  # fmt: skip
    if as_json:
        print_json(done)
    else:
        print_line(f"break {done['id']} ({done['words']}) is closed")


def _desk(store: Store, revealed_to: str | None) -> Desk:
    return Desk(store.engine, open_keyring(), load_settings(), revealed_to)


def _states(text: str) -> tuple[str, ...]:
    if text not in ("", *_STATES):
        raise ConfigError(f"--state is one of {', '.join(_STATES)}")
    return {"": LIVE, "all": ()}.get(text, (text,))


def _candidates(row: dict[str, Any]) -> str:
    ways = (" + ".join(one["contracts"]) for one in row["candidates"])
    return " | ".join(ways)
