"""The demo's list from a fair: a workbook of invented leads, imported as a person would, bad rows and all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import xlsxwriter

from hub.registry.files import schema_files
from hub.steps.demo.senders import Line
from hub.steps.import_file import ImportResult, import_rows, report_path, review_plan, write_report
from hub.steps.import_plan import (
    Reading,
    dictionary_for,
    propose_plan,
    publish_plan,
    read_table,
    settle,
    target_of,
)

# Header → what a person says it holds.
_COLUMNS = {
    "线索ID": "external_id",
    "姓名": "name",
    "手机号": "phone",
    "提交时间": "submitted_at",
    "意向课程": "product_interest",
}
_NAMES = ("张三", "李四", "王五", "测试一")
_COURSES = ("少儿编程", "瑜伽私教", "摄影套餐")
_FIRST_MOBILE = 19_900_300_000
_BAD_EVERY = 8
_ZONE = ZoneInfo("Asia/Shanghai")


def import_sheet(line: Line, count: int) -> None:
    """Write a workbook of `count` rows, every eighth without a readable number, and import it."""
    path = line.home / "展会名单.xlsx"
    good = _write(path, count)
    began_at = time.time()
    result = import_workbook(line, path, _COLUMNS, "list of a fair")
    line.sent.listed += count
    line.sent.acknowledged += result.accepted + result.rejected
    line.sent.rejected += result.rejected
    for external_id in good:
        line.note(external_id, began_at)
    line.step(count)


def _write(path: Path, count: int) -> list[str]:
    """The lead ids of the rows that can be read."""
    good = []
    first = datetime.now(UTC).astimezone(_ZONE) - timedelta(hours=5)
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("名单")
        sheet.write_row(0, 0, list(_COLUMNS))
        for n in range(count):
            is_bad = n % _BAD_EVERY == 1
            mobile = f"199OOOO{n:04d}" if is_bad else str(_FIRST_MOBILE + n)
            at = (first + timedelta(seconds=n)).strftime("%Y-%m-%d %H:%M:%S")
            row = (f"expo-{n:06d}", _NAMES[n % 4], mobile, at, _COURSES[n % 3])
            sheet.write_row(n + 1, 0, row)
            good += [] if is_bad else [row[0]]
    return good


def import_workbook(line: Line, path: Path, said: Mapping[str, str], reason: str) -> ImportResult:
    """Import a workbook into the line's source as a person would who has looked at its columns.

    Args:
        line: Whose source.
        path: The workbook.
        said: Column → what it holds.
        reason: Why, for the history of mappings.
    """
    files = schema_files(line.settings)
    source = line.settings.sources[line.source]
    with line.engine.begin() as conn:
        dictionary, extensions = dictionary_for(conn, files, source.merchant, target_of(source))
    table = read_table(path, dictionary, line.settings, Reading())
    plan = settle(
        propose_plan(line.source, source, table, dictionary),
        dictionary,
        files,
        said=said,
        extensions=extensions,
    )
    reviewed = review_plan(line.engine, line.keyring, plan, dictionary)
    publish_plan(line.engine, files, plan, published_by="demo", reason=reason)
    result = import_rows(line.engine, line.keyring, plan, reviewed, now=datetime.now(UTC))
    write_report(reviewed, report_path(path))
    return result
