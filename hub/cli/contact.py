"""`hub contact`: the person behind several leads. Masked; `--reveal` is written to the audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from hub.cli.lead import AsJson, Reveal, Who, as_id, asker, open_viewer, print_found
from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.cli.profile_output import print_contact
from hub.model.ids import uuid7
from hub.settings import DEFAULT_MERCHANT, load_settings
from hub.steps import lookup
from hub.steps.identity import contact_decisions
from hub.steps.identity.contact_profile import Profiler
from hub.steps.identity.match_contact import asked_keys, facts, match_contact
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Contacts: the person behind several leads.")


@app.callback()
def group() -> None:
    """Contacts: the person behind several leads."""


@app.command("show")
def show_command(
    contact: str, reveal: Reveal = False, who: Who = "", as_json: AsJson = False
) -> None:
    """One contact: which value of each field won and why, every value that lost, what was wanted, its leads."""
    with open_store() as store:
        viewer = open_viewer(asker(reveal, who))
        profiler = Profiler.prepared(load_settings())
        found = lookup.show_contact(store.engine, viewer, profiler, as_id(contact))
    if as_json:
        print_json(found)
        return
    print_contact(found)


@app.command("match")
def match_command(  # noqa: PLR0913 -- one option for each way to name a person
    phone: Annotated[str, typer.Option(help="In any written form.")] = "",
    phone_sha256: Annotated[str, typer.Option(help="Of +86 and 11 digits, hexadecimal.")] = "",
    phone_md5: Annotated[str, typer.Option(help="Meets only the same hash.")] = "",
    id_number: Annotated[str, typer.Option(help="Resident ID number.")] = "",
    unionid: Annotated[str, typer.Option(help="WeChat unionid.")] = "",
    openid: Annotated[str, typer.Option(help="WeChat openid; with --app.")] = "",
    app_id: Annotated[str, typer.Option("--app", help="The openid's app.")] = "",
    external_userid: Annotated[str, typer.Option(help="WeCom's; with --corp.")] = "",
    corp: Annotated[str, typer.Option(help="The external user id's corp.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address.")] = "",
    merchant: Annotated[str, typer.Option(help="Of whom.")] = DEFAULT_MERCHANT,
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """实时去重: whether this person is known to a merchant, and by which keys; this is audited."""
    given = {
        "phone": phone,
        "phone_sha256": phone_sha256,
        "phone_md5": phone_md5,
        "id_number": id_number,
        "unionid": unionid,
        "openid": openid,
        "app": app_id,
        "external_userid": external_userid,
        "corp": corp,
        "email": email,
    }
    settings = load_settings()
    keys = asked_keys({name: value for name, value in given.items() if value})
    with open_store() as store:
        found = match_contact(
            store.engine, open_keyring(), settings, (merchant, keys), asker(True, who) or ""
        )
    print_found(dict(facts(found)), as_json)


@app.command("why")
def why_command(one: str, other: str, as_json: AsJson = False) -> None:
    """Why two contacts (or leads) are one person: the shortest chain of shared keys; exit 1 if they are not."""
    with open_store() as store:
        found = contact_decisions.why(store.engine, as_id(one), as_id(other))
    if found is None:
        if as_json:
            print_json(None)
        else:
            print_line("they are not one person")
        raise CheckFailedError
    rows = [(step.lead, step.kind, step.other) for step in found]
    if not rows and not as_json:
        print_line("they are the same lead, or were one contact from the start")
        return
    print_rows(("lead", "shares its", "with lead"), rows, as_json=as_json)


@app.command("split")
def split_command(
    contact: str,
    leads: Annotated[
        str,
        typer.Option("--leads", help="The leads of one side, by comma; the others are the other."),
    ],
    reason: Annotated[str, typer.Option(help="Why; it stays in the log of decisions.")],
    who: Who = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Part a contact's leads for good: the keys that joined them join nobody from now on."""
    side = [as_id(part.strip()) for part in leads.split(",") if part.strip()]
    with open_store() as store:
        done = contact_decisions.split(
            store.engine,
            as_id(contact),
            side,
            by=asker(True, who) or "",
            reason=reason,
            now=datetime.now(UTC),
            new_id=uuid7,
            dry_run=dry_run,
        )
    facts = {
        "decision": done.decision,
        "side": list(done.side),
        "rest": list(done.rest),
        "keys that join nobody from now on": list(done.stopped),
        "contacts": list(done.contacts),
    }
    if as_json:
        print_json(facts)
        return
    print_rows(("fact", "value"), list(facts.items()), as_json=False)


@app.command("undo")
def undo_command(
    decision: int,
    reason: Annotated[str, typer.Option(help="Why; it stays in the log of decisions.")],
    who: Who = "",
) -> None:
    """Take a split back: who shares a key is one person again."""
    with open_store() as store:
        concerned = contact_decisions.undo(
            store.engine,
            decision,
            by=asker(True, who) or "",
            reason=reason,
            now=datetime.now(UTC),
            new_id=uuid7,
        )
    print_line(f"decision {decision} is taken back; contacts: {', '.join(map(str, concerned))}")


@app.command("decisions")
def decisions_command(
    merchant: Annotated[str | None, typer.Option(help="Only this merchant's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """What people decided about contacts, newest first."""
    with open_store() as store:
        rows = contact_decisions.list_decisions(store.engine, merchant=merchant, limit=limit)
    columns = ("decision", "kind", "merchant", "leads", "by", "reason", "at")
    print_rows(columns, [[row[name] for name in columns] for row in rows], as_json=as_json)
