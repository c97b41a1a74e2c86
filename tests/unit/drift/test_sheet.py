"""Vendors' field sheets: whatever way a table was copied, its fields come out; what is no table is refused."""

from __future__ import annotations

import pytest

from hub.drift.sheet import decode_sheet, read_sheet, sheet_differences
from hub.errors import ConfigError
from tests.unit.drift.situations import CONTRACT

CSV = """《星图线索字段说明V2.3.1》,,,,
字段名,中文名,类型,是否必填,枚举值
douyin_id,用户抖音号,string,是,
fan_level,粉丝等级,int,否,1:新粉;2:铁粉
"""
MARKDOWN = """# 字段说明

| 参数 | 名称 | 类型 | 必填 | 取值 |
|------|:----:|------|------|------|
| `douyin_id` | 用户抖音号 | string | 是 | |
| fan_level | 粉丝等级 | int | 否 | 1:新粉、2:铁粉 |
"""
TSV = (
    "field\tlabel\ttype\trequired\tenum\n"
    "douyin_id\t用户抖音号\tstring\tY\t\nfan_level\t粉丝等级\tint\tN\t1:新粉;2:铁粉\n"
)
JSON_LIST = """[{"name": "douyin_id", "label": "用户抖音号", "type": "string", "required": true},
 {"name": "fan_level", "label": "粉丝等级", "type": "int", "required": false, "enum": {"1": "新粉", "2": "铁粉"}}]"""
JSON_OBJECT = """{"fields": {"douyin_id": {"label": "用户抖音号", "type": "string", "required": "是"},
 "fan_level": {"label": "粉丝等级", "type": "int", "required": "否", "enum": ["1:新粉", "2:铁粉"]}}}"""


@pytest.mark.parametrize("text", [CSV, MARKDOWN, TSV, JSON_LIST, JSON_OBJECT])
def test_every_kind_of_table_gives_the_same_fields(text: str) -> None:
    assert read_sheet(text) == {
        "douyin_id": {"label": "用户抖音号", "type": "string", "required": True},
        "fan_level": {
            "label": "粉丝等级",
            "type": "int",
            "required": False,
            "members": {"1": "新粉", "2": "铁粉"},
        },
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_the_encodings_of_spreadsheets_are_read(encoding: str) -> None:
    assert "douyin_id" in read_sheet(decode_sheet(CSV.encode(encoding)))


def test_a_description_gives_the_label_where_there_is_no_other() -> None:
    fields = read_sheet("字段,说明\ndouyin_id,用户抖音号（必填，V2.3.1 起）\n")

    assert fields["douyin_id"]["label"] == "用户抖音号"


def test_a_nested_name_is_a_path() -> None:
    assert "contact.phone" in read_sheet("字段,名称\ncontact.phone,电话\n")


def test_a_cell_may_hold_commas_and_lines() -> None:
    fields = read_sheet('name,label,description\ndouyin_id,抖音号,"a, b\nc"\n')

    assert fields["douyin_id"]["description"] == "a, b\nc"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no head"),
        ("a,b\n1,2\n", "no head"),
        ("字段名,中文名\n", "no field below"),
        ("[1, 2]", "array of objects"),
        ('{"a": ', "line 1: not valid JSON"),
    ],
)
def test_what_is_no_sheet_is_said(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        read_sheet(text)


@pytest.mark.parametrize("body", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest"])
def test_a_workbook_is_told_what_to_do(body: bytes) -> None:
    with pytest.raises(ConfigError, match="save it as CSV"):
        decode_sheet(body)


def test_differences_from_the_live_contract_are_listed() -> None:
    fields = read_sheet(
        "字段,名称,必填,枚举\nphone,联系电话,是,\nname,姓名,是,\nlevel,等级,否,1:低;7:很高\ndouyin_id,抖音号,是,\n"
    )

    found = sheet_differences(fields, CONTRACT)

    assert ("douyin_id", "in the sheet, not in the contract") in found
    assert ("id", "in the contract, not in the sheet") in found
    assert ("name", "required in the sheet, not in the contract") in found
    assert ("phone", "labelled 联系电话 in the sheet, 电话 in the contract") in found
    assert ("level", "may be 7 in the sheet") in found
