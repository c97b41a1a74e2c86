"""Before an import: the file read, its columns matched or a saved mapping found, the mapping published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.files.dictionary import BaseDictionary, Dictionary
from hub.files.document_sheet import (
    check_document_columns,
    document_key,
    document_mapping,
    document_sheet_of,
)
from hub.files.documents import DocumentDictionary, lookup_tables
from hub.files.proposal import Proposed, check_usable, chosen, intent_scale, propose
from hub.files.rows import PREFIX
from hub.files.sheet import (
    Sheet,
    contract_document,
    default_key,
    entity_of,
    mapping_document,
    sheet_of,
)
from hub.files.table import ROW, Grid, Table, make_table
from hub.files.text_files import decode, read_delimited, read_json_lines
from hub.files.workbook import is_workbook, read_workbook
from hub.mapping.business import BUSINESS_FIELDS, LEAD
from hub.mapping.document import parse_name
from hub.mapping.nearest import did_you_mean
from hub.registry import live
from hub.registry.extensions import extensions_by_merchant
from hub.registry.files import CANONICAL_LEAD, SchemaFiles
from hub.settings import HubSettings, SourceSettings
from hub.steps.publish import check_document, publish_on

_DECLARATIVE = "declarative"
_JSON_LINES = (".jsonl", ".ndjson")
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_NEAR = 0.6  # of the columns of both
_FIRST_VERSION = "1-0-0"


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file where a look at it is not enough; "" and None mean: look."""

    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""
    header_row: int | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved column mapping that is live: its documents, and what it says of columns."""

    name: str
    document: Mapping[str, Any]
    contract: Mapping[str, Any]
    sheet: Sheet

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the files that it was made for."""
        return frozenset(name for name in self.contract.get("properties", {}) if name != ROW)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import will do: the table, the columns' meanings, and the documents if they are not live yet."""

    source_key: str
    source: SourceSettings
    table: Table
    sheet: Sheet
    name: str
    document: Mapping[str, Any] | None = None
    contract: Mapping[str, Any] | None = None
    proposed: Sequence[Proposed] = ()
    unknown_columns: tuple[str, ...] = field(default=())

    @property
    def uncertain(self) -> list[Proposed]:
        """The columns that a person has to say something about."""
        return [one for one in self.proposed if not one.is_sure]


def read_table(
    path: Path, dictionary: BaseDictionary, settings: HubSettings, how: Reading
) -> Table:
    """The table of a file: xlsx, csv, tsv or JSON lines.

    Raises:
        ConfigError: it is not there, too large, or cannot be read; says what to try.
    """
    try:
        size = path.stat().st_size
        if size > settings.import_max_bytes:
            limit = settings.import_max_bytes
            raise ConfigError(f"{path}: {size} bytes; at most {limit} (`import_max_bytes`)")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    grid = _grid(path, data, how)
    known = dictionary.is_known
    header = 0 if path.suffix.lower() in _JSON_LINES else how.header_row
    table = make_table(grid, known, header)
    if not table.rows:
        raise ConfigError(f"{path}: no row under the header of {table.name}")
    return table


def _grid(path: Path, data: bytes, how: Reading) -> Grid:
    if data.startswith(_OLD_WORKBOOK):
        raise ConfigError(
            f"{path}: an old xls or a locked workbook; save it as xlsx without password"
        )
    if is_workbook(data):
        return read_workbook(data, str(path), how.sheet)
    if how.sheet:
        raise ConfigError(f"--sheet {how.sheet}: {path.name} is no workbook")
    text = decode(data, how.encoding, str(path))
    if path.suffix.lower() in _JSON_LINES:
        return read_json_lines(text, str(path))
    return read_delimited(text, path.name, how.delimiter)


def target_of(source: SourceSettings) -> str:
    """The canonical entity that rows of a file become: what a `declarative` source says, else a lead."""
    entity = str(source.options.get("entity", LEAD)) if source.platform == _DECLARATIVE else LEAD
    return entity if entity in BUSINESS_FIELDS else LEAD


def dictionary_for(
    conn: sa.Connection, files: SchemaFiles, merchant: str, target: str = LEAD
) -> tuple[BaseDictionary, dict[str, dict[str, str]]]:
    """The dictionary of a merchant for what rows become, and its extension fields as a mapping declares them."""
    if target != LEAD:
        shipped = _shipped(files, target)
        tables = lookup_tables(files.mapping(shipped)) if shipped else {}
        return DocumentDictionary(target, files.newest_contract(f"canonical/{target}"), tables), {}
    fields = extensions_by_merchant(conn).get(merchant, ())
    extensions = {
        one.name: {"type": one.type, "label": one.label_zh, "pii": one.pii} for one in fields
    }
    labels = {name: one["label"] for name, one in extensions.items()}
    return Dictionary(files.newest_contract(CANONICAL_LEAD), labels), extensions


def _shipped(files: SchemaFiles, target: str) -> str | None:
    """The newest mapping of the entity in the hub's own field names; it knows the words of its states."""
    names = files.newest_mappings()
    return next((str(n) for n in names if (n.platform, n.entity) == (_DECLARATIVE, target)), None)


def saved_mappings(
    conn: sa.Connection, platform: str, merchant: str, target: str = LEAD
) -> list[Saved]:
    """The column mappings to an entity that are live for a merchant on a platform, its own first."""
    ids = live.live_versions(conn).ids
    wanted = {
        number: scope
        for (scope, each, entity), number in ids.items()
        if each == platform
        and entity.startswith(PREFIX)
        and scope in (merchant, live.ALL_MERCHANTS)
    }
    found = live.documents_of(conn, sorted(wanted))
    ordered = sorted(found.values(), key=lambda one: (wanted[one.id] == "", -one.id))
    return [
        Saved(one.name, one.mapping, one.contract, _sheet_of(one.mapping, one.contract))
        for one in ordered
        if one.contract is not None and str(one.mapping["to"]).split("/")[1] == target
    ]


def _sheet_of(document: Mapping[str, Any], contract: Mapping[str, Any]) -> Sheet:
    is_lead = str(document["to"]).startswith(f"canonical/{LEAD}/")
    return sheet_of(document, contract) if is_lead else document_sheet_of(document, contract)


def plan_with_saved(
    source_key: str, source: SourceSettings, table: Table, saved: Sequence[Saved], wanted: str = ""
) -> Plan | None:
    """A plan with the saved mapping that is named, else with one that was made for these very columns.

    Raises:
        ConfigError: the named one is none, or lacks columns in this file: says which, with the nearest.
    """
    if not wanted:
        columns = frozenset(table.columns)
        match = next((one for one in saved if one.columns == columns), None)
        return None if match is None else Plan(source_key, source, table, match.sheet, match.name)
    names = {one.name.split("/")[1].removeprefix(PREFIX): one for one in saved}
    plain = (wanted.split("/")[1] if "/" in wanted else wanted).removeprefix(PREFIX)
    found = names.get(plain) or names.get(f"{target_of(source)}_{plain}")
    if found is None:
        there = "、".join(sorted(names)) or "none"
        raise ConfigError(
            f"--mapping {wanted}: no saved mapping of that name; there are {there}{did_you_mean(plain, names)}"
        )
    _check_columns(found, table)
    unknown = tuple(name for name in table.columns if name not in found.columns)
    return Plan(source_key, source, table, found.sheet, found.name, unknown_columns=unknown)


def _check_columns(saved: Saved, table: Table) -> None:
    missing = _missing(saved, table)
    if missing:
        raise ConfigError(f"{table.name} does not fit {saved.name}: {missing}")


def _missing(saved: Saved, table: Table) -> str:
    """The columns that a file lacks, each with the nearest that is new in it; "" if none is missing."""
    missing = [name for name in saved.columns if name not in table.columns]
    new = [name for name in table.columns if name not in saved.columns]
    return "；".join(f"没有列“{name}”{did_you_mean(name, new)}" for name in sorted(missing))


def nearly_saved(table: Table, saved: Sequence[Saved]) -> str:
    """What keeps a file from the saved mapping that shares most of its columns, "" if none comes near."""
    columns = frozenset(table.columns)
    shared = [(len(columns & one.columns) / len(columns | one.columns), one) for one in saved]
    share, best = max(shared, key=lambda pair: pair[0], default=(0.0, None))
    if best is None or not _NEAR <= share < 1:
        return ""
    lacks = _missing(best, table) or "有它没有的列"
    return f"nearly fits {best.name}: {lacks}"


def propose_plan(
    source_key: str, source: SourceSettings, table: Table, dictionary: BaseDictionary
) -> Plan:
    """A plan with what each column is taken for; nothing is settled yet."""
    proposed = propose(table, dictionary)
    columns = {one.column: one.meaning for one in proposed}
    target = dictionary.target
    sheet = Sheet(source.platform, _entity("", table.columns, target), columns, target=target)
    return Plan(source_key, source, table, sheet, "", proposed=proposed)


def settle(  # noqa: PLR0913 -- what a person can say of a mapping
    plan: Plan,
    dictionary: BaseDictionary,
    files: SchemaFiles,
    *,
    said: Mapping[str, str],
    key: Sequence[str] = (),
    save: str = "",
    extensions: Mapping[str, Mapping[str, str]] | None = None,
    saved: Sequence[Saved] = (),
) -> Plan:
    """The plan with what a person said of columns, and the documents that it will publish.

    Raises:
        ConfigError: a column, a meaning or a name is wrong, or no column holds a contact.
    """
    proposed = chosen(plan.proposed, said, dictionary)
    if dictionary.target == LEAD:
        check_usable(proposed)
    columns = {one.column: one.meaning for one in proposed}
    for name in key:
        if name not in columns:
            raise ConfigError(f"--key: no column {name!r}{did_you_mean(name, columns)}")
    intents = [column for column, meaning in columns.items() if meaning == "intent"]
    values = {text for column in intents for text in plan.table.column(column) if text}
    sheet = Sheet(
        plan.source.platform,
        _entity(save, columns, dictionary.target),
        columns,
        tuple(key) or _default_key(columns, dictionary.target),
        intent_scale(sorted(values)),
        extensions or {},
        dictionary.target,
    )
    canonical = str(files.newest_contract(f"canonical/{sheet.target}")["$id"])
    version = _next_version(sheet, saved)
    if isinstance(dictionary, DocumentDictionary):
        check_document_columns(proposed, sheet, dictionary.needed())
        document = document_mapping(sheet, dictionary, version, canonical)
    else:
        document = mapping_document(sheet, version, canonical)
    contract = contract_document(sheet, version)
    name = str(document["mapping"])
    return replace(
        plan, sheet=sheet, name=name, document=document, contract=contract, proposed=proposed
    )


def _entity(save: str, columns: Iterable[str], target: str) -> str:
    """The entity of a saved mapping; a ledger's carries its kind, so that two of one name stay apart."""
    if target == LEAD:
        return entity_of(save, columns)
    return entity_of(f"{target}_{save.removeprefix(PREFIX)}" if save else "", (*columns, target))


def _default_key(columns: Mapping[str, str], target: str) -> tuple[str, ...]:
    return default_key(columns) if target == LEAD else document_key(columns, target)


def _next_version(sheet: Sheet, saved: Sequence[Saved]) -> str:
    """The version after the live one of that name: other columns are a revision."""
    for one in saved:
        name = parse_name(one.name)
        if name.entity == sheet.entity:
            model, revision, _ = name.version.split("-")
            return f"{model}-{int(revision) + 1}-0"
    return _FIRST_VERSION


def publish_plan(
    engine: sa.Engine, files: SchemaFiles, plan: Plan, *, published_by: str, reason: str
) -> None:
    """Make the plan's mapping live for the source's merchant; nothing if a saved one is used.

    Raises:
        ConfigError: it cannot be compiled.
        StoreError: the database refused or is away.
    """
    if plan.document is None or plan.contract is None:
        return
    checked = check_document(files, plan.document, plan.contract)
    with store_errors(), engine.begin() as conn:
        publish_on(
            conn,
            checked,
            merchant=plan.source.merchant,
            published_by=published_by,
            reason=reason,
        )
