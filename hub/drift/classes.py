"""What kind of value stands somewhere, in a small closed vocabulary that names nobody."""

from __future__ import annotations

import re
from typing import Any, Final

_LENGTHS: Final = ((4, "1-4"), (12, "5-12"), (40, "13-40"))
_LONG: Final = "41+"
_LONGEST_READ: Final = 256  # of a longer text only the beginning is looked at

_PHONE: Final = re.compile(r"(?:(?:\+|00)?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}")
_MASKED: Final = re.compile(r"(?:\+?86[- ]?)?\d{1,4}\*{2,8}\d{0,4}|[^\s*]{1,2}\*{1,8}[^\s*]?")
_DATE: Final = re.compile(r"\d{4}(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月\d{1,2}日)")
_DATE_TIME: Final = re.compile(
    r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?[T ]?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?"
)
_NUMBER: Final = r"(?:\d{1,9}(?:,\d{3})*(?:\.\d{1,4})?)"
_UNIT: Final = r"(?:千|万|亿|[kKwW])?(?:元|块|人民币|RMB|rmb)?"
_TAIL: Final = r"(?:以[内上下]|左右|之间|起|多|每[月年课]|/[月年])?"
# A bare number is no money: it needs a range, a unit or a word that says so.
_MONEY: Final = re.compile(
    rf"(?:预算|价格|费用|约|大概|不超过|低于|高于|[¥￥])+\s*{_NUMBER}(?:\s*(?:-|~|－|—|至|到)\s*{_NUMBER})?{_UNIT}{_TAIL}"
    rf"|{_NUMBER}{_UNIT}\s*(?:-|~|－|—|至|到)\s*{_NUMBER}(?:千|万|亿|[kKwW]|元|块)(?:元|块)?{_TAIL}"
    rf"|[1-9]\d{{2,8}}\s*(?:-|~|－|—|至|到)\s*[1-9]\d{{2,8}}{_TAIL}"
    rf"|{_NUMBER}(?:千|万|亿|[kKwW]|元|块)(?:元|块)?{_TAIL}"
    rf"|\d{{3,9}}(?:以[内上下]|左右|起)"
)
_PERCENT: Final = re.compile(r"[+-]?\d{1,4}(?:\.\d{1,6})?[%％]")
_DECIMAL: Final = re.compile(r"[+-]?(\d{1,20})\.\d{1,12}")
_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@]+\.[^\s@]{2,}")
_HUGE: Final = 10**20
_ONLY_CJK: Final = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef·]+")
_TELLING: Final = re.compile(r"[\d*@]|://")
_SHAPES: Final = (
    (_PHONE, "string:phone"),
    (_DATE_TIME, "string:date-time"),
    (_DATE, "string:date"),
    (_MASKED, "string:masked"),
    (_MONEY, "string:money"),
    (_PERCENT, "string:percent"),
    (_URL, "string:url"),
    (_EMAIL, "string:email"),
)
_BRACKETS: Final = {"{": ("}", "string:json-object"), "[": ("]", "string:json-array")}
_FIXED: Final = {type(None): "null", bool: "boolean", dict: "object"}
_WORDS: Final = {
    "phone": "a mobile number",
    "masked": "masked",
    "date-time": "date and time",
    "date": "date",
    "json-object": "a JSON object as text",
    "json-array": "a JSON array as text",
    "money": "an amount",
    "url": "a URL",
    "email": "an e-mail address",
    "percent": "a percentage",
}
_KIND_OF_TYPE: Final = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def class_of(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """The class of a value: `null`, `empty`, `integer:3`, `string:phone`, `string:cjk:1-4`, `array:1-4` …

    It depends on the form alone, never on the words, and there are some 200 of them at most. Nought has
    0 digits: platforms write it where there is nothing.
    """
    if isinstance(value, str):
        return _class_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        return _FIXED.get(type(value), "object")
    if isinstance(value, int):
        return f"integer:{_digits(value)}"
    if isinstance(value, list):
        return f"array:{_bucket(len(value))}" if value else "array:0"
    return f"number:{_digits(value)}"


def json_kind(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """The JSON kind of a value: null, boolean, integer, number, string, array, object."""
    return _KIND_OF_TYPE.get(type(value), "object")


def kind_of_class(name: str) -> str:
    """The JSON kind that a class belongs to; an empty text is a string."""
    return "string" if name == "empty" else name.split(":", 1)[0]


def digits_of_class(name: str) -> int | None:
    """How many digits stand before the point, None for what is no number."""
    head, _, last = name.rpartition(":")
    return int(last) if head in ("integer", "number", "string:digits", "string:number") else None


def described(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """What a person may see of any value: its kind and form, nothing of what it says."""
    if isinstance(value, dict):
        return f"object with {len(value)} fields"
    if isinstance(value, list):
        return f"array with {len(value)} items"
    return described_class(class_of(value))


def described_class(name: str) -> str:
    """A class in words: `string:digits:11` → `string, 11 digits`."""
    kind, _, form = name.partition(":")
    if name == "empty":
        return "empty text"
    if kind == "string":
        return f"string, {_form(form)}"
    if not form:
        return kind
    return f"{kind} with {form} items" if kind == "array" else f"{kind}, {form} digits"


def _form(form: str) -> str:
    """`digits:11` → `11 digits`, `cjk:1-4` → `cjk, 1-4 characters`."""
    head, _, rest = form.partition(":")
    if head in ("digits", "number"):
        return f"{rest} digits" + (" before the point" if head == "number" else "")
    return _WORDS.get(form, f"{head}, {rest} characters")


def _class_of_text(text: str) -> str:
    if not text or text.isspace():
        return "empty"
    if text.isascii() and text.isdigit():
        return "string:phone" if _is_mobile(text) else f"string:digits:{_text_digits(text)}"
    found = _BRACKETS.get(text[0])
    if found is not None and text.rstrip()[-1] == found[0]:
        return found[1]
    short = text if len(text) <= _LONGEST_READ else text[:_LONGEST_READ]
    return (_shape_of(short) if _TELLING.search(short) else None) or _script_of(short, len(text))


def _digits(value: float) -> int:
    """Digits before the point; 21 stands for all that are more than 20."""
    return len(str(abs(int(value)))) * (int(value) != 0) if abs(value) < _HUGE else 21


def _text_digits(text: str) -> int:
    return 0 if text == "0" else min(len(text), 40)


def _is_mobile(text: str) -> bool:
    return len(text) == 11 and text[0] == "1" and text[1] > "2"


def _shape_of(text: str) -> str | None:
    decimal = _DECIMAL.fullmatch(text)
    if decimal is not None:
        return f"string:number:{len(decimal.group(1))}"
    return next((name for pattern, name in _SHAPES if pattern.fullmatch(text)), None)


def _script_of(text: str, length: int) -> str:
    if text.isascii():
        return f"string:latin:{_bucket(length)}"
    if _ONLY_CJK.fullmatch(text):
        return f"string:cjk:{_bucket(length)}"
    return f"string:mixed:{_bucket(length)}"


def _bucket(length: int) -> str:
    for most, name in _LENGTHS:
        if length <= most:
            return name
    return _LONG
