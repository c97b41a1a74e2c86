"""The checks that the dictionary names (`x-checks`): is a value of a lead what its field is for? Pure.

A mapping has cleaned what stands in a lead; these look for what is well-formed and still wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from hub.mapping.transforms.people import id_number_cn
from hub.mapping.transforms.region_table import read_table
from hub.mapping.values import Json

Check = Callable[[Json, Mapping[str, Any], datetime], bool]
"""Value, the lead's document, when the lead came: whether the value is good."""

ANOMALY_WORDS: Final = "anomaly_words"
_MOBILE = re.compile(r"\+861[3-9]\d{9}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_DIGITS = re.compile(r"\d")
_URL = re.compile(r"https?://[^\s/]+", re.IGNORECASE)
# What an advertising platform leaves where it should have put a value: __CAMPAIGN_ID__, {{id}}, ${id}, [id].
_MACRO = re.compile(r"__\w+__|\{\{?[\w.]+\}?\}|\$\{[\w.]+\}|%7B%7B?\w+", re.IGNORECASE)
_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_LENGTH = 18
_LONGEST_NAME = 60
_EARLIEST = 2000
_LEAST_BUDGET_FEN, _MOST_BUDGET_FEN = 100 * 100, 100_000_000 * 100  # 100 yuan to 100 million
_OLDEST = 110
_FEWEST_REPEATED = 3
_AHEAD = timedelta(days=1)  # clocks of platforms and of forms differ


def normal(text: str) -> str:
    """Text as anomaly words are compared: half-width, small letters, without blanks and full stops around."""
    return unicodedata.normalize("NFKC", text).casefold().strip(" \t\r\n。.,，!！~、;；\"'“”")


def texts_of(value: Json) -> list[str]:
    """The texts in a value: itself, the items of a list, the members of an object."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [item for item in value.values() if isinstance(item, str)]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def is_repeated(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    """No text is one character typed three times or more."""
    return not any(
        len(text) >= _FEWEST_REPEATED and len(set(text)) == 1 for text in texts_of(value)
    )


def _mobile(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    return isinstance(value, str) and bool(_MOBILE.fullmatch(value)) and len(set(value[4:])) > 1


def _phones(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    phones = value if isinstance(value, list) else []
    found = [phone.get("value") for phone in phones if isinstance(phone, dict)]
    return bool(found) and all(isinstance(one, str) and _DIGITS.search(one) for one in found)


def _hex(length: int) -> Check:
    pattern = re.compile(rf"[0-9a-f]{{{length}}}", re.IGNORECASE)
    return lambda value, _doc, _came: isinstance(value, str) and bool(pattern.fullmatch(value))


def _email(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    return isinstance(value, str) and bool(_EMAIL.fullmatch(value))


def _id_number(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    try:
        return bool(_ID_NUMBER(value) == value)
    except ValueError:
        return False


def is_credit_code(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    """A unified social credit code whose last character is right (GB 32100)."""
    if (
        not isinstance(value, str)
        or len(value) != _CREDIT_LENGTH
        or not set(value) <= set(_CREDIT)
    ):
        return False
    total = sum(_CREDIT.index(c) * pow(3, n, 31) for n, c in enumerate(value[:-1]))
    return _CREDIT[-total % 31] == value[-1]


def _region(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    return isinstance(value, str) and value in _REGIONS


def _city(value: Json, doc: Mapping[str, Any], _came: datetime) -> bool:
    province = doc.get("province_code")
    return province is None or (isinstance(value, str) and value[:2] == str(province)[:2])


def _budget(value: Json, doc: Mapping[str, Any], _came: datetime) -> bool:
    if not isinstance(value, int) or not _LEAST_BUDGET_FEN <= value <= _MOST_BUDGET_FEN:
        return False
    low, high = doc.get("budget_min_fen"), doc.get("budget_max_fen")
    return not (isinstance(low, int) and isinstance(high, int) and low > high)


def _age(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    return isinstance(value, int) and 0 < value <= _OLDEST


def _intent(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    return isinstance(value, int) and 0 <= value <= 100


def _time(value: Json, _doc: Mapping[str, Any], came: datetime) -> bool:
    try:
        at = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return False
    return at.year >= _EARLIEST and at <= came + _AHEAD


def _name(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        return False
    digits = sum(c.isdecimal() for c in value)
    return digits < 5 and any(c.isalpha() for c in value) and "://" not in value


def _url(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    return isinstance(value, str) and bool(_URL.match(value))


def _no_macro(value: Json, _doc: Mapping[str, Any], _came: datetime) -> bool:
    return not any(_MACRO.search(text) for text in texts_of(value))


def _regions() -> frozenset[str]:
    table = read_table().values()
    return frozenset(code for province, cities in table for code in (province, *cities.values()))


_ID_NUMBER = id_number_cn()
_REGIONS = _regions()

CHECKS: Final[Mapping[str, Check]] = {
    "repeated_character": is_repeated,
    "mobile_valid": _mobile,
    "phones_valid": _phones,
    "sha256_valid": _hex(64),
    "md5_valid": _hex(32),
    "email_valid": _email,
    "id_number_valid": _id_number,
    "credit_code_valid": is_credit_code,
    "region_known": _region,
    "city_in_province": _city,
    "budget_sane": _budget,
    "age_sane": _age,
    "intent_in_range": _intent,
    "time_sane": _time,
    "name_sane": _name,
    "url_valid": _url,
    "macro_replaced": _no_macro,
}
"""Every check by the name that the dictionary gives it; `anomaly_words` is a list of words, and no function."""

SAID_ZH: Final[Mapping[str, str]] = {
    ANOMALY_WORDS: "不是异常词",
    "repeated_character": "不是同一个字重复",
    "mobile_valid": "号段有效，不是同一个数字",
    "phones_valid": "每个号码都有数字",
    "sha256_valid": "64 位十六进制",
    "md5_valid": "32 位十六进制",
    "email_valid": "有 @ 和域名",
    "id_number_valid": "出生日期和校验位正确",
    "credit_code_valid": "校验位正确",
    "region_known": "在行政区划表里",
    "city_in_province": "城市在所写的省里",
    "budget_sane": "100 元到 1 亿元，下限不大于上限",
    "age_sane": "1 到 110 岁",
    "intent_in_range": "0 到 100",
    "time_sane": "2000 年以后，不晚于到达后一天",
    "name_sane": "有文字，不是号码或网址，不超过 60 字",
    "url_valid": "http 或 https 网址",
    "macro_replaced": "没有未替换的宏",
}
"""What each check asks for, for people."""
