"""Workbooks: traps of spreadsheets, and files made to hurt."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import pytest
from xlsxwriter import Workbook

from hub.errors import ConfigError
from hub.files.table import make_table
from hub.files.workbook import is_workbook, read_workbook
from tests.unit.files.builders import DICTIONARY, a_workbook


def test_the_first_sheet_with_content_is_read():
    data = a_workbook(("空", []), ("线索", [["姓名", "手机号"], ["张三", 19900001111]]))

    grid = read_workbook(data, "a.xlsx")

    assert is_workbook(data)
    assert grid.name == "线索"
    assert list(grid.rows) == [["姓名", "手机号"], ["张三", "19900001111"]]


def test_a_sheet_that_is_not_there_names_the_nearest():
    data = a_workbook(("二月线索", [["姓名"]]), ("三月线索", [["姓名"]]))

    with pytest.raises(ConfigError, match="did you mean 三月线索"):
        read_workbook(data, "a.xlsx", "三月线锁")


def test_a_formula_gives_its_value_and_a_date_cell_its_time():
    held = io.BytesIO()
    with Workbook(held, {"in_memory": True}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["手机号", "创建时间"])
        page.write_formula(1, 0, '="1990000"&"1111"', None, "19900001111")
        page.write_datetime(
            1,
            1,
            datetime.fromisoformat("2026-02-17T08:30:00"),
            book.add_format({"num_format": "yyyy/m/d h:mm"}),
        )

    assert read_workbook(held.getvalue(), "a.xlsx").rows[1] == [
        "19900001111",
        "2026-02-17 08:30:00",
    ]


def test_row_numbers_count_from_the_top_of_the_sheet():
    """Title rows, an empty first row and an empty first column do not shift what a person looks up."""
    data = a_workbook(
        (
            "线索",
            [
                [],
                [None, "二月线索汇总表"],
                [None, "姓名", "手机号"],
                [None, "张三", "19900001111"],
            ],
        )
    )

    table = make_table(read_workbook(data, "a.xlsx"), DICTIONARY.is_known)

    assert (table.header_row, table.columns, table.numbers) == (3, ("姓名", "手机号"), [4])


def test_the_empty_part_of_a_merged_cell_is_known_with_its_value():
    held = io.BytesIO()
    with Workbook(held, {"in_memory": True}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["手机号", "城市"])
        for line in (1, 2, 3):
            page.write(line, 0, f"1990000111{line}")
        page.merge_range(1, 1, 3, 1, "深圳市")

    table = make_table(read_workbook(held.getvalue(), "a.xlsx"), DICTIONARY.is_known)

    assert table.column("城市") == ["深圳市", "", ""]
    assert table.blanks == {(1, "城市"): "深圳市", (2, "城市"): "深圳市"}


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(64 * 1_048_576))

    with pytest.raises(ConfigError, match="unpacks to far more"):
        read_workbook(held.getvalue(), "a.xlsx")


def test_two_cells_a_world_apart_do_not_fill_the_memory():
    """A reader keeps a cell for each place between them: seventeen thousand million."""
    cell = '<row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"/></row>'
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", cell)

    with pytest.raises(ConfigError, match="1048576 rows × 16384 columns"):
        read_workbook(held.getvalue(), "a.xlsx")


@pytest.mark.parametrize("cut", [200, 2000])
def test_a_damaged_workbook_is_one_clear_line(cut):
    data = a_workbook(("线索", [["姓名", "手机号"]] * 50))

    with pytest.raises(ConfigError, match="damaged or locked"):
        read_workbook(data[:cut], "a.xlsx")
