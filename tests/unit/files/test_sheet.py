"""A column mapping as documents: it compiles, says the same when read back, and maps as the dictionary says."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from hub.errors import ConfigError
from hub.files.rows import row_groups, split_rows
from hub.files.sheet import (
    Sheet,
    contract_document,
    default_key,
    entity_of,
    mapping_document,
    sheet_of,
)
from hub.mapping.compile import compile_mapping
from hub.model.delivery import Envelope
from hub.model.lead import RecordContext

COLUMNS = {
    "姓名": "name", "手机号": "phone", "备用.电话": "phone", "性别": "gender", "省": "province", "市": "city",
    "意向": "intent", "预算(万)": "budget", "时间": "submitted_at", "课程": "product_interest",
    "渠道": "utm_source", "落地页": "landing", "装修阶段": "extra", "序号": "ignore", "面积": "ext.area",
}  # fmt: skip
EXTENSIONS = {"area": {"type": "number", "label": "面积", "pii": "none"}}
ROW = {
    "姓名": "张三", "手机号": "19900001111", "备用.电话": "0755-86001234", "性别": "女", "省": "广东", "市": "深圳",
    "意向": "高", "预算(万)": "3-5", "时间": "2026/2/17", "课程": "英语、数学", "渠道": "douyin",
    "落地页": "https://example.com/lp?utm_campaign=c1", "装修阶段": "水电", "序号": "1", "面积": "120", "_row": 2,
}  # fmt: skip
CONTEXT = RecordContext(
    "default", "expo", "file", "sheet_t", "import", UUID(int=1), datetime(2026, 3, 1, tzinfo=UTC)
)


def a_sheet(columns=None, key=None):
    columns = columns or COLUMNS
    return Sheet(
        "file", "sheet_t", columns, key or default_key(columns), "high_mid_low", EXTENSIONS
    )


def mapped(sheet, row):
    document = mapping_document(sheet, "1-0-0", "canonical/lead/1-0-0")
    compiled = compile_mapping(document, contract=contract_document(sheet, "1-0-0"))
    assert compiled.accepts(row)
    (lead,) = compiled.map(row, CONTEXT, lambda *parts: "|".join(parts)).leads
    return lead


def test_every_meaning_maps():
    doc = mapped(a_sheet(), ROW).doc

    assert doc == {
        "name": "张三", "mobile_e164": "+8619900001111", "phones": [{"value": "+8675586001234", "kind": "landline"}],
        "gender": "female", "province_code": "440000", "city_code": "440300", "intent": 100, "intent_raw": "高",
        "budget_min_fen": 3_000_000, "budget_max_fen": 5_000_000, "submitted_at": "2026-02-16T16:00:00.000Z",
        "product_interest": ["英语", "数学"], "utm_source": "douyin", "utm_campaign": "c1",
        "landing_url": "https://example.com/lp?utm_campaign=c1", "ext": {"area": 120},
        "extra": {"unmapped": {"装修阶段": "水电"}}, "marks": ["submitted_at_day_only"],
        "touchpoints": [{
            "kind": "lead", "occurred_at": "2026-02-16T16:00:00.000Z", "utm_source": "douyin", "utm_campaign": "c1",
            "landing_url": "https://example.com/lp?utm_campaign=c1",
        }],
    }  # fmt: skip


def test_a_row_that_says_nothing_of_a_column_leaves_it_absent():
    row = dict.fromkeys(COLUMNS, "") | {"手机号": "19900001111", "_row": 3}

    assert mapped(a_sheet(), row).doc == {"mobile_e164": "+8619900001111"}


def test_a_lead_id_is_the_key_where_a_column_holds_one():
    sheet = a_sheet({"编号": "external_id", "手机号": "phone"})

    assert mapped(sheet, {"编号": "L1", "手机号": "19900001111", "_row": 2}).external_id == "L1"


def test_without_one_the_stated_columns_tell_leads_apart():
    full = {"手机号": "phone", "课程": "product_interest", "备注": "message"}
    row = {"手机号": "１９９００００１１１１", "课程": "英语", "备注": "x", "_row": 2}

    assert mapped(a_sheet(full), row).external_id == "file/sheet_t|19900001111|英语"


def test_the_row_number_says_nothing_of_the_lead():
    """Or the same row further down in a corrected file would be a revision."""
    one, other = (mapped(a_sheet(), ROW | {"_row": n}) for n in (2, 40))

    assert (one.doc, one.external_id) == (other.doc, other.external_id)


def test_documents_say_the_same_when_they_are_read_back():
    sheet = a_sheet()
    read = sheet_of(
        mapping_document(sheet, "1-0-0", "canonical/lead/1-0-0"), contract_document(sheet, "1-0-0")
    )

    assert (read.columns, read.key, read.scale) == (sheet.columns, sheet.key, sheet.scale)


def test_a_name_is_given_or_made_of_the_columns():
    assert entity_of("expo_2026", []) == "sheet_expo_2026"
    assert entity_of("", ["a", "b"]) == entity_of("", ["b", "a"]) != entity_of("", ["a"])
    with pytest.raises(ConfigError, match="small letters"):
        entity_of("展会", [])


def test_row_groups_split_into_the_rows_that_went_in():
    rows = [(f"1990000{n:04d}", "") for n in range(950)]
    groups = list(row_groups(["手机号", "备注"], rows, list(range(2, 952)), "sheet_t"))
    records = [record for envelope, _ in groups for record in split_rows(envelope)]

    assert [count for _, count in groups] == [400, 400, 150]
    assert {record.entity for record in records} == {"sheet_t"}
    assert msgspec.json.decode(records[-1].payload) == {
        "手机号": "19900000949",
        "备注": "",
        "_row": 951,
    }


def test_a_group_that_cannot_be_read_stays_whole():
    (record,) = split_rows(Envelope("sheet_t", b"not json"))

    assert record.unreadable
    assert record.payload == b"not json"
