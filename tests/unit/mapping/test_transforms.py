"""Each transform: what it makes, what it refuses, and that it never guesses."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.mapping.patterns import compile_pattern
from hub.mapping.transforms.catalog import installed_transforms
from hub.mapping.transforms.region_table import read_table
from hub.mapping.values import UnusableError
from tests.unit.mapping.builders import transform

MOBILE = {"mobile_e164": "+8619900001111"}


@pytest.mark.parametrize(
    "typed",
    [
        "19900001111",
        19900001111,
        19900001111.0,
        " 199 0000 1111 ",
        "199-0000-1111",
        "+86 199 0000 1111",
        "+8619900001111",
        "008619900001111",
        "8619900001111",
        "019900001111",
        "１９９００００１１１１",
        "＋８６－１９９－００００－１１１１",
        "(+86)19900001111",
        "手机：19900001111",
        "我的电话是19900001111，谢谢",
        "199\u20110000\u20111111",
    ],
)
def test_a_mobile_is_found_however_it_is_typed(typed):
    assert transform("phone_cn", typed) == MOBILE


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("010-12345678", "landline", None),
        ("010-62345678", "landline", "+861062345678"),
        ("0755-86541234转801", "landline", "+8675586541234"),
        ("400-800-1234", "service", "4008001234"),
        ("95588", "service", "95588"),
        ("19900001111转5678", "virtual", "+8619900001111;ext=5678"),
        ("19900001111-5678", "virtual", "+8619900001111;ext=5678"),
        ("199****1111", "masked", "199****1111"),
        ("+1 415 555 2671", "foreign", "+14155552671"),
        ("+852 2123 4567", "foreign", "+85221234567"),
    ],
)
def test_what_is_no_mobile_of_a_person_goes_to_phones_with_its_kind(typed, kind, value):
    if value is None:
        with pytest.raises(ValueError, match="no phone"):
            transform("phone_cn", typed)
        return

    assert transform("phone_cn", typed) == {"phones": [{"value": value, "kind": kind}]}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("+852 5123 4567", "+85251234567"),
        ("0085251234567", "+85251234567"),
        ("85251234567", "+85251234567"),
        ("853 6612 3456", "+85366123456"),
        ("+886 912-345-678", "+886912345678"),
        ("8860912345678", "+886912345678"),
        ("+44 (0)7911 123456", "+447911123456"),
    ],
)
def test_a_mobile_of_elsewhere_is_a_mobile_and_not_the_leads_mainland_one(typed, value):
    assert transform("phone_cn", typed) == {"phones": [{"value": value, "kind": "mobile"}]}


def test_a_landline_of_a_given_up_area_code_is_no_mobile_of_hong_kong():
    assert transform("phone_cn", "0852-3123456") == {
        "phones": [{"value": "+868523123456", "kind": "landline"}]
    }


def test_a_phone_that_is_none_leaves_the_mark_that_was_asked_for():
    with pytest.raises(UnusableError) as caught:
        transform("phone_cn", "下次再说", mark="phone_invalid")

    assert caught.value.mark == "phone_invalid"


@pytest.mark.parametrize(("length", "name"), [(64, "sha256"), (32, "md5")])
def test_the_length_of_a_hash_tells_which_it_is(length, name):
    assert transform("phone_hash", "AB" * (length // 2)) == {
        f"phone_hash_{name}": "ab" * (length // 2)
    }


@pytest.mark.parametrize("typed", ["ab" * 20, "xy" * 16, "19900001111", True])
def test_what_is_no_hash_is_unusable(typed):
    with pytest.raises(ValueError, match=r"no (hash|text)"):
        transform("phone_hash", typed)


@pytest.mark.parametrize(
    "typed",
    ["19900001111/19900002222", "19900001111 19900002222", "19900001111、+86 199-0000-2222"],
)
def test_of_two_numbers_in_a_field_the_first_mobile_is_the_leads(typed):
    assert transform("phone_cn", typed) == MOBILE | {
        "phones": [{"value": "+8619900002222", "kind": "mobile"}]
    }


def test_a_landline_before_a_mobile_does_not_hide_it():
    assert transform("phone_cn", "010-62345678，19900001111") == MOBILE | {
        "phones": [{"value": "+861062345678", "kind": "landline"}]
    }


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("19900001111", "virtual", "+8619900001111"),
        ("+86 199 0000 1111", "virtual", "+8619900001111"),
        ("19900001111转5678", "virtual", "+8619900001111;ext=5678"),
        ("010-62345678", "landline", "+861062345678"),
        ("199****1111", "masked", "199****1111"),
    ],
)
def test_a_number_that_the_platform_lends_is_virtual_and_nobodys(typed, kind, value):
    assert transform("phone_cn", typed, lent=True) == {"phones": [{"value": value, "kind": kind}]}


def test_lent_is_a_plain_yes_or_no():
    with pytest.raises(ValueError, match="true or false"):
        transform("phone_cn", "19900001111", lent="maybe")


@pytest.mark.parametrize(
    "typed", ["10000000000", "下次再说", "1990000111", "199000011112", "Enc.abc", True]
)
def test_what_is_no_phone_is_unusable(typed):
    with pytest.raises(ValueError, match=r"no (phone|text)"):
        transform("phone_cn", typed)


@given(st.text(max_size=60))
def test_phone_cn_never_breaks_on_text(text):
    """It gives a phone, nothing, or ValueError; never another error and never a wrong mobile."""
    try:
        found = transform("phone_cn", text)
    except ValueError:
        return

    assert found is None or found.keys() <= {"mobile_e164", "phones"}


def test_an_id_number_needs_its_checksum():
    assert transform("id_number_cn", "11010519491231002x") == "11010519491231002X"
    assert (
        transform("id_number_cn", "１１０１０５１９４９１２３１００２Ｘ") == "11010519491231002X"
    )
    assert transform("id_number_cn", "110105 19491231 002X") == "11010519491231002X"


def test_the_old_form_of_an_id_number_is_that_of_today():
    assert transform("id_number_cn", "110105491231002") == "11010519491231002X"


@pytest.mark.parametrize(
    ("typed", "mark"),
    [
        ("110105194912310021", "id_number_invalid"),  # checksum
        ("110105194902300027", "id_number_invalid"),  # 30 February
        ("110105490230002", "id_number_invalid"),
        ("990105194912310026", "id_number_invalid"),  # no such province
        ("x" * 18, "id_number_invalid"),
        ("不方便", "id_number_invalid"),
        ("H12345678", "id_number_other"),
        ("12345678", "id_number_other"),
        ("E12345678", "id_number_other"),
    ],
)
def test_what_is_no_id_number_is_marked_and_never_a_value(typed, mark):
    with pytest.raises(UnusableError) as caught:
        transform("id_number_cn", typed)

    assert caught.value.mark == mark


def test_a_credit_code_needs_its_check_character():
    assert transform("credit_code_cn", "91350100m000100y43") == "91350100M000100Y43"
    for wrong in ("91350100M000100Y44", "91350100M000100Y4", "91350100M0OO100Y43", "统一"):
        with pytest.raises(UnusableError) as caught:
            transform("credit_code_cn", wrong)
        assert caught.value.mark == "credit_code_invalid"


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("13304360000", {"province_code": "220000", "city_code": "220800"}),
        ("+86 138-0013-8000", {"province_code": "110000", "city_code": "110100"}),
        ("19900001111", None),  # a range that was not given out yet
        ("+852 5123 4567", None),
        ("下次再说", None),
    ],
)
def test_a_mobiles_range_has_a_city_or_none(typed, codes):
    assert transform("region_of_phone_cn", typed) == codes


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        ("北京-北京", ("110000", "110100")),
        ("北京+北京", ("110000", "110100")),
        ("广东省深圳市", ("440000", "440300")),
        ("广东 深圳", ("440000", "440300")),
        (["浙江省", "杭州市"], ("330000", "330100")),
        ([None, "杭州"], ("330000", "330100")),
        ("深圳市南山区", ("440000", "440300")),
        ("吉林市", ("220000", "220200")),
        ("吉林", ("220000", None)),
        ("吉林省吉林市", ("220000", "220200")),
        ("内蒙古自治区 呼和浩特", ("150000", "150100")),
        ("新疆维吾尔自治区/伊犁哈萨克自治州", ("650000", "654000")),
        ("延边朝鲜族自治州", ("220000", "222400")),
        ("四川省成都市", ("510000", "510100")),
        ("四川 凉山彝族自治州", ("510000", "513400")),
        ("湖北 仙桃", ("420000", "429004")),
        ("中国 上海市 浦东新区", ("310000", "310100")),
        ("重庆市渝中区", ("500000", "500100")),
        ("香港特别行政区", ("810000", None)),
        ("青海 海南藏族自治州", ("630000", "632500")),
    ],
)
def test_region_names_become_codes(names, codes):
    found = transform("region_cn", names)

    assert (found["province_code"], found.get("city_code")) == codes


def test_a_city_that_is_not_in_its_province_is_left_out_and_marked():
    assert transform("region_cn", "广东-杭州") == {
        "province_code": "440000",
        "marks": ["unusable:city_code"],
    }


def test_an_unknown_region_is_unusable_and_no_name_is_absent():
    with pytest.raises(ValueError, match="no such region"):
        transform("region_cn", "火星")

    assert transform("region_cn", "未知") is None


def test_the_region_table_has_each_code_once_and_every_prefecture():
    """333 prefecture-level units, four municipalities, and five places that a province governs itself."""
    table = read_table()
    codes = [code for _, cities in table.values() for code in cities.values()]

    assert len(table) == 34
    assert len(set(codes)) == len(codes) == 342
    for province, cities in table.values():
        assert all(code[:2] == province[:2] and len(code) == 6 for code in cities.values())


@pytest.mark.parametrize(
    "value",
    [
        "2025-01-01 08:00:00",
        "2025-01-01T08:00:00",
        "2025/1/1 8:00",
        "2025年1月1日 8时00分",
        "2025-01-01T00:00:00Z",
        "2025-01-01T08:00:00.000+0800",
        1735689600,
        1735689600000,
        "1735689600",
        "1735689600000",
    ],
)
def test_one_instant_however_it_is_written(value):
    """Seconds and milliseconds do not overlap between 2000 and 2100, so telling them apart is no guess."""
    assert transform("datetime", value) == "2025-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "value",
    [
        *("2025-01-01", "08:00", "2025-13-01 00:00:00", "1970-01-01 08:00:00", "9" * 40),
        *(12, True, float("nan")),
    ],
)
def test_what_is_no_whole_instant_is_unusable(value):
    """A date alone says no time; 1970 is a zero that somebody formatted."""
    with pytest.raises(ValueError, match=r"."):
        transform("datetime", value)


def test_a_zero_instant_is_absent():
    assert transform("datetime", 0) is None


def test_a_stated_unit_is_kept_to():
    with pytest.raises(ValueError, match="no plausible time"):
        transform("datetime", 1735689600000, unit="s")


def test_another_zone_is_read_with_its_own_rules():
    assert (
        transform("datetime", "2025-07-01 08:00:00", zone="Europe/Berlin")
        == "2025-07-01T06:00:00.000Z"
    )


def test_epoch_ms_of_the_same_instant():
    assert transform("epoch_ms", "2025-01-01 08:00:00.5") == 1735689600500


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("3-5万", 3_000_000, 5_000_000),
        ("5000-8000元", 500_000, 800_000),
        ("8千~1万", 800_000, 1_000_000),
        ("5万以上", 5_000_000, None),
        ("10万以内", None, 10_000_000),
        ("１．５万元", 1_500_000, 1_500_000),
        ("¥8,000元", 800_000, 800_000),
    ],
)
def test_a_budget_becomes_fen(text, low, high):
    found = transform("budget_fen", text)

    assert (found.get("budget_min_fen"), found.get("budget_max_fen")) == (low, high)


@pytest.mark.parametrize("text", ["3-5", "看情况", "5万-3万", "0.001元"])
def test_a_budget_without_unit_or_sense_is_unusable(text):
    with pytest.raises(ValueError, match=r"."):
        transform("budget_fen", text)


def test_money_is_exact():
    assert transform("money_fen", "0.29") == 29
    assert transform("money_fen", "1,200.50元") == 120050
    assert transform("money_fen", 7, unit="fen") == 7


@pytest.mark.parametrize(
    ("options", "value", "points"),
    [
        ({"levels": "high_mid_low"}, "高", 100),
        ({"levels": "abc"}, "Ｂ", 50),
        ({"levels": {"强": 80}}, "强", 80),
        ({"between": [1, 5]}, 1, 0),
        ({"between": [1, 5]}, "4", 75),
        ({"between": [5, 1]}, 1, 100),
    ],
)
def test_scales_meet_on_0_to_100(options, value, points):
    assert transform("scale", value, **options) == points


@pytest.mark.parametrize(
    ("options", "value"), [({"levels": "abc"}, "E"), ({"between": [1, 5]}, 6)]
)
def test_what_is_not_on_the_scale_is_unusable(options, value):
    with pytest.raises(ValueError, match=r"."):
        transform("scale", value, **options)


def test_url_params_keep_the_url_and_read_what_it_carries():
    url = "https://e.com/?utm_source=Baidu&utm_campaign=A%20b&utm_source=other&bd_vid=AbC&x=1"

    assert transform("url_params", url) == {
        "landing_url": url,
        "utm_source": "baidu",
        "utm_campaign": "A b",
        "click_ids": {"bd_vid": "AbC"},
    }


@pytest.mark.parametrize("macro", ["__CID__", "{keyword}", "${x}", "{{campaign.name}}"])
def test_an_unreplaced_macro_is_a_mark_and_no_campaign(macro):
    found = transform("url_params", f"https://e.com/?utm_campaign={macro}")

    assert "utm_campaign" not in found
    assert found["marks"] == ["macro_unreplaced"]


def test_a_generic_click_id_needs_a_hint_of_its_platform():
    known = transform("url_params", "https://e.com/?utm_source=kuaishou&callback=X1")
    unknown = transform("url_params", "https://e.com/?callback=X1")

    assert known["click_ids"] == {"callback": "X1"}
    assert unknown["click_ids"] == {"unknown_callback": "X1"}


@pytest.mark.parametrize("url", ["http://[broken?utm_source=a", "https://e.com/?" + "a=1&" * 500])
def test_a_url_that_cannot_be_read_is_kept_and_marked(url):
    assert transform("url_params", url) == {
        "landing_url": url.strip(),
        "marks": ["unusable:landing_url_parameters"],
    }


def test_text_transforms_compose_the_small_ways():
    assert transform("split", "洗牙，种牙; 洗牙") == ["洗牙", "种牙"]
    assert transform("join", ["a", None, "b"], "-") == "a-b"
    assert transform("lookup", "1", {1: "male"}) == "male"
    assert transform("lookup", 9, {1: "a"}, "keep") == 9
    assert transform("lookup", 9, {1: "a"}, "absent") is None
    assert transform("none_if", "0", ["0"]) is None
    assert transform("extract", "订单号:A-12", r"([A-Z]-\d+)", 1) == "A-12"
    assert transform("email", " A@Ex.COM ") == "a@ex.com"
    assert transform("halfwidth", "ＡＢ１") == "AB1"
    assert transform("bool", "同意") is True
    assert transform("date", "2025年1月2日") == "2025-01-02"
    assert transform("hash", "a", "md5") == "0cc175b9c0f1b6a831c399e269772661"
    assert transform("int", "１２") == 12
    assert transform("first", [None, "", "x"]) == "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "a@b"),
        ("int", "12岁"),
        ("int", 1.5),
        ("number", float("nan")),
        ("bool", "也许"),
        ("sha256_hex", "12"),
    ],
)
def test_unusable_values_are_refused(name, value):
    with pytest.raises(ValueError, match=r"."):
        transform(name, value)


def test_a_pattern_that_would_backtrack_for_ever_is_answered_at_once():
    search = compile_pattern("(a+)+$", "test")
    started = time.perf_counter()

    assert search("a" * 5000 + "b") is None
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "x" * 501, "", None])
def test_a_pattern_that_re2_cannot_bound_is_refused(pattern):
    with pytest.raises(ConfigError, match="where"):
        compile_pattern(pattern, "where")


def test_every_transform_is_documented():
    for each in installed_transforms().values():
        assert each.summary.endswith("."), each.name
