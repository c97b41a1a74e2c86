"""The cleaning report: rows that were not imported, with what is wrong, as a workbook to be corrected and fed back."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from hub.files.problems import Problem, Severity
from hub.files.review import Reviewed
from hub.files.table import HELPERS, Table

ERRORS_SHEET: Final = "待修正"
WARNINGS_SHEET: Final = "提醒"
_WARNINGS_AT_MOST: Final = 100_000
_ROWS_AT_MOST: Final = 1_000_000
_WIDTH: Final = 16


def cleaning_report(reviewed: Reviewed) -> bytes:
    """The report as xlsx. First sheet: rows with errors, their own columns, then 行号, 问题, 字段, 建议值.

    Second sheet: the warnings of rows that were imported, without their values. Every cell is text, so
    that a number keeps its digits and nothing is run as a formula.
    """
    held = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with Workbook(held, {"in_memory": True, **plain}) as book:
        text = book.add_format({"num_format": "@"})
        head = book.add_format({"bold": True, "num_format": "@"})
        _errors(book.add_worksheet(ERRORS_SHEET), reviewed, head, text)
        _warnings(book.add_worksheet(WARNINGS_SHEET), reviewed, head, text)
    return held.getvalue()


def _errors(page: Worksheet, reviewed: Reviewed, head: object, text: object) -> None:
    table = reviewed.table
    by_row: dict[int, list[Problem]] = {}
    rejected = reviewed.rejected()
    for problem in reviewed.problems:
        if problem.row in rejected:
            by_row.setdefault(problem.row, []).append(problem)
    _write(page, 0, (*table.columns, *HELPERS), head)
    for line, row in enumerate(sorted(by_row)[:_ROWS_AT_MOST], 1):
        _write(page, line, (*table.rows[row], *helper_cells(table, row, by_row[row])), text)
    _finish(page, len(table.columns) + len(HELPERS))


def helper_cells(table: Table, row: int, problems: Sequence[Problem]) -> tuple[str, ...]:
    """The four helper columns of a row: 行号, 问题, 字段, 建议值; errors before warnings."""
    ordered = sorted(problems, key=lambda one: one.severity is Severity.WARNING)
    several = len({one.column for one in ordered}) > 1
    reasons = [f"{one.column}：{one.reason}" if several else one.reason for one in ordered]
    suggested = [one for one in ordered if one.suggestion]
    values = [f"{one.column}={one.suggestion}" if several else one.suggestion for one in suggested]
    columns = dict.fromkeys(one.column for one in ordered)
    return (str(table.numbers[row]), "；".join(reasons), "、".join(columns), "；".join(values))


def _warnings(page: Worksheet, reviewed: Reviewed, head: object, text: object) -> None:
    table, rejected = reviewed.table, reviewed.rejected()
    kept = [
        one
        for one in reviewed.problems
        if one.severity is Severity.WARNING and one.row not in rejected
    ]
    _write(page, 0, ("行号", "字段", "问题", "建议值"), head)
    for line, one in enumerate(kept[:_WARNINGS_AT_MOST], 1):
        cells = (str(table.numbers[one.row]), one.column, one.reason, one.suggestion)
        _write(page, line, cells, text)
    if len(kept) > _WARNINGS_AT_MOST:
        more = len(kept) - _WARNINGS_AT_MOST
        _write(page, _WARNINGS_AT_MOST + 1, ("", "", f"还有 {more} 条，未列出", ""), text)
    _finish(page, len(HELPERS))


def _write(page: Worksheet, line: int, cells: Sequence[str], style: object) -> None:
    for place, cell in enumerate(cells):
        if cell:
            page.write_string(line, place, cell, style)


def _finish(page: Worksheet, columns: int) -> None:
    page.freeze_panes(1, 0)
    page.set_column(0, max(columns - 1, 0), _WIDTH)
