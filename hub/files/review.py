"""All checks over a table: which check looks at which column, and the keys by which rows are the same person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from hub.files import checks
from hub.files.cells import whole_number
from hub.files.dictionary import CONTACTS, EXTERNAL_ID, BaseDictionary, Role, role_of
from hub.files.problems import Problem, Severity
from hub.files.readers import INTENT_SCALES, Reader, build_reader, reader_of
from hub.files.sheet import Sheet, budget_unit, region_columns
from hub.files.table import Table
from hub.model.lead import IdentityKey, KeyKind

_PLAIN_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
_FLOATS: Final = re.compile(r"\d+\.0+|\d(?:\.\d+)?[eE]\+?\d{1,2}")
_KEYS: Final = {
    "phone": (KeyKind.MOBILE, "是同一个号码"),
    "id_number": (KeyKind.ID_NUMBER, "是同一个身份证号"),
    "email": (KeyKind.EMAIL, "是同一个邮箱"),
}
_BEIJING: Final = ZoneInfo("Asia/Shanghai")
_REPAIRED: Final = frozenset({Role.ID, Role.PHONE, Role.ID_NUMBER})


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A table with what the checks found. `keys` are the identity keys of each row, by column."""

    table: Table
    problems: list[Problem]
    keys: Mapping[str, list[IdentityKey | None]]

    def rejected(self) -> set[int]:
        """The rows that have an error."""
        return {one.row for one in self.problems if one.severity is Severity.ERROR}

    def with_known(self, known: Set[IdentityKey]) -> Reviewed:
        """The same with the keys that the store knows already; one word a row is enough."""
        found: dict[int, Problem] = {}
        for column, keys in self.keys.items():
            for problem in checks.check_duplicate_in_store(column, keys, known):
                found.setdefault(problem.row, problem)
        return replace(self, problems=[*self.problems, *found.values()])


def review(table: Table, sheet: Sheet, dictionary: BaseDictionary) -> Reviewed:
    """A table checked; numbers that a spreadsheet wrote as floats are written out where that is exact."""
    table = _repaired(table, sheet.columns)
    columns = (
        dict(zip(table.columns, zip(*table.rows, strict=True), strict=True)) if table.rows else {}
    )
    keys = {
        name: _identity_keys(meaning, columns[name])
        for name, meaning in sheet.columns.items()
        if meaning in _KEYS and name in columns
    }
    problems = [
        problem
        for name, values in columns.items()
        for problem in _of_column(name, sheet.columns.get(name, ""), values, sheet, dictionary)
    ]
    problems.extend(_of_rows(table, sheet, columns))
    problems.extend(_duplicates(table, sheet, columns, keys))
    return Reviewed(table, problems, keys)


def _repaired(table: Table, meanings: Mapping[str, str]) -> Table:
    """Numbers and ids without what a float added to them."""
    roles = [role_of(meanings.get(name, "")) for name in table.columns]
    return written_out(table, [n for n, role in enumerate(roles) if role in _REPAIRED])


def written_out(table: Table, places: Sequence[int]) -> Table:
    """The table with whole numbers written out in the columns at `places`, where that is exact."""
    rows = list(table.rows)
    for place in places:
        for index, row in enumerate(rows):
            text = row[place]
            if len(text) > 2 and _FLOATS.fullmatch(text):
                whole = whole_number(text)
                if whole is not None:
                    rows[index] = (*row[:place], whole, *row[place + 1 :])
    return replace(table, rows=rows)


def _of_column(
    name: str, meaning: str, values: Sequence[str], sheet: Sheet, dictionary: BaseDictionary
) -> Iterator[Problem]:
    role = role_of(meaning)
    if role is Role.PHONE:
        yield from checks.check_mobile(name, values)
        yield from checks.check_landline(name, values)
    elif role is Role.EMAIL:
        yield from checks.check_email(name, values)
    elif role is Role.ID_NUMBER:
        yield from checks.check_id_number(name, values)
    elif role is Role.DATE:
        yield from checks.check_date(name, values)
    elif role is Role.AMOUNT:
        unit = budget_unit(name)
        reader = build_reader({"budget_fen": {"unit": unit}} if unit else "budget_fen")
        yield from checks.check_amount(name, values, reader)
    else:
        yield from _of_text(name, meaning, values, sheet, dictionary)


def _of_text(
    name: str, meaning: str, values: Sequence[str], sheet: Sheet, dictionary: BaseDictionary
) -> Iterator[Problem]:
    reader = _enum_reader(meaning, sheet)
    if reader is not None:
        yield from checks.check_enum(name, values, reader)
    if meaning == "name":
        yield from checks.check_name_length(name, values)
    yield from checks.check_length(name, values, dictionary.longest(meaning))


def _enum_reader(meaning: str, sheet: Sheet) -> Reader | None:
    if meaning == "intent":
        return build_reader({"scale": sheet.scale}) if sheet.scale in INTENT_SCALES else None
    return reader_of(meaning) if role_of(meaning) in (Role.ENUM, Role.NUMBER) else None


def _of_rows(
    table: Table, sheet: Sheet, columns: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    contacts = {n: columns[n] for n, m in sheet.columns.items() if m in CONTACTS and n in columns}
    ids = [n for n, m in sheet.columns.items() if m == EXTERNAL_ID and n in columns]
    identifier = (ids[0], columns[ids[0]]) if ids else None
    yield from checks.check_required(contacts, identifier)
    yield from checks.check_merged(table.blanks)
    regions = [name for name in region_columns(sheet.columns) if name in columns]
    if regions:
        rows = list(zip(*(columns[name] for name in regions), strict=True))
        yield from checks.check_region(regions, rows)


def _duplicates(
    table: Table,
    sheet: Sheet,
    columns: Mapping[str, Sequence[str]],
    keys: Mapping[str, Sequence[IdentityKey | None]],
) -> Iterator[Problem]:
    for name, values in keys.items():
        what = _KEYS[sheet.columns[name]][1]
        yield from checks.check_duplicate_in_file(name, values, table.numbers, what)
    for name, meaning in sheet.columns.items():
        if meaning == EXTERNAL_ID and name in columns:
            ids = [text or None for text in columns[name]]
            yield from checks.check_duplicate_in_file(name, ids, table.numbers, "是同一条线索")


def _identity_keys(meaning: str, values: Sequence[str]) -> list[IdentityKey | None]:
    kind, _ = _KEYS[meaning]
    if kind is not KeyKind.MOBILE:
        reader = reader_of(meaning)
        found = [reader.read(text) if reader and text else None for text in values]
        return [None if value is None else IdentityKey(kind, str(value)) for value in found]
    plain = _PLAIN_MOBILE.fullmatch
    return [IdentityKey(kind, "+86" + text) if plain(text) else _mobile(text) for text in values]


def _mobile(text: str) -> IdentityKey | None:
    reader = reader_of("phone")
    found: Any = reader.read(text) if reader and text else None
    mobile = found.get("mobile_e164") if found else None
    return None if mobile is None else IdentityKey(KeyKind.MOBILE, mobile)


def rows_by_day(table: Table, sheet: Sheet) -> dict[str, int]:
    """How many rows were submitted on each day (Beijing time), {} without such a column."""
    name = next((n for n, m in sheet.columns.items() if m == "submitted_at"), None)
    reader = reader_of("submitted_at")
    if name is None or reader is None or name not in table.columns:
        return {}
    counts: dict[str, int] = {}
    for text in table.column(name):
        day = _day(text, reader)
        if day:
            counts[day] = counts.get(day, 0) + 1
    return dict(sorted(counts.items()))


def _day(text: str, reader: Reader) -> str:
    found = reader.read(text) if text else None
    if not found:
        return ""
    instant = datetime.fromisoformat(found["submitted_at"])
    return instant.astimezone(_BEIJING).date().isoformat()
