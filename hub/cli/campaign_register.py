"""`hub campaign add|import|set|creative|list|show|check`: what marketing runs, and leads that name none of it."""

from __future__ import annotations

import getpass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.attribution.register import FindingKind
from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.settings import DEFAULT_MERCHANT, load_settings
from hub.steps.finance import campaign_register as steps
from hub.steps.finance.campaign_findings import DAYS, find_findings
from hub.steps.finance.campaign_register import Wanted
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store

Merchant = Annotated[str, typer.Option(help="Whose campaign.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Who = Annotated[str, typer.Option("--as", help="Who does it, for the log.", envvar="HUB_USER")]
Name = Annotated[str, typer.Argument(help="utm_campaign, like douyin_live_202602_q4.")]
Title = Annotated[str, typer.Option(help="What people call it.")]
Starts = Annotated[str, typer.Option("--from", help="First day of its slot, like 2026-02-01.")]
Ends = Annotated[str, typer.Option("--to", help="Last day of its slot.")]
Planned = Annotated[str, typer.Option(help="Planned spend in yuan.")]
Owner = Annotated[str, typer.Option(help="Who answers for it.")]
Source = Annotated[str, typer.Option(help="utm_source, if it is not the channel.")]
Medium = Annotated[str, typer.Option(help="utm_medium, if it is not the form.")]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", help="A platform's id of it: SOURCE:project_id=ID, also campaign_id."),
]


def register_commands(app: typer.Typer) -> None:
    """Add the commands of the register."""
    for name, command in (
        ("add", add_command), ("import", import_command), ("set", set_command),
        ("creative", creative_command), ("list", list_command), ("show", show_command),
        ("check", check_command),
    ):  # fmt: skip
        app.command(name)(command)


def registered_utm(merchant: str, name: str) -> dict[str, str]:
    """The UTM of a registered campaign.

    Raises:
        ConfigError: it is not registered.
    """
    with open_store() as store:
        found = steps.read(store.engine, merchant).campaigns.get(name.strip().lower())
    if found is None:
        raise ConfigError(f"no campaign {name!r} of merchant {merchant}; `hub campaign list`")
    return found.utm


def add_command(  # noqa: PLR0913 -- one option a part of the campaign
    name: Name,
    title: Title = "",
    starts: Starts = "",
    ends: Ends = "",
    planned: Planned = "",
    owner: Owner = "",
    source: Source = "",
    medium: Medium = "",
    ids: Ids = None,
    merchant: Merchant = DEFAULT_MERCHANT,
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Register a campaign: its name is its UTM, and says channel, form and month."""
    wanted = _wanted(name, (title, owner, source, medium), (starts, ends), planned, ids)
    with open_store() as store:
        [made] = steps.add(
            store.engine, load_settings(), merchant, [wanted], by=_by(who), now=datetime.now(UTC)
        )
    if as_json:
        print_json(steps.summary(made))
        return
    utm = " ".join(f"{key}={value}" for key, value in made.utm.items())
    print_line(f"{made.utm_campaign} is registered: {utm}")


def import_command(
    file: Annotated[Path, typer.Argument(help=f"CSV: {', '.join(steps.COLUMNS)}.")],
    merchant: Merchant = DEFAULT_MERCHANT,
    who: Who = "",
) -> None:
    """Register the campaigns of a CSV file, all or none; planned spend in yuan, platform ids parted by ;"""
    wanted = steps.from_file(file)
    with open_store() as store:
        made = steps.add(
            store.engine, load_settings(), merchant, wanted, by=_by(who), now=datetime.now(UTC)
        )
    print_line(f"{len(made)} campaigns are registered")


def set_command(  # noqa: PLR0913 -- one option a part of the campaign
    name: Name,
    title: Title = "",
    starts: Starts = "",
    ends: Ends = "",
    planned: Planned = "",
    owner: Owner = "",
    source: Source = "",
    medium: Medium = "",
    ids: Ids = None,
    untie: Annotated[
        list[str] | None, typer.Option("--untie", help="A platform's id that is not its own.")
    ] = None,
    merchant: Merchant = DEFAULT_MERCHANT,
    who: Who = "",
) -> None:
    """Change what is given of a campaign, or tie platform ids to it; its name stays."""
    wanted = _wanted(name, (title, owner, source, medium), (starts, ends), planned, ids)
    with open_store() as store:
        steps.change(
            store.engine, load_settings(), merchant, wanted, by=_by(who), untie=tuple(untie or ())
        )
    print_line(f"{name} is changed; `hub attribution run` tells deals anew")


def creative_command(
    name: Name,
    creative: Annotated[str, typer.Argument(help="The platform's creative id, or utm_content.")],
    title: Title = "",
    merchant: Merchant = DEFAULT_MERCHANT,
    who: Who = "",
) -> None:
    """Register a creative (素材包) of a campaign, or give it another title."""
    with open_store() as store:
        steps.add_creative(store.engine, merchant, name, creative, title, by=_by(who))
    print_line(f"{name} has creative {creative}")


def list_command(merchant: Merchant = DEFAULT_MERCHANT, as_json: AsJson = False) -> None:
    """All registered campaigns."""
    with open_store() as store:
        found = steps.read(store.engine, merchant).campaigns.values()
    rows = [steps.summary(one) for one in found]
    columns = (
        "utm_campaign", "title", "utm_source", "utm_medium", "starts_on", "ends_on",
        "planned_fen", "owner",
    )  # fmt: skip
    print_rows(columns, [[row[name] for name in columns] for row in rows], as_json=as_json)


def show_command(
    name: Name, merchant: Merchant = DEFAULT_MERCHANT, as_json: AsJson = False
) -> None:
    """One campaign: UTM, slot, planned spend, its ids at platforms, its creatives."""
    with open_store() as store:
        found = steps.show(store.engine, merchant, name)
    if as_json:
        print_json(found)
        return
    rows = [
        (key, ", ".join(map(str, value)) if isinstance(value, list | dict) else value)
        for key, value in found.items()
    ]
    print_rows(("fact", "value"), rows, as_json=False)


def check_command(
    days: Annotated[int, typer.Option(min=1, max=366, help="Leads of so many days.")] = DAYS,
    merchant: Merchant = DEFAULT_MERCHANT,
    as_json: AsJson = False,
) -> None:
    """Leads that name a campaign which nobody registered, a macro, or a campaign outside its slot; exit 1 if any.

    A campaign outside its slot is shown, but is no failure: a link lives longer than a live show.
    """
    with open_store() as store:
        found = find_findings(
            store.engine, open_keyring(), load_settings(), merchant, datetime.now(UTC), days=days
        )
    columns = ("source", "finding", "claimed", "leads", "first", "last")
    rows = [
        (one.source_key, one.kind, one.claimed, one.leads, one.first_at, one.last_at)
        for one in found
    ]
    if rows or as_json:
        print_rows(columns, rows, as_json=as_json)
    else:
        print_line(f"every campaign that a lead of the last {days} days names is registered")
    if any(one.kind != FindingKind.OUTSIDE_SLOT for one in found):
        raise CheckFailedError


def _wanted(
    name: str,
    words: tuple[str, str, str, str],
    slot: tuple[str, str],
    planned: str,
    ids: list[str] | None,
) -> Wanted:
    title, owner, source, medium = (word.strip() or None for word in words)
    try:
        starts, ends = (date.fromisoformat(day) if day else None for day in slot)
        fen = steps.fen_of(planned) if planned else None
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
    return Wanted(name, title, starts, ends, fen, owner, source, medium, tuple(ids or ()))


def _by(who: str) -> str:
    return who or getpass.getuser()
