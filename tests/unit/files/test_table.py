"""From a sheet to a table: header, names, totals."""

from __future__ import annotations

import pytest

from hub.errors import ConfigError
from hub.files.table import Grid, make_table
from tests.unit.files.builders import DICTIONARY, a_table


def table_of(*rows, header_row=None):
    return make_table(Grid("测试", [list(row) for row in rows]), DICTIONARY.is_known, header_row)


def test_the_header_is_found_below_titles_and_notes():
    table = table_of(
        ["某某公司二月线索"],
        ["导出时间", "2026-02-28"],
        ["姓名", "手机号", "意向课程"],
        ["张三", "19900001111", "英语"],
    )

    assert table.header_row == 3
    assert table.rows == [("张三", "19900001111", "英语")]


def test_a_list_without_a_header_is_refused_instead_of_losing_its_first_person():
    with pytest.raises(ConfigError, match="no header row"):
        table_of(["张三", "19900001111"], ["李四", "19900001112"])


def test_a_person_can_say_which_row_it_is():
    table = table_of(["x", "y"], ["甲", "乙"], ["1", "2"], header_row=2)

    assert table.columns == ("甲", "乙")


def test_columns_have_one_name_each():
    table = a_table(
        ["电话", "电话", "", "备注", ""], ["19900001111", "19900001112", "甲", "乙", ""]
    )

    assert table.columns == ("电话", "电话_2", "列C", "备注")


def test_a_totals_row_at_the_end_is_left_out_and_named():
    table = a_table(["姓名", "手机号"], ["张三", "19900001111"], ["", ""], ["合计", "1"], ["", ""])

    assert table.rows == [("张三", "19900001111")]
    assert table.totals == (4,)


def test_a_person_called_like_a_total_in_the_middle_stays():
    table = a_table(["姓名", "手机号"], ["合计", "19900001111"], ["张三", "19900001112"])

    assert len(table.rows) == 2


def test_the_columns_of_a_cleaning_report_are_ignored_only_as_a_whole():
    helpers = ["行号", "问题", "字段", "建议值"]
    fed_back = a_table(["姓名", "手机号", *helpers], ["张三", "19900001111", "2", "x", "y", "z"])
    own = a_table(["姓名", "手机号", "问题"], ["张三", "19900001111", "多少钱"])

    assert fed_back.columns == ("姓名", "手机号")
    assert own.columns == ("姓名", "手机号", "问题")


def test_a_column_may_not_take_the_name_of_the_row_number():
    assert a_table(["_row", "手机号"], ["甲", "19900001111"]).columns == ("_row_2", "手机号")


def test_names_can_be_written_as_paths():
    assert a_table(['他说"好"', "手机号"], ["甲", "19900001111"]).columns[0] == "他说”好”"
