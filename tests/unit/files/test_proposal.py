"""What columns are taken for, and what is asked instead of guessed."""

from __future__ import annotations

import pytest

from hub.errors import ConfigError
from hub.files.dictionary import Dictionary
from hub.files.proposal import check_usable, chosen, propose
from tests.unit.files.builders import CANONICAL, DICTIONARY, a_table

PHONES = [f"1990000{n:04d}" for n in range(10)]


def meanings(table, dictionary=DICTIONARY):
    return {one.column: one.meaning for one in propose(table, dictionary)}


def unsure(table):
    return [one.column for one in propose(table, DICTIONARY) if not one.is_sure]


def columns_of(**columns):
    return a_table(list(columns), *zip(*columns.values(), strict=True))


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("手机号（必填）", "phone"),
        ("*姓名", "name"),
        ("联系方式", "phone"),
        ("E-mail", "email"),
        ("线索ID", "external_id"),
        ("留资时间", "submitted_at"),
        ("意向课程", "product_interest"),
        ("微信号", "wechat_id"),
        ("落地页链接", "landing"),
        ("渠道来源", "utm_source"),
        ("提交时间", "submitted_at"),
        ("utm_campaign", "utm_campaign"),
        ("所在省市", "region"),
    ],
)
def test_a_header_of_the_dictionary_is_sure(header, meaning):
    hit = DICTIONARY.find(header)

    assert hit is not None
    assert (hit.meaning, hit.is_exact) == (meaning, True)


def test_a_header_that_only_comes_near_is_asked():
    table = columns_of(学员手机号=PHONES, 家长的邮箱=["a@example.com"] * 10)

    assert meanings(table) == {"学员手机号": "phone", "家长的邮箱": "email"}
    assert unsure(table) == ["学员手机号", "家长的邮箱"]


def test_a_name_that_its_values_deny_is_asked():
    table = columns_of(手机号=["见备注"] * 10, 姓名=["张三"] * 10)

    assert unsure(table) == ["手机号"]


def test_values_that_can_only_be_phones_propose_themselves():
    table = columns_of(姓名=["张三"] * 10, 本期名单=PHONES)

    assert meanings(table)["本期名单"] == "phone"
    assert unsure(table) == ["本期名单"]


def test_what_nobody_knows_is_kept_as_it_is():
    table = columns_of(手机号=PHONES, 装修阶段=["水电"] * 10)

    assert meanings(table)["装修阶段"] == "extra"
    assert unsure(table) == []


def test_a_second_column_for_one_field_is_asked():
    table = columns_of(手机号=PHONES, 姓名=["张三"] * 10, 客户姓名=["李四"] * 10)

    assert meanings(table) == {"手机号": "phone", "姓名": "name", "客户姓名": "extra"}
    assert unsure(table) == ["客户姓名"]


def test_two_phones_are_both_phones():
    table = columns_of(手机号=PHONES, 备用电话=PHONES)

    assert set(meanings(table).values()) == {"phone"}


def test_a_merchants_own_field_is_known_by_its_label():
    dictionary = Dictionary(CANONICAL, {"floor_area": "建筑面积"})
    table = columns_of(手机号=PHONES, 建筑面积=["120"] * 10)

    assert meanings(table, dictionary)["建筑面积"] == "ext.floor_area"


def test_no_sample_shows_a_value_of_a_person():
    table = columns_of(
        手机号=PHONES,
        姓名=["张三丰"] * 10,
        邮箱=["zhang@example.com"] * 10,
        备注=["住在某某路"] * 10,
        秘密=["张三丰 19900001111"] * 10,
        渠道=["张三丰"] * 10,
    )
    shown = " ".join(f"{one.sample} {one.why}" for one in propose(table, DICTIONARY))

    for value in ("三丰", "19900000000", "19900001111", "zhang", "某某路"):
        assert value not in shown


def test_what_a_person_says_counts():
    table = columns_of(名单=["a"] * 10, 姓名=["张三"] * 10)
    found = chosen(propose(table, DICTIONARY), {"名单": "wechat_id"}, DICTIONARY)

    assert {one.column: one.meaning for one in found}["名单"] == "wechat_id"
    check_usable(found)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"手几号": "phone"}, "no column '手几号'; did you mean 手机号"),
        ({"手机号": "phon"}, "no field 'phon'; did you mean phone"),
        ({"姓名": "company", "单位": "company"}, "both"),
        ({"姓名": "ext.unknown"}, "no field"),
    ],
)
def test_a_slip_names_the_nearest(said, message):
    table = columns_of(手机号=PHONES, 姓名=["张三"] * 10, 单位=["甲"] * 10)

    with pytest.raises(ConfigError, match=message):
        chosen(propose(table, DICTIONARY), said, DICTIONARY)


def test_a_file_without_any_contact_is_refused():
    with pytest.raises(ConfigError, match="no column holds a phone"):
        check_usable(propose(columns_of(姓名=["张三"] * 10), DICTIONARY))


@pytest.mark.parametrize("words", [["高", "中"], ["A", "b", "C"]])
def test_a_scale_is_used_only_where_it_is_certain(words):
    (one,) = propose(columns_of(意向等级=words * 3), DICTIONARY)

    assert "100%" in one.why


def test_whether_one_or_five_is_the_better_no_value_tells():
    (one,) = propose(columns_of(意向等级=["1", "5"] * 3), DICTIONARY)

    assert "只留原文" in one.why
