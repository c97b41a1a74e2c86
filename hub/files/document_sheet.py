"""A ledger's column mapping as documents of the mapping language, and what tells its rows apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub.errors import ConfigError
from hub.files.dictionary import EXTERNAL_ID, IGNORE, KEEP, Role
from hub.files.documents import RED_WORDS, DocumentDictionary
from hub.files.proposal import Proposed
from hub.files.sheet import Sheet, columns_in, quoted
from hub.files.table import ROW

# What makes a document without a number itself; what is not here goes by all of `_USUAL`.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "approval": ("contract_number",),
    "signing": ("flow_id",),
    "receiving_account": ("account_ref",),
    "spend": ("on_date", "channel", "campaign_id", "utm_campaign", "creative_id"),
    "contract": (),
}
_USUAL: Final = (
    *("contract_number", "order_number", "invoice_number", "opportunity_number", "on_date"),
    *("occurred_at", "stage_to", "amount", "party_name", "party_code", "account_ref", "product"),
)


def document_key(sheet_columns: Mapping[str, str], target: str) -> tuple[str, ...]:
    """The columns that tell rows apart where none holds an id or a number."""
    meanings = _KEYS.get(target, _USUAL)
    return tuple(column for column, meaning in sheet_columns.items() if meaning in meanings)


def identity_columns(sheet: Sheet) -> tuple[tuple[str, ...], bool]:
    """The columns whose cells name a document, and whether they are its own id or number.

    An invoice of the old kind has a code beside its number, and only both together are unique.
    """
    by_meaning = {meaning: column for column, meaning in sheet.columns.items()}
    if EXTERNAL_ID in by_meaning:
        return (by_meaning[EXTERNAL_ID],), True
    if "number" in by_meaning:
        code = by_meaning.get("invoice_code")
        return ((code,) if code else ()) + (by_meaning["number"],), True
    return sheet.key, False


def check_document_columns(found: Sequence[Proposed], sheet: Sheet, needed: Sequence[str]) -> None:
    """See that rows are documents that can be told apart and added up.

    Raises:
        ConfigError: a column is missing; says which, and how to name it.
    """
    meanings = {one.meaning for one in found}
    columns = "、".join(one.column for one in found[:12])
    for meaning in needed:
        if meaning not in meanings:
            raise ConfigError(
                f"no column holds {meaning} of a {sheet.target}: {columns}; say which: --map 列名={meaning}"
            )
    if not identity_columns(sheet)[0]:
        raise ConfigError(
            f"no column tells one {sheet.target} from another: {columns}; say which: --map 列名=number"
        )


def document_mapping(
    sheet: Sheet, dictionary: DocumentDictionary, version: str, canonical: str
) -> dict[str, Any]:
    """The mapping of a row. A patch: a file says only what its cells hold."""
    name = f"{sheet.platform}/{sheet.entity}/{version}"
    ignored = [quoted(column) for column, m in sheet.columns.items() if m == IGNORE]
    document = {
        "mapping": name,
        "from": f"raw/{name}",
        "to": canonical,
        "title": f"表格 {sheet.entity.removeprefix('sheet_')}",
        "mode": "patch",
        "key": _key(sheet),
        "fields": _fields(sheet, dictionary),
        "spread": [
            {"name": "mobile", "from": quoted(column), "with": "phone_cn"}
            for column, meaning in sheet.columns.items()
            if dictionary.role(meaning) is Role.PHONE
        ],
        "ignore": [ROW, *ignored],
    }
    return {section: value for section, value in document.items() if value}


def _key(sheet: Sheet) -> dict[str, Any]:
    columns, is_own = identity_columns(sheet)
    paths = [quoted(column) for column in columns]
    if not is_own:
        return {"synthetic": [{"from": path, "with": "halfwidth"} for path in paths]}
    return {"id": paths[0] if len(paths) == 1 else {"from": [{"all": paths}]}}


def _fields(sheet: Sheet, dictionary: DocumentDictionary) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    kinds = [column for column, meaning in sheet.columns.items() if meaning == "kind"]
    for column, meaning in sheet.columns.items():
        role = dictionary.role(meaning)
        if meaning in (KEEP, IGNORE, EXTERNAL_ID) or role is Role.PHONE:
            continue
        rule: dict[str, Any] = {"from": quoted(column)}
        chain = dictionary.chain(meaning, column)
        if chain is not None:
            rule["with"] = chain
        if role in (Role.AMOUNT, Role.DATE):
            rule["unusable"] = "hold"
        if role is Role.AMOUNT and sheet.target == "invoice" and kinds:
            rule["from"] = {"all": [quoted(column), quoted(kinds[0])]}
            rule["with"] = {"signed_fen": {**chain["signed_fen"], "negative": list(RED_WORDS)}}
        fields[dictionary.field_of(meaning)] = rule if len(rule) > 1 else quoted(column)
        if meaning == "state":
            fields["state_raw"] = quoted(column)
    if sheet.target == "contract" and "number" in fields:
        fields.setdefault("contract_number", fields["number"])
    return fields


def document_sheet_of(document: Mapping[str, Any], contract: Mapping[str, Any]) -> Sheet:
    """What a saved mapping of a ledger says of columns; those that it does not name are kept as they are."""
    platform, entity, _ = str(document["mapping"]).split("/")
    columns = {name: KEEP for name in contract.get("properties", {}) if name != ROW}
    for rule in document.get("spread") or ():
        columns |= dict.fromkeys(columns_in(rule), "mobile_e164")
    fields = dict(document.get("fields") or {})
    for target in sorted(fields, key=_importance):
        named = columns_in(fields[target])
        columns |= dict.fromkeys(named[:1], target.removesuffix("_fen"))
    key = document.get("key") or {}
    own = columns_in(key.get("id"))
    if len(own) == 1 and columns.get(own[0]) == KEEP:
        columns[own[0]] = EXTERNAL_ID
    ignored = [column for path in document.get("ignore") or () for column in columns_in(path)]
    columns |= {column: IGNORE for column in ignored if column != ROW}
    synthetic = tuple(c for spec in key.get("synthetic") or () for c in columns_in(spec))
    target = str(document["to"]).split("/")[1]
    return Sheet(platform, entity, columns, synthetic, target=target)


def _importance(target: str) -> int:
    """Fields that only repeat another's column come first, so that the other has the last word."""
    return 0 if target in ("state_raw", "contract_number") else 1
