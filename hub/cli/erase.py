"""`hub erase`: forget one person for good (PIPL), with a receipt."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from hub.cli.output import print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.privacy.sensitive import Sensitive
from hub.settings import DEFAULT_MERCHANT, load_settings
from hub.steps.erasure import log as erasure_log
from hub.steps.erasure.erase import Receipt, Request, Subject, apply_missing, erase, list_receipts
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import Store, open_store

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
# Rows that say something is left, not what went.
_LEFT = {
    "left_whole": "whole deliveries of many people that could not be split; see `hub held list --reason unreadable`",
    "documents_of_same_name": "business documents of the same name and no key of this person; look at them",
    "unsplit_deliveries": "deliveries that wait for a loader; what is this person's goes when one splits them",
}


def register(app: typer.Typer) -> None:
    """Add `erase`."""
    app.command("erase")(erase_command)


def erase_command(  # noqa: PLR0913 -- the options of a command are its arguments
    phone: Annotated[str, typer.Option(help="A mobile number; - asks for it.")] = "",
    id_number: Annotated[str, typer.Option(help="A resident ID number; - asks for it.")] = "",
    contact: Annotated[
        str, typer.Option(help="A contact's id, as `hub contact show` has it.")
    ] = "",
    merchant: Annotated[str, typer.Option(help="Whose contact.")] = DEFAULT_MERCHANT,
    reason: Annotated[
        str, typer.Option(help="Why, e.g. a ticket's number; kept, so it must name nobody.")
    ] = "",
    who: Annotated[str, typer.Option("--as", help="Who asks; kept.", envvar="HUB_USER")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    apply_log: Annotated[
        Path | None,
        typer.Option("--apply-log", help="Erase again what this log names and the store lacks."),
    ] = None,
    receipts: Annotated[bool, typer.Option("--receipts", help="List the receipts.")] = False,
    as_json: Json = False,
) -> None:
    """Erase one person: contact, leads, records, what is held or was refused, their own in the books. It cannot be
    undone."""
    if receipts:
        with open_store() as store:
            _print_receipts(list_receipts(store.engine), as_json)
        return
    if apply_log is not None:
        with open_store(check_erasures=False) as store:
            done = apply_missing(
                store.engine, open_keyring(), load_settings(), erasure_log.read(apply_log)
            )
        _print_receipts(done, as_json)
        return
    subject = _subject(phone, id_number, contact)
    if not dry_run and not reason:
        raise ConfigError("say --reason, or --dry-run to see what would go")
    with open_store() as store:
        if not (dry_run or yes):
            _confirm(store, subject, merchant)
        request = Request(merchant, who or getpass.getuser(), reason, datetime.now(UTC))
        _print(_run(store, subject, request, dry_run=dry_run), as_json)


def _subject(phone: str, id_number: str, contact: str) -> Subject:
    return Subject(
        phone=Sensitive(_asked("phone", phone), "phone") if phone else None,
        id_number=Sensitive(_asked("ID number", id_number), "id") if id_number else None,
        contact=_id(contact) if contact else None,
    )


def _asked(what: str, given: str) -> str:
    """What was given, or typed unseen: a command line stays in the shell's history and in `ps`."""
    return getpass.getpass(f"{what}: ") if given == "-" else given


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ConfigError("that is no contact's id; `hub lead list` shows them") from None


def _run(store: Store, subject: Subject, request: Request, *, dry_run: bool) -> Receipt:
    return erase(store.engine, open_keyring(), load_settings(), subject, request, dry_run=dry_run)


def _confirm(store: Store, subject: Subject, merchant: str) -> None:
    """Show what would go, and ask.

    Raises:
        ConfigError: nobody can be asked, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise ConfigError("nobody can be asked here: add --yes, or --dry-run to see what would go")
    request = Request(merchant, "", "", datetime.now(UTC))
    _print(_run(store, subject, request, dry_run=True), as_json=False)
    if not typer.confirm("Erase this for good?", err=True):
        raise ConfigError("nothing was erased")


def _facts(receipt: Receipt) -> dict[str, Any]:
    return {
        "receipt": str(receipt.receipt),
        "merchant": receipt.merchant,
        "erased_at": receipt.erased_at,
        "by": receipt.by,
        "reason": receipt.reason,
        "dry_run": receipt.dry_run,
        "counts": dict(receipt.counts),
    }


def _print(receipt: Receipt, as_json: bool) -> None:
    if as_json:
        print_json(_facts(receipt))
        return
    gone = [(name, n) for name, n in receipt.counts.items() if n and name not in _LEFT]
    print_rows(("would go" if receipt.dry_run else "gone", "rows"), gone, as_json=False)
    for name, words in _LEFT.items():
        if receipt.counts.get(name):
            print_line(f"left: {receipt.counts[name]} {words}")
    if not receipt.dry_run:
        print_line(f"receipt {receipt.receipt}, {receipt.erased_at.isoformat()}")


def _print_receipts(receipts: Sequence[Receipt], as_json: bool) -> None:
    if as_json:
        print_json([_facts(one) for one in receipts])
        return
    rows = [(one.receipt, one.merchant, one.erased_at, one.by, one.reason) for one in receipts]
    print_rows(("receipt", "merchant", "erased at", "by", "reason"), rows, as_json=False)
