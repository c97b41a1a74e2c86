"""`hub source`: the configured sources, and the grants under which they are pulled."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.connectors.base import connector_for
from hub.connectors.sessions import Account
from hub.errors import ConfigError, HubError
from hub.ops.granted import AccountChange
from hub.settings import HubSettings, SourceSettings, load_settings
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store
from hub.steps.sources.authorize import (
    begin_authorization,
    finish_authorization,
    granted_accounts,
    redirect_uri,
)
from hub.steps.sources.grant import Grant, configured_source, grant_of, issues_tokens
from hub.steps.sources.keep_grants import keep_grants, note_after_authorization
from hub.steps.sources.overview import overview
from hub.steps.sources.platform_count import (
    ZONE,
    Statement,
    count_by_list,
    count_by_statement,
    in_words,
)
from hub.steps.sources.status import SourceStatus, needs_grant_of, source_status
from hub.steps.work import drain_queue

app = typer.Typer(help="Sources: one platform account each.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The source key.")]
_LISTED = (
    "source", "platform", "merchant", "by", "mapping", "last lead", "lag", "p95 ms", "grant",
    "trouble", "since", "run",
)  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """Every configured source: live mapping, last lead, lag (s), the state of its grant, what is wrong."""
    settings = load_settings()
    now = datetime.now(UTC)
    with open_store() as store:
        lines = overview(store.engine, settings, now)
        grants = {found.source_key: found.grant for found in _statuses(store.engine, settings)}
    rows = [
        (
            one.source_key,
            one.platform,
            settings.all_sources()[one.source_key].merchant,
            one.arrives_by,
            ", ".join(one.mappings) or None,
            one.last_lead_at,
            round(one.lag_s, 1),
            one.p95_ms,
            grants[one.source_key],
            "; ".join(one.trouble) or None,
            one.since,
            one.command,
        )
        for one in lines
    ]
    print_rows(_LISTED, rows, as_json=as_json)


@app.command("show")
def show_source(source: Key, as_json: AsJson = False) -> None:
    """One source: settings (no secrets), last delivery, last pull, grant."""
    settings = load_settings()
    found = configured_source(settings, source)
    with open_store() as store:
        status = source_status(store.engine, source, found, now=datetime.now(UTC))
    facts = {
        "source": source,
        "name": found.name or source,
        "platform": found.platform,
        "merchant": found.merchant,
        "account": found.account,
        "push": found.push,
        "signature": found.signature.scheme,
        "pulls": ", ".join(found.pulls) or None,
        "last_delivery_at": status.last_delivery_at,
        "last_pull_at": status.last_pull_at,
        "grant": status.grant,
        "access_expires_at": status.access_expires_at,
        "refresh_expires_at": status.refresh_expires_at,
        "callback": redirect_uri(settings, source) if status.needs_grant else None,
    }
    if as_json:
        print_json(facts)
        return
    print_rows(("fact", "value"), list(facts.items()), as_json=False)


@app.command("check")
def check_source(source: Key, as_json: AsJson = False) -> None:
    """Ask the platform whether the grant works and covers the configured accounts; exit 1 if not."""
    settings = load_settings()
    found = configured_source(settings, source)
    if not (needs_grant_of(found) or issues_tokens(connector_for(found.platform), found)):
        _print_check({"source": source, "ok": True, "platform": "is not asked"}, as_json=as_json)
        return
    with open_store() as store:
        grant = grant_of(store.engine, open_keyring(), settings, source)
        facts = _checked(grant, source, found)
    _print_check(facts, as_json=as_json)
    if not facts["ok"]:
        raise CheckFailedError


@app.command("accounts")
def list_accounts(source: Key, as_json: AsJson = False) -> None:
    """The accounts that the grant covers, as the platform lists them."""
    settings = load_settings()
    configured_source(settings, source)
    with open_store() as store:
        grant = grant_of(store.engine, open_keyring(), settings, source)
        accounts = granted_accounts(grant, now=datetime.now(UTC))
    rows = [(found.external_id, found.name, found.role) for found in accounts]
    print_rows(("account", "name", "role"), rows, as_json=as_json)


@app.command("authorize")
def authorize_source(
    source: Key,
    code: Annotated[
        str, typer.Option(help="The auth_code of the address that the browser was sent back to.")
    ] = "",
) -> None:
    """Print the address at which to grant access; with --code, trade the code for tokens."""
    settings = load_settings()
    configured_source(settings, source)
    now = datetime.now(UTC)
    with open_store() as store:
        grant = grant_of(store.engine, open_keyring(), settings, source)
        if code:
            finish_authorization(grant, code=code, now=now)
            print_line(f"{source}: authorised")
            _say_accounts(note_after_authorization(grant, now=now))
            return
        print_line("Open this address within ten minutes, tick every account and agree:")
        print_line(begin_authorization(grant, settings, now=now))
        print_line(
            f"The browser comes back to {redirect_uri(settings, grant.source_key)} (hub receive must run"
            " there). If it cannot, copy auth_code from its address bar at once and run"
            f" `hub source authorize {source} --code CODE`."
        )


@app.command("keep")
def keep_sources(as_json: AsJson = False) -> None:
    """Renew grants that are about to end and ask which accounts they cover; exit 1 if one is not good."""
    settings = load_settings()
    with open_store() as store:
        reports = keep_grants(store.engine, open_keyring(), settings, now=datetime.now(UTC))
    rows = [
        (one.source_key, one.state, one.accounts, ", ".join(one.vanished) or None, one.detail)
        for one in reports
    ]
    columns = ("source", "grant", "accounts", "no longer covered", "detail")
    print_rows(columns, rows, as_json=as_json)
    if any(one.state != "good" or one.vanished for one in reports):
        raise CheckFailedError


@app.command("count")
def count_source(
    source: Key,
    day: Annotated[
        str, typer.Option(help="The platform's day, like 2026-02-17; yesterday if not given.")
    ] = "",
    stated: Annotated[
        int | None, typer.Option(min=0, help="What the platform's console shows for that day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the platform says it sent on a day with what came; exit 1 if leads are missing.

    Without --stated the whole day is pulled: what a push lost is loaded by that, and counted.
    """
    settings = load_settings()
    configured_source(settings, source)
    now = datetime.now(UTC)
    wanted = _day(day, now)
    with open_store() as store:
        keyring = open_keyring()
        if stated is not None:
            said = Statement(source, wanted, stated, "person")
            found = count_by_statement(store.engine, settings, said, now=now)
        else:
            found = count_by_list(
                store.engine,
                keyring,
                settings,
                source,
                wanted,
                now=now,
                load=lambda: drain_queue(store.engine, keyring, settings, name="count"),
            )
    if as_json:
        print_json({**asdict(found), "missing": found.missing})
    else:
        print_line(in_words(found))
    if found.missing > 0:
        raise CheckFailedError


def _say_accounts(change: AccountChange | None) -> None:
    """What a new grant covers, and above all what it no longer does."""
    if change is None:
        return
    print_line(f"  covers {change.covered} account(s), {len(change.added)} of them new")
    if change.vanished:
        print_line(
            f"  NO LONGER covers {', '.join(change.vanished)}: authorise again, tick every account"
        )


def _day(text: str, now: datetime) -> date:
    if not text:
        return now.astimezone(ZONE).date() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError("--day: write a day like 2026-02-17") from None


def _statuses(engine: sa.Engine, settings: HubSettings) -> list[SourceStatus]:
    now = datetime.now(UTC)
    return [
        source_status(engine, key, source, now=now)
        for key, source in sorted(settings.all_sources().items())
    ]


def _checked(grant: Grant, source_key: str, source: SourceSettings) -> dict[str, Any]:
    """What the platform says of the grant; an error is part of the answer."""
    try:
        accounts = granted_accounts(grant, now=datetime.now(UTC))
    except HubError as error:
        return {"source": source_key, "ok": False, "error": str(error)}
    # An application that gets its token by its own secret may have no list of accounts at all.
    missing = _missing(source, accounts) if accounts or not grant.is_self_issued else []
    return {
        "source": source_key,
        "ok": not missing,
        "accounts": len(accounts),
        "not covered": ", ".join(missing) or None,
    }


def _missing(source: SourceSettings, accounts: list[Account]) -> list[str]:
    """Configured accounts that the grant does not cover."""
    granted = {found.external_id for found in accounts}
    options = [source.options.get(name, ()) for name in ("advertiser_ids", "star_ids")]
    wanted = {str(item) for listed in options for item in listed} or {source.account or ""}
    return sorted(wanted - granted - {""})


def _print_check(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    print_rows(("fact", "value"), list(facts.items()), as_json=False)
