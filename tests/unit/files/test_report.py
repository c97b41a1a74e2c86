"""The cleaning report: what is wrong in words, what it could be, and back in by the same door."""

from __future__ import annotations

from hub.files.report import WARNINGS_SHEET, cleaning_report
from hub.files.review import review
from hub.files.sheet import Sheet
from hub.files.table import make_table
from hub.files.workbook import read_workbook
from tests.unit.files.builders import DICTIONARY, a_table

SHEET = Sheet("file", "sheet_t", {"姓名": "name", "手机号": "phone", "邮箱": "email"}, ("手机号",))


def a_report():
    table = a_table(
        ["姓名", "手机号", "邮箱"],
        ["张三", "19900001111", ""],
        ["=1+1", "199OOOO2222", "a@b。com"],
        ["李四", "19900001111", ""],
    )
    return table, cleaning_report(review(table, SHEET, DICTIONARY))


def test_a_bad_row_comes_with_its_own_cells_number_reasons_and_suggestions():
    _, report = a_report()
    rows = read_workbook(report, "r.xlsx").rows

    assert list(rows[0]) == ["姓名", "手机号", "邮箱", "行号", "问题", "字段", "建议值"]
    assert len(rows) == 2
    assert list(rows[1][:4]) == ["=1+1", "199OOOO2222", "a@b。com", "3"]
    assert rows[1][4] == "手机号：认不出电话号码；邮箱：不是邮箱地址"
    assert list(rows[1][5:]) == ["手机号、邮箱", "手机号=19900002222；邮箱=a@b.com"]


def test_a_warning_is_mentioned_without_the_row():
    _, report = a_report()
    rows = read_workbook(report, "r.xlsx", WARNINGS_SHEET).rows

    assert list(rows[1][:3]) == ["4", "手机号", "与第 2 行是同一个号码"]


def test_a_report_is_read_as_the_file_that_it_came_from():
    table, report = a_report()
    again = make_table(read_workbook(report, "r.xlsx"), DICTIONARY.is_known)

    assert again.columns == table.columns
    assert again.rows == [table.rows[1]]
