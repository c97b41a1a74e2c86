"""The campaign register: what people register, and which leads name a campaign that nobody registered."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from hub.attribution.register import PLATFORM_IDS, Campaign, Register
from hub.attribution.rules import AttributionRules, parse_attribution
from hub.crm import campaigns
from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.ops.audit import write_audit
from hub.registry.files import schema_files
from hub.settings import HubSettings
from hub.steps.lookup import NotFoundError

RULES_FILE = "attribution.yaml"
COLUMNS = (
    "utm_campaign", "title", "starts_on", "ends_on", "planned", "owner", "utm_source",
    "utm_medium", "platform_ids",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A campaign as somebody asks for it; what is None follows from its name."""

    utm_campaign: str
    title: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    planned_fen: int | None = None
    owner: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    platform_ids: tuple[str, ...] = ()


def load_attribution(settings: HubSettings) -> AttributionRules:
    """The rules of attribution of this installation.

    Raises:
        ConfigError: they are no YAML, or make no sense.
    """
    path = schema_files(settings).root / RULES_FILE
    if not path.exists():  # a folder of one's own contracts need not have them
        path = schema_files(HubSettings()).root / RULES_FILE
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: the rules of attribution are an object")
    return parse_attribution(document)


def campaign_of(wanted: Wanted, rules: AttributionRules) -> Campaign:
    """The campaign that somebody wants, its name parsed. Pure.

    Raises:
        ConfigError: the name is against the grammar, or the slot against the name.
    """
    key = wanted.utm_campaign.strip()
    name = rules.naming.parse(key)
    if wanted.starts_on and wanted.ends_on and wanted.ends_on < wanted.starts_on:
        raise ConfigError(f"{key}: it would end on {wanted.ends_on}, before it starts")
    for day, rightly in ((wanted.starts_on, -1), (wanted.ends_on, 1)):
        month = day.strftime("%Y%m") if day else name.month
        if (month > name.month and rightly < 0) or (month < name.month and rightly > 0):
            raise ConfigError(f"{key}: its slot ({day}) does not touch the month of its name")
    if wanted.planned_fen is not None and wanted.planned_fen < 0:
        raise ConfigError(f"{key}: planned spend is not negative")
    return Campaign(
        key,
        name.channel,
        name.form,
        (wanted.utm_source or name.channel).strip().lower(),
        (wanted.utm_medium or name.form).strip().lower(),
        wanted.title or None,
        wanted.starts_on,
        wanted.ends_on,
        wanted.planned_fen,
        wanted.owner or None,
    )


def add(
    engine: sa.Engine,
    settings: HubSettings,
    merchant: str,
    wanted: list[Wanted],
    *,
    by: str,
    now: datetime,
) -> list[Campaign]:
    """Register campaigns, all or none; this is audited.

    Raises:
        ConfigError: a name is against the grammar or taken, a platform's id is another campaign's.
    """
    rules = load_attribution(settings)
    made = [
        (campaign_of(one, rules), _ids(settings, merchant, one.platform_ids)) for one in wanted
    ]
    with store_errors(), engine.begin() as conn:
        for campaign, ids in made:
            name = campaign.utm_campaign
            if not campaigns.add_campaign(conn, merchant, campaign, by=by, at=now):
                raise ConfigError(
                    f"{name} is registered already: one UTM, one campaign; `hub campaign show {name}`"
                )
            for key in ids:
                _tie(conn, merchant, key, name)
            write_audit(conn, who=by, action="add campaign", target=name, merchant=merchant)
    return [campaign for campaign, _ in made]


def change(
    engine: sa.Engine,
    settings: HubSettings,
    merchant: str,
    wanted: Wanted,
    *,
    by: str,
    untie: tuple[str, ...] = (),
) -> Campaign:
    """Change what is given of a registered campaign, tie platform ids to it or take them away; audited.

    Raises:
        ConfigError: the slot is against the name, or an id is another campaign's.
        NotFoundError: no such campaign.
    """
    rules = load_attribution(settings)
    ids = _ids(settings, merchant, wanted.platform_ids)
    gone = _ids(settings, merchant, untie)
    with store_errors(), engine.begin() as conn:
        known = _known(campaigns.read_register(conn, merchant), wanted.utm_campaign)
        names = (
            "title",
            "starts_on",
            "ends_on",
            "planned_fen",
            "owner",
            "utm_source",
            "utm_medium",
        )
        kept = {name: getattr(wanted, name) or getattr(known, name) for name in names}
        changed = campaign_of(replace(wanted, **kept), rules)
        values = {name: getattr(changed, name) for name in names}
        campaigns.change_campaign(conn, merchant, known.utm_campaign, values)
        for key in gone:
            campaigns.untie_platform_id(conn, merchant, key)
        for key in ids:
            _tie(conn, merchant, key, known.utm_campaign)
        write_audit(conn, who=by, action="change campaign", target=known.utm_campaign, merchant=merchant)  # fmt: skip
    return changed


def add_creative(
    engine: sa.Engine, merchant: str, name: str, creative_id: str, title: str | None, *, by: str
) -> None:
    """Register a creative of a campaign; this is audited.

    Raises:
        ConfigError: the id is empty, or has more than one line.
        NotFoundError: no such campaign.
    """
    creative = creative_id.strip()
    if not creative or len(creative) > 200 or not creative.isprintable():
        raise ConfigError(
            "a creative has an id of one line, as the platform or utm_content says it"
        )
    with store_errors(), engine.begin() as conn:
        known = _known(campaigns.read_register(conn, merchant), name)
        campaigns.put_creative(conn, merchant, known.utm_campaign, creative, title or None)
        write_audit(conn, who=by, action="add creative", target=f"{name}/{creative}", merchant=merchant)  # fmt: skip


def read(engine: sa.Engine, merchant: str) -> Register:
    """All that a merchant has registered."""
    with store_errors(), engine.begin() as conn:
        return campaigns.read_register(conn, merchant)


def show(engine: sa.Engine, merchant: str, name: str) -> dict[str, Any]:
    """One campaign with its ids at platforms and its creatives, JSON-able.

    Raises:
        NotFoundError: no such campaign.
    """
    register = read(engine, merchant)
    found = _known(register, name)
    key = found.utm_campaign
    return {
        **summary(found),
        "platform_ids": sorted(
            f"{source}:{kind}={number}"
            for (source, kind, number), owner in register.ids.items()
            if owner == key
        ),
        "creatives": {
            creative: title
            for (owner, creative), title in sorted(register.creatives.items())
            if owner == key
        },
    }


def summary(campaign: Campaign) -> dict[str, Any]:
    """A campaign as one row."""
    return {
        "utm_campaign": campaign.utm_campaign, "title": campaign.title,
        "channel": campaign.channel, "form": campaign.form,
        "utm_source": campaign.utm_source, "utm_medium": campaign.utm_medium,
        "starts_on": campaign.starts_on, "ends_on": campaign.ends_on,
        "planned_fen": campaign.planned_fen, "owner": campaign.owner,
    }  # fmt: skip


def from_file(path: Path) -> list[Wanted]:
    """Campaigns of a CSV file under `COLUMNS`; planned spend is in yuan, platform ids are parted by `;`.

    Raises:
        ConfigError: it cannot be read, or a line says something unusable; names the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path}: cannot be read as UTF-8 text") from None
    reader = csv.DictReader(text.splitlines())
    unknown = sorted(set(reader.fieldnames or ()) - set(COLUMNS))
    if unknown or "utm_campaign" not in (reader.fieldnames or ()):
        raise ConfigError(f"{path}: the columns are {', '.join(COLUMNS)}")
    found = []
    for number, row in enumerate(reader, 2):
        try:
            found.append(_of_row(row))
        except (ValueError, AttributeError) as error:
            raise ConfigError(f"{path}:{number}: {error}") from None
    return found


def fen_of(yuan: str) -> int:
    """Whole fen of an amount in yuan.

    Raises:
        ValueError: it is no amount of whole fen.
    """
    whole, _, part = yuan.strip().partition(".")
    if not (whole + part).isdigit() or len(part) > 2:
        raise ValueError(f"{yuan!r} is no amount in yuan, like 2300 or 2300.50")
    return int(whole or "0") * 100 + int((part + "00")[:2])


def _of_row(row: Mapping[str, str | None]) -> Wanted:
    given = {name: (row.get(name) or "").strip() for name in COLUMNS}

    def day(name: str) -> date | None:
        return date.fromisoformat(given[name]) if given[name] else None

    return Wanted(
        given["utm_campaign"],
        given["title"] or None,
        day("starts_on"),
        day("ends_on"),
        fen_of(given["planned"]) if given["planned"] else None,
        given["owner"] or None,
        given["utm_source"] or None,
        given["utm_medium"] or None,
        tuple(part.strip() for part in given["platform_ids"].split(";") if part.strip()),
    )


def _known(register: Register, name: str) -> Campaign:
    found = register.campaigns.get(name.strip().lower())
    if found is None:
        raise NotFoundError(f"no campaign {name}; `hub campaign list` shows them")
    return found


def _ids(
    settings: HubSettings, merchant: str, written: tuple[str, ...]
) -> list[tuple[str, str, str]]:
    """`douyin:project_id=7200000000000000001` → source, field, id."""
    found = []
    for one in written:
        source_key, _, rest = one.partition(":")
        kind, _, number = rest.partition("=")
        source = settings.all_sources().get(source_key)
        if source is None or source.merchant != merchant:
            raise ConfigError(f"{one!r}: {source_key!r} is no source of merchant {merchant}")
        if kind not in PLATFORM_IDS or not number.strip():
            raise ConfigError(f"{one!r}: write SOURCE:campaign_id=ID or SOURCE:project_id=ID")
        found.append((source_key, kind, number.strip()))
    return found


def _tie(conn: sa.Connection, merchant: str, key: tuple[str, str, str], name: str) -> None:
    holder = campaigns.tie_platform_id(conn, merchant, key, name)
    if holder != name:
        raise ConfigError(f"{key[0]}:{key[1]}={key[2]} belongs to {holder} already")
