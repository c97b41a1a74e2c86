"""The checks over a ledger: what cannot be read, is missing, or is said twice does not reach the books.

With money nothing is kept "as it stands": a row whose amount or date cannot be read would be missing in a
sum without anybody seeing it, so it is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hub.files import checks
from hub.files.cells import lost_digits
from hub.files.dictionary import Role
from hub.files.document_sheet import identity_columns
from hub.files.documents import DocumentDictionary
from hub.files.problems import Check, Problem, error, warning
from hub.files.review import Reviewed, written_out
from hub.files.sheet import Sheet
from hub.files.table import Table

Columns = Mapping[str, Sequence[str]]

_UNREADABLE: Final[Mapping[Role, tuple[Check, str]]] = {
    Role.DATE: (Check.DATE, "认不出日期，请写成 2026-02-17"),
    Role.AMOUNT: (Check.AMOUNT, "认不出金额，请写成 106000.00（元）；不能有小于一分的部分"),
}
_NOT_LISTED: Final = "不在取值范围里，原文保留"
_NO_CURRENCY: Final = "不认识的币种，请写成 CNY、USD 等"
_LOST: Final = "表格软件把它写成了科学计数法，后面的数字已经丢失，请找回原值"


def review_documents(table: Table, sheet: Sheet, dictionary: DocumentDictionary) -> Reviewed:
    """A ledger checked; numbers that a spreadsheet wrote as floats are written out where that is exact."""
    ids = [name for name, meaning in sheet.columns.items() if dictionary.role(meaning) is Role.ID]
    table = written_out(table, [n for n, name in enumerate(table.columns) if name in ids])
    columns: Columns = (
        dict(zip(table.columns, zip(*table.rows, strict=True), strict=True)) if table.rows else {}
    )
    problems = [
        problem
        for name, values in columns.items()
        for problem in _of_column(name, sheet.columns.get(name, ""), values, dictionary)
    ]
    problems.extend(_missing(sheet, dictionary, columns))
    problems.extend(checks.check_merged(table.blanks))
    problems.extend(_doubled(table, sheet, columns))
    return Reviewed(table, problems, {})


def _of_column(
    name: str, meaning: str, values: Sequence[str], dictionary: DocumentDictionary
) -> Iterator[Problem]:
    role = dictionary.role(meaning)
    if role is Role.ID:
        yield from (
            error(row, name, Check.REQUIRED, _LOST)
            for row, text in enumerate(values)
            if text and lost_digits(text)
        )
        return
    if role is Role.PHONE:
        yield from checks.check_mobile(name, values)
        return
    reader = dictionary.reader(meaning, name)
    if reader is None:
        yield from checks.check_length(name, values, dictionary.longest(meaning))
        return
    for row, text in enumerate(values):
        if text and not reader.fits(text):
            yield _unreadable(row, name, meaning, role)


def _unreadable(row: int, name: str, meaning: str, role: Role) -> Problem:
    if role in _UNREADABLE:
        check, words = _UNREADABLE[role]
        return error(row, name, check, words)
    if meaning == "currency":
        return error(row, name, Check.ENUM, _NO_CURRENCY)
    return warning(row, name, Check.ENUM, _NOT_LISTED)


def _missing(sheet: Sheet, dictionary: DocumentDictionary, columns: Columns) -> Iterator[Problem]:
    """Cells without which a row is no document: its number (or what stands for it), amount, date."""
    needed = [name for name, m in sheet.columns.items() if m in dictionary.needed()]
    own, is_own = identity_columns(sheet)
    number = own[-1:] if is_own else ()
    for name in dict.fromkeys((*needed, *number)):
        for row, text in enumerate(columns.get(name, ())):
            if not text:
                label = dictionary.label(sheet.columns[name])
                yield error(row, name, Check.REQUIRED, f"没有{label}")
    if not is_own:
        cells = [columns[name] for name in own if name in columns]
        for row, values in enumerate(zip(*cells, strict=True)):
            if not any(values):
                yield error(row, "、".join(own), Check.REQUIRED, "没有可以区分这一行的内容")


def _doubled(table: Table, sheet: Sheet, columns: Columns) -> Iterator[Problem]:
    """The same document twice: equal rows are one; rows that differ contradict each other.

    Without a number equal rows may as well be two payments of one day: a person must say.
    """
    own, is_own = identity_columns(sheet)
    cells = [columns[name] for name in own if name in columns]
    first: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(zip(*cells, strict=True)):
        if not any(key):
            continue
        known = first.setdefault(key, row)
        if known == row:
            continue
        where = f"与第 {table.numbers[known]} 行"
        is_equal = table.rows[known] == table.rows[row]
        if is_own and is_equal:
            yield warning(row, own[-1], Check.DUPLICATE_IN_FILE, f"{where}完全相同，只算一次")
        else:
            words = "编号相同而内容不同，请核对" if is_own else "无法区分，请补上编号"
            yield error(row, own[-1], Check.DUPLICATE_IN_FILE, f"{where}{words}")
