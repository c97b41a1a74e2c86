"""The twelve checks by name, each with what it refuses, what it only mentions, what it suggests."""

from __future__ import annotations

import pytest

from hub.files.problems import Check, Severity
from hub.files.review import review, rows_by_day
from hub.files.sheet import Sheet, default_key
from hub.files.table import Table
from hub.model.lead import IdentityKey, KeyKind
from tests.unit.files.builders import DICTIONARY, a_table

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def sheet(**columns):
    return Sheet("file", "sheet_test", columns, default_key(columns))


def problems(meaning, *values, column="列名", scale=None, **other):
    """Problems of a column as (check, severity, suggestion), row by row; other columns are `name=(meaning, value)`."""
    columns = {column: meaning, **{name: m for name, (m, _) in other.items()}}
    rest = [value for _, value in other.values()]
    table = a_table_with(list(columns), *([value, *rest] for value in values))
    made = Sheet("file", "sheet_test", columns, default_key(columns), scale)
    found: list[list[tuple[Check, Severity, str]]] = [[] for _ in values]
    for one in review(table, made, DICTIONARY).problems:
        found[one.row].append((one.check, one.severity, one.suggestion))
    return found


def a_table_with(columns, *rows):

    return Table(
        "t", tuple(columns), [tuple(row) for row in rows], list(range(2, 2 + len(rows))), 1
    )


PHONE = {"电话": ("phone", "19900001111")}
CONTACT = {"微信": ("wechat_id", "wx_demo")}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("19900001111", []),
        ("１９９００００１１１１", []),
        ("+86 199 0000 1111", []),
        ("19900001111.0", []),
        ("1.9900001111E+10", []),
        ("19900001111/19900002222", []),
        ("1.99E+10", [(Check.MOBILE, ERROR, "")]),
        ("199OOOO1111", [(Check.MOBILE, ERROR, "19900001111")]),
        ("l99 0000 111l", [(Check.MOBILE, ERROR, "19900001111")]),
        ("1990000111", [(Check.MOBILE, ERROR, "")]),
        ("199000011112", [(Check.MOBILE, ERROR, "")]),
        ("见备注", [(Check.MOBILE, ERROR, "")]),
        ("199****1111", [(Check.MOBILE, WARNING, "")]),
        ("19900001111-1234", [(Check.MOBILE, WARNING, "")]),
        ("4008001234", [(Check.MOBILE, WARNING, "")]),
    ],
)
def test_mobile(value, expected):
    assert problems("phone", value) == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0755-86001234", []),
        ("755-86001234", [(Check.LANDLINE, WARNING, "075586001234")]),
        ("1062345678", [(Check.LANDLINE, WARNING, "01062345678")]),
        ("86001234", [(Check.LANDLINE, WARNING, "")]),
    ],
)
def test_landline(value, expected):
    assert problems("phone", value) == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("demo@example.com", []),
        ("demo＠example.com", []),
        ("demo@example", [(Check.EMAIL, ERROR, "")]),
        ("demo@example。com", [(Check.EMAIL, ERROR, "demo@example.com")]),
    ],
)
def test_email(value, expected):
    assert problems("email", value, **CONTACT) == [expected]


@pytest.mark.parametrize(
    ("value", "fails"),
    [
        ("11010519491231002X", False),
        ("11010519491231002x", False),
        ("110105194912310021", True),
        ("110105194902310021", True),
        ("110105491231002", False),  # the old form; it becomes the one of today
        ("110105490230002", True),
        ("1.1010519491231e+17", True),
    ],
)
def test_id_number(value, fails):
    expected = [(Check.ID_NUMBER, ERROR, "")] if fails else []

    assert problems("id_number", value, **CONTACT) == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-02-17 08:30:00", []),
        ("2026/2/17 8:30", []),
        ("2026年2月17日", []),
        ("46070.354", []),
        ("1771286400", []),
        ("20260217", [(Check.DATE, ERROR, "2026-02-17")]),
        ("02/17/26", [(Check.DATE, ERROR, "")]),
        ("2026-02-30", [(Check.DATE, ERROR, "")]),
        ("昨天", [(Check.DATE, ERROR, "")]),
    ],
)
def test_date(value, expected):
    assert problems("submitted_at", value, **PHONE) == [expected]


@pytest.mark.parametrize(
    ("value", "fails"), [("广东省深圳市", False), ("深圳", False), ("外星球", True)]
)
def test_region(value, fails):
    expected = [(Check.REGION, WARNING, "")] if fails else []

    assert problems("region", value, **PHONE) == [expected]


def test_region_knows_a_city_that_is_not_in_its_province():
    found = problems("province", "湖南省", 市=("city", "深圳市"), **PHONE)

    assert found == [[(Check.REGION, WARNING, "")]]


@pytest.mark.parametrize(
    ("value", "column", "fails"),
    [
        ("3-5万", "预算", False),
        ("8000元", "预算", False),
        ("50000", "预算(元)", False),
        ("5", "预算（万元）", False),
        ("50000", "预算", True),
        ("面议", "预算", True),
    ],
)
def test_amount(value, column, fails):
    expected = [(Check.AMOUNT, WARNING, "")] if fails else []

    assert problems("budget", value, column=column, **PHONE) == [expected]


def test_required():
    assert problems("phone", "", 微信=("wechat_id", "")) == [[(Check.REQUIRED, ERROR, "")]]
    assert problems("phone", "", **CONTACT) == [[]]
    assert problems("external_id", "", **PHONE) == [[(Check.REQUIRED, ERROR, "")]]
    assert problems("external_id", "7.12E+18", **PHONE) == [[(Check.REQUIRED, ERROR, "")]]


def test_required_suggests_what_a_merged_cell_holds():
    table = a_table(["手机号", "城市"], ["19900001111", "深圳"], ["19900002222", ""])
    table.blanks[1, "城市"] = "深圳"
    (one,) = review(table, sheet(手机号="phone", 城市="city"), DICTIONARY).problems

    assert (one.check, one.severity, one.suggestion) == (Check.REQUIRED, WARNING, "深圳")


@pytest.mark.parametrize(
    ("meaning", "value", "fails"),
    [
        ("gender", "女", False),
        ("gender", "保密", True),
        ("intent", "高", False),
        ("intent", "很高", True),
        ("age", "三十", True),
        ("age", "30", False),
    ],
)
def test_enum(meaning, value, fails):
    expected = [(Check.ENUM, WARNING, "")] if fails else []

    assert problems(meaning, value, scale="high_mid_low", **PHONE) == [expected]


@pytest.mark.parametrize(
    ("meaning", "value", "expected"),
    [
        ("utm_campaign", "x" * 255, []),
        ("utm_campaign", "x" * 256, [(Check.LENGTH, ERROR, "")]),
        ("message", "x" * 32_767, [(Check.LENGTH, WARNING, "")]),
        ("message", "x" * 5_000, []),
        ("name", "张" * 61, [(Check.LENGTH, WARNING, "")]),
    ],
)
def test_length(meaning, value, expected):
    assert problems(meaning, value, **PHONE) == [expected]


def test_duplicate_in_file():
    """The same number however it is written; the first stays without a word."""
    found = problems("phone", "19900001111", "199-0000-1111", "19900002222")

    assert found == [[], [(Check.DUPLICATE_IN_FILE, WARNING, "")], []]


def test_duplicate_in_file_by_the_platforms_id():
    found = problems("external_id", "L1", "L1", 微信=("wechat_id", "w"))

    assert found[1] == [(Check.DUPLICATE_IN_FILE, WARNING, "")]


def test_duplicate_in_store():
    table = a_table(["手机号"], ["19900001111"], ["+86 19900002222"])
    reviewed = review(table, sheet(手机号="phone"), DICTIONARY)
    known = {IdentityKey(KeyKind.MOBILE, "+8619900002222")}
    (one,) = reviewed.with_known(known).problems

    assert (one.row, one.check, one.severity) == (1, Check.DUPLICATE_IN_STORE, WARNING)


def test_no_reason_holds_the_value():
    values = ("199OOOO1111", "19900002222-88", "46070001")
    table = a_table(["手机号"], *([value] for value in values))

    for one in review(table, sheet(手机号="phone"), DICTIONARY).problems:
        assert not any(value in one.reason for value in values)


def test_rows_are_counted_on_their_day_in_beijing():
    table = a_table(
        ["手机号", "时间"],
        ["19900001111", "2026-02-17 00:30:00"],
        ["19900001112", "2026-02-17T23:00:00Z"],
        ["19900001113", "2026-02-17"],
        ["19900001114", ""],
    )

    days = rows_by_day(table, sheet(手机号="phone", 时间="submitted_at"))

    assert days == {"2026-02-17": 2, "2026-02-18": 1}
