"""The twelve checks, each over a column (or a few) as text; blank cells are `required`'s alone.

A check asks the transform by which the loader will read the value, so that both say the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, Final

from hub.files.cells import lost_digits
from hub.files.problems import Check, Problem, error, warning
from hub.files.readers import Reader, reader_of

_PLAIN_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
_PLAIN_EMAIL: Final = re.compile(r"[a-zA-Z0-9._+-]+@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+")
_LOOK_ALIKES: Final = str.maketrans("OoQDlI|SBzZ", "00001115822")
_BLANKS: Final = re.compile(r"[\s\-().·_]")
_LANDLINE_WITHOUT_ZERO: Final = re.compile(r"(?!400|800)(?:10|2\d|[3-9]\d{2})[2-8]\d{6,7}")
_LOCAL_LANDLINE: Final = re.compile(r"[2-8]\d{6,7}")
_OLD_ID: Final = re.compile(r"\d{15}")
_BARE_NUMBER: Final = re.compile(r"[\d,.]+")
_CELL_LIMIT: Final = 32_767  # characters that a spreadsheet's cell holds; more were cut off
_LONGEST_NAME: Final = 60
_LOST: Final = "表格软件把它写成了科学计数法，后面的数字已经丢失，请找回原值"
_KINDS: Final = {
    "masked": "号码有星号，打不通也不能用来认人",
    "virtual": "虚拟号或带分机的号码，不能用来认人",
    "service": "服务号码（400、95 等），不是个人电话",
}


def check_mobile(column: str, values: Sequence[str]) -> Iterator[Problem]:
    """A phone cell has a number in it: none is an error; masked, virtual and service numbers are warnings."""
    reader = _reader("phone")
    plain = _PLAIN_MOBILE.fullmatch
    for row, text in enumerate(values):
        if not text or plain(text):
            continue
        found = reader.read(text)
        if found is None:
            yield error(row, column, Check.MOBILE, _why_no_phone(text), _repaired_phone(text))
        elif "mobile_e164" not in found:
            kinds = [phone["kind"] for phone in found["phones"]]
            reason = next((_KINDS[kind] for kind in kinds if kind in _KINDS), "")
            if reason:
                yield warning(row, column, Check.MOBILE, reason)


def _why_no_phone(text: str) -> str:
    if lost_digits(text):
        return _LOST
    digits = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
    if digits.isdecimal():
        return f"不是电话号码：{len(digits)} 位数字（手机号是 11 位，1 开头）"
    return "认不出电话号码"


def _repaired_phone(text: str) -> str:
    """The number that it is if letters that look like digits are digits; "" if it is none even then."""
    plain = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
    digits = plain.translate(_LOOK_ALIKES)
    return digits if digits != plain and _PLAIN_MOBILE.fullmatch(digits) else ""


def check_landline(column: str, values: Sequence[str]) -> Iterator[Problem]:
    """A landline has its area code, and the code its leading zero; else a warning."""
    for row, text in enumerate(values):
        if not text or (text[0] == "1" and len(text) == 11):
            continue
        digits = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
        if _LOCAL_LANDLINE.fullmatch(digits):
            yield warning(row, column, Check.LANDLINE, "固定电话没有区号，外地打不通")
        elif _LANDLINE_WITHOUT_ZERO.fullmatch(digits):
            yield warning(
                row, column, Check.LANDLINE, "区号前面的 0 丢了（表格把它当作数字）", "0" + digits
            )


def check_email(column: str, values: Sequence[str]) -> Iterator[Problem]:
    """An e-mail address that is none is an error."""
    reader = _reader("email")
    for row, text in enumerate(values):
        if text and not _PLAIN_EMAIL.fullmatch(text) and reader.read(text) is None:
            fixed = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).replace("。", ".")
            usable = fixed != text and reader.read(fixed) is not None
            yield error(row, column, Check.EMAIL, "不是邮箱地址", fixed if usable else "")


def check_id_number(column: str, values: Sequence[str]) -> Iterator[Problem]:
    """A resident ID number has 18 characters, a real birth date and the right check digit; else an error."""
    reader = _reader("id_number")
    for row, text in enumerate(values):
        if text and reader.read(text) is None:
            yield error(row, column, Check.ID_NUMBER, _why_no_id(text))


def _why_no_id(text: str) -> str:
    if lost_digits(text):
        return _LOST
    plain = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
    if _OLD_ID.fullmatch(plain):
        return "15 位旧身份证号，请换成 18 位"
    if len(plain) != 18:
        return f"身份证号是 18 位，这里有 {len(plain)} 位"
    return "身份证号的出生日期或校验位不对"


def check_date(column: str, values: Sequence[str]) -> Iterator[Problem]:
    """A time or a date that cannot be read, or lies outside 2000 to 2099, is an error."""
    reader = _reader("submitted_at")
    for row, text in enumerate(values):
        if text and reader.read(text) is None:
            yield error(
                row,
                column,
                Check.DATE,
                "认不出时间，请写成 2026-02-17 08:30:00",
                _dated(text, reader),
            )


def _dated(text: str, reader: Reader) -> str:
    """The same date in another notation where only one reading is possible: `20260217`."""
    digits = unicodedata.normalize("NFKC", text)
    if not re.fullmatch(r"20\d{6}", digits):
        return ""
    fixed = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return fixed if reader.read(fixed) is not None else ""


def check_region(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Iterator[Problem]:
    """A region that is not known, or a city that is not in its province, is a warning."""
    reader = _reader("region")
    name = columns[-1]
    for row, texts in enumerate(rows):
        if not any(texts):
            continue
        found = reader.read(texts[0] if len(texts) == 1 else texts)
        if found is None:
            yield warning(row, name, Check.REGION, "认不出省市，原文保留，不写地区")
        elif "marks" in found:
            yield warning(row, name, Check.REGION, "这个城市不在所写的省里，只写省")


def check_amount(column: str, values: Sequence[str], reader: Reader) -> Iterator[Problem]:
    """An amount that cannot be read, or has no unit, is a warning: it is kept as it stands, not as money."""
    for row, text in enumerate(values):
        if text and reader.read(text) is None:
            bare = _BARE_NUMBER.fullmatch(text) is not None
            reason = (
                "金额没有单位（元、万），不写预算" if bare else "认不出金额，原文保留，不写预算"
            )
            yield warning(row, column, Check.AMOUNT, reason)


def check_required(
    contacts: Mapping[str, Sequence[str]], identifier: tuple[str, Sequence[str]] | None
) -> Iterator[Problem]:
    """A row has a contact, and the platform's lead id where a column holds it; else an error."""
    if identifier is not None:
        column, values = identifier
        for row, text in enumerate(values):
            if not text:
                yield error(row, column, Check.REQUIRED, "没有线索编号")
            elif lost_digits(text):
                yield error(row, column, Check.REQUIRED, _LOST)
    elif contacts:
        named = "、".join(contacts)
        for row, cells in enumerate(zip(*contacts.values(), strict=True)):
            if not any(cells):
                yield error(row, named, Check.REQUIRED, "没有任何联系方式")


def check_merged(blanks: Mapping[tuple[int, str], str]) -> Iterator[Problem]:
    """The empty part of a merged cell is a warning under `required`, with the merged value as suggestion."""
    for (row, column), value in blanks.items():
        yield warning(row, column, Check.REQUIRED, "合并单元格只有第一行有值，这一行是空的", value)


def check_enum(column: str, values: Sequence[str], reader: Reader) -> Iterator[Problem]:
    """A word that is not on the list, or a number that is none, is a warning: the field stays empty."""
    for row, text in enumerate(values):
        if text and reader.read(text) is None:
            yield warning(row, column, Check.ENUM, "不在取值范围里，原文保留")


def check_length(column: str, values: Sequence[str], longest: int | None) -> Iterator[Problem]:
    """Longer than the field allows is an error; as long as a cell can be at all is a warning."""
    limit = longest or _CELL_LIMIT
    for row, text in enumerate(values):
        if len(text) < min(limit, _CELL_LIMIT):
            continue
        if longest is not None and len(text) > longest:
            yield error(row, column, Check.LENGTH, f"超过 {longest} 个字符")
        elif len(text) >= _CELL_LIMIT:
            yield warning(row, column, Check.LENGTH, "达到单元格的长度上限，内容可能被截断")


def check_name_length(column: str, values: Sequence[str]) -> Iterator[Problem]:
    """A name of more than 60 characters is a warning: it is probably something else."""
    for row, text in enumerate(values):
        if len(text) > _LONGEST_NAME:
            yield warning(row, column, Check.LENGTH, "姓名太长，可能填错了列")


def check_duplicate_in_file(
    column: str, keys: Sequence[Any], numbers: Sequence[int], what: str
) -> Iterator[Problem]:
    """A key that an earlier row has already is a warning; `keys` has None where a row has none."""
    first: dict[Any, int] = {}
    for row, key in enumerate(keys):
        if key is None:
            continue
        known = first.setdefault(key, row)
        if known != row:
            reason = f"与第 {numbers[known]} 行{what}"
            yield warning(row, column, Check.DUPLICATE_IN_FILE, reason)


def check_duplicate_in_store(
    column: str, keys: Sequence[Any], known: Container[Any]
) -> Iterator[Problem]:
    """A key that the store has already is a warning: the lead joins the contact that is there."""
    for row, key in enumerate(keys):
        if key is not None and key in known:
            yield warning(row, column, Check.DUPLICATE_IN_STORE, "库里已有这个联系人")


def _reader(meaning: str) -> Reader:
    found = reader_of(meaning)
    if found is None:
        raise LookupError(meaning)
    return found
