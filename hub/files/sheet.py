"""A column mapping as documents of the mapping language: entity `sheet_<name>`, and what it says of columns."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.drift.keywords import DIALECT
from hub.errors import ConfigError
from hub.files.dictionary import CONTACTS, EXTENSION, EXTERNAL_ID, IGNORE, KEEP, as_meaning
from hub.files.readers import CHAINS
from hub.files.rows import PREFIX
from hub.files.table import ROW
from hub.mapping.business import LEAD
from hub.mapping.paths import parse_path

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_KEY_MEANINGS: Final = CONTACTS | {"submitted_at", "product_interest"}
_TOUCH: Final = (
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "click_ids",
    "campaign_id", "ad_id", "creative_id", "project_id", "landing_url", "referrer",
)  # fmt: skip
_SPREADS: Final = ("phone", "submitted_at", "budget", "landing")
_REGIONS: Final = ("province", "region", "city")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the columns of a file mean: column → meaning, in the order of the file.

    `key` are the columns that tell one lead from another where none holds a platform's lead id. `scale` is
    the named scale of the intent column, `extensions` the merchant's fields: name → {type, label, pii}.
    `target` is the canonical entity that rows become.
    """

    platform: str
    entity: str
    columns: Mapping[str, str]
    key: tuple[str, ...] = ()
    scale: str | None = None
    extensions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    target: str = LEAD


def entity_of(name: str, columns: Iterable[str]) -> str:
    """The entity of a saved mapping: `sheet_<name>`; without a name, one that the set of columns gives.

    Raises:
        ConfigError: the name cannot be part of a mapping's name.
    """
    if not name:
        digest = hashlib.sha256("\x1f".join(sorted(columns)).encode()).hexdigest()
        return f"{PREFIX}{digest[:10]}"
    plain = name.removeprefix(PREFIX)
    if not _NAME.fullmatch(plain):
        raise ConfigError(f"--save {name}: small letters, digits and _, for example expo_2026")
    return PREFIX + plain


def default_key(columns: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that tell leads apart: contacts, when, and what was asked for."""
    return tuple(column for column, meaning in columns.items() if meaning in _KEY_MEANINGS)


def contract_document(sheet: Sheet, version: str) -> dict[str, Any]:
    """The raw contract of a row: every column text or null, the row's number beside them."""
    text = {"type": ["string", "null"]}
    return {
        "$schema": DIALECT,
        "$id": f"raw/{sheet.platform}/{sheet.entity}/{version}",
        "type": "object",
        "properties": {**{name: dict(text) for name in sheet.columns}, ROW: {"type": "integer"}},
    }


def mapping_document(sheet: Sheet, version: str, canonical: str) -> dict[str, Any]:
    """The mapping of a row. A patch: a file says only what its cells hold."""
    name = f"{sheet.platform}/{sheet.entity}/{version}"
    document: dict[str, Any] = {
        "mapping": name,
        "from": f"raw/{name}",
        "to": canonical,
        "title": f"表格 {sheet.entity.removeprefix(PREFIX)}",
        "mode": "patch",
        "key": _key(sheet),
        "fields": _fields(sheet),
        "spread": _spreads(sheet),
        "extensions": _extensions(sheet),
    }
    if "submitted_at" in sheet.columns.values():
        copied = [{"occurred_at": "submitted_at"}, *_TOUCH]
        document["touchpoints"] = [{"kind": "lead", "copy": copied}]
    ignored = [quoted(name) for name, meaning in sheet.columns.items() if meaning == IGNORE]
    document["ignore"] = [ROW, *ignored]
    return {name: value for name, value in document.items() if value}


def quoted(column: str) -> str:
    """A column's name as a path."""
    return f'"{column}"'


def _key(sheet: Sheet) -> dict[str, Any]:
    for column, meaning in sheet.columns.items():
        if meaning == EXTERNAL_ID:
            return {"id": quoted(column)}
    return {"synthetic": [{"from": quoted(column), "with": "halfwidth"} for column in sheet.key]}


def _fields(sheet: Sheet) -> dict[str, Any]:
    special = {*_SPREADS, *_REGIONS, EXTERNAL_ID, KEEP, IGNORE}
    fields: dict[str, Any] = {}
    for column, meaning in sheet.columns.items():
        if meaning in special or meaning.startswith(EXTENSION):
            continue
        if meaning == "intent":
            fields["intent_raw"] = quoted(column)
            if sheet.scale:
                fields["intent"] = {"from": quoted(column), "with": {"scale": sheet.scale}}
        elif meaning in CHAINS:
            fields[meaning] = {"from": quoted(column), "with": CHAINS[meaning]}
        else:
            fields[meaning] = quoted(column)
    return fields


def _spreads(sheet: Sheet) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for meaning in _SPREADS:
        columns = [column for column, each in sheet.columns.items() if each == meaning]
        if not columns:
            continue
        rule: dict[str, Any] = {"name": meaning, "from": [quoted(column) for column in columns]}
        rule["with"] = _budget_chain(columns[0]) if meaning == "budget" else CHAINS[meaning]
        found.append(rule | ({"take": "every"} if len(columns) > 1 else {}))
    regions = region_columns(sheet.columns)
    if regions:
        paths: list[Any] = [quoted(column) for column in regions]
        source = paths[0] if len(paths) == 1 else {"all": paths}
        found.append({"name": "region", "from": [source], "with": CHAINS["region"]})
    return found


def region_columns(columns: Mapping[str, str]) -> list[str]:
    """The columns that name a region, the larger before the smaller."""
    places = {meaning: column for column, meaning in columns.items() if meaning in _REGIONS}
    return [places[meaning] for meaning in _REGIONS if meaning in places]


def budget_unit(column: str) -> str | None:
    """The unit that a budget column's name states: 预算(万元) → 万; None if it states none."""
    if "万" in column:
        return "万"
    return "yuan" if "元" in column else None


def _budget_chain(column: str) -> Any:  # noqa: ANN401 -- a mapping's `with`
    unit = budget_unit(column)
    return {"budget_fen": {"unit": unit}} if unit else "budget_fen"


def _extensions(sheet: Sheet) -> dict[str, Any]:
    found = {}
    for column, meaning in sheet.columns.items():
        name = meaning.removeprefix(EXTENSION)
        if meaning.startswith(EXTENSION) and name in sheet.extensions:
            found[name] = {**sheet.extensions[name], "from": quoted(column)}
    return found


def sheet_of(document: Mapping[str, Any], contract: Mapping[str, Any]) -> Sheet:
    """What a saved mapping says of columns; those that it does not name are kept as they are."""
    platform, entity, _ = str(document["mapping"]).split("/")
    columns = {name: KEEP for name in contract.get("properties", {}) if name != ROW}
    scale = None
    for target, rule in (document.get("fields") or {}).items():
        for column in columns_in(rule):
            columns[column] = as_meaning(target)
        if target == "intent" and isinstance(rule, dict) and isinstance(rule.get("with"), dict):
            levels = rule["with"].get("scale")
            scale = levels if isinstance(levels, str) else None
    for name, rule in (document.get("extensions") or {}).items():
        columns |= dict.fromkeys(columns_in(rule), EXTENSION + name)
    for rule in document.get("spread") or ():
        columns |= _spread_meanings(str(rule.get("name")), columns_in(rule))
    key = document.get("key") or {}
    columns |= dict.fromkeys(columns_in(key.get("id")), EXTERNAL_ID)
    for path in document.get("ignore") or ():
        if path != ROW:
            columns |= dict.fromkeys(columns_in(path), IGNORE)
    synthetic = tuple(c for spec in key.get("synthetic") or () for c in columns_in(spec))
    return Sheet(platform, entity, columns, synthetic, scale)


def _spread_meanings(name: str, columns: Sequence[str]) -> dict[str, str]:
    if name == "region" and len(columns) > 1:
        return {columns[0]: "province", columns[-1]: "city"}
    return dict.fromkeys(columns, name)


def columns_in(rule: Any) -> list[str]:  # noqa: ANN401 -- a rule, a source, or a list of them
    """The columns that a rule reads, in order."""
    if isinstance(rule, str):
        return [parse_path(rule, "import").root]
    if isinstance(rule, list):
        return [column for each in rule for column in columns_in(each)]
    if isinstance(rule, dict):
        return [c for name in ("from", "all") if name in rule for c in columns_in(rule[name])]
    return []
