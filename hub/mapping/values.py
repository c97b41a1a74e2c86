"""JSON values as platforms send them: what counts as absent, and each canonical kind made of them.

Every `as_…` function gives the value, or None for "absent", and raises ValueError for a value that
cannot be used. Nothing is rounded, cut or guessed.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""One decoded JSON value; what it is gets checked, never assumed."""

Clean: TypeAlias = Callable[[Json], Json]
"""Makes a usable value of a present one: None means absent, ValueError means unusable."""

MAX_DEPTH = 32
_MAX_DIGITS = 20  # of a 64-bit number with its sign
_SAFE_FLOAT = 2**53
_INSTANT_LENGTH = len("2026-01-01T00:00:00.000Z")
_MOBILE_LENGTH = len("+8619900001111")
_MIDNIGHT = re.compile(r"[T ]0{1,2}:00(:00(\.0+)?)?Z?$")
_LIST_SEPARATOR = "、"
_TRUE = frozenset({"true", "1", "yes", "y", "on", "是", "同意", "有", "已同意"})
_FALSE = frozenset({"false", "0", "no", "n", "off", "否", "不同意", "无", "未同意"})


class UnusableError(ValueError):
    """A value that cannot be used; `mark` is what to write on the lead instead of `unusable:<field>`."""

    def __init__(self, mark: str) -> None:
        super().__init__(mark)
        self.mark = mark


def is_absent(value: Json) -> bool:
    """Null, blank text, an empty list and an empty object all mean that there is no value."""
    if type(value) is str:
        return not value or value.isspace()
    return value is None or value == [] or value == {}


def clean_text(value: str) -> str:
    """`value` without what no database or screen can take: control characters, lone surrogates.

    Line breaks and tabs stay, and so does everything that makes an emoji.
    """
    if value.isprintable():
        return value.strip()
    kept = (c for c in value if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def as_text(value: Json) -> str | None:
    """Text, trimmed; whole numbers of any size keep their digits; a list of scalars is joined by 、."""
    kind = type(value)
    if kind is str:
        return (value.strip() if value.isprintable() else clean_text(value)) or None
    if kind is int:
        return str(value)
    if kind is float:
        return _float_text(value)
    if kind is list:
        parts = [as_text(item) for item in value if type(item) is not list]
        return _LIST_SEPARATOR.join(part for part in parts if part) or None
    if value is None:
        return None
    raise ValueError("no text")


def as_int(value: Json) -> int | None:
    """A whole number, also from digits in text or a float without fraction."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is float and value.is_integer() and abs(value) <= _SAFE_FLOAT:
        return int(value)
    if kind is str:
        text = unicodedata.normalize("NFKC", value).strip()
        if not text:
            return None
        if len(text) <= _MAX_DIGITS and text.lstrip("+-").isdecimal():
            return int(text)
        if len(text) <= _MAX_DIGITS:
            return as_int(float(text))
    raise ValueError("no whole number")


def as_number(value: Json) -> int | float | None:
    """A finite number, also from text."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is str:
        text = unicodedata.normalize("NFKC", value).replace(",", "").strip()
        value = float(text) if text else None
        kind = float
    if value is None:
        return None
    if kind is float and math.isfinite(value):
        return float(value)
    raise ValueError("no finite number")


def as_bool(value: Json) -> bool | None:
    """True or false, also as 1/0, yes/no, 是/否, 同意/不同意."""
    if type(value) is bool:
        return value
    text = as_text(value)
    if text is None:
        return None
    if text.casefold() in _TRUE:
        return True
    if text.casefold() in _FALSE:
        return False
    raise ValueError("neither yes nor no")


def as_date(value: Json) -> str | None:
    """A calendar date as YYYY-MM-DD, from ISO text or 2025/1/2 or 2025年1月2日; midnight may stand behind it."""
    text = as_text(value)
    if text is None:
        return None
    text = _MIDNIGHT.sub("", text)
    for mark in "/.年月":
        text = text.replace(mark, "-")
    parts = text.rstrip("日").split("-")
    if len(parts) != 3:
        raise ValueError("no date")
    return date(*(int(part) for part in parts)).isoformat()


def as_list(value: Json) -> list[str] | None:
    """A list of texts without blanks or repetitions; one value is a list of one."""
    items = value if type(value) is list else [value]
    texts = dict.fromkeys(text for text in map(as_text, items) if text)
    return list(texts) or None


def as_object(value: Json) -> dict[str, Json] | None:
    """An object without absent members, cleaned as `as_json` does."""
    if type(value) is not dict:
        raise ValueError("no object")
    cleaned = as_json(value)
    return cleaned or None


def as_code(value: Json) -> str | None:
    """A GB/T 2260 code: six digits."""
    text = as_text(value)
    if text is not None and not (len(text) == 6 and text.isdecimal()):
        raise ValueError("no region code")
    return text


def as_instant(value: Json) -> str | None:
    """An instant that the `datetime` transform made: YYYY-MM-DDTHH:MM:SS.mmmZ."""
    if type(value) is not str or len(value) != _INSTANT_LENGTH or value[10] + value[-1] != "TZ":
        raise ValueError("no instant; use the datetime transform")
    return value


def as_mobile(value: Json) -> str | None:
    """A mainland mobile in E.164: +86 and eleven digits."""
    text = as_text(value)
    if text is not None and not (
        len(text) == _MOBILE_LENGTH and text.startswith("+861") and text[1:].isdecimal()
    ):
        raise ValueError("no mobile; use the phone_cn transform")
    return text


def as_percent(value: Json) -> int | None:
    """A whole number from 0 to 100."""
    number = as_int(value)
    if number is not None and not 0 <= number <= 100:
        raise ValueError("outside 0 to 100")
    return number


def as_json(value: Json, depth: int = 0) -> Json:
    """Any JSON value made fit to store: texts cleaned, absent members left out.

    Raises:
        ValueError: nested deeper than MAX_DEPTH, or a number that is not finite.
    """
    kind = type(value)
    if kind is str:
        return clean_text(value)
    if kind in (dict, list) and depth >= MAX_DEPTH:
        raise ValueError("nested too deep")
    if kind is dict:
        pairs = (
            (clean_text(k), as_json(v, depth + 1)) for k, v in value.items() if not is_absent(v)
        )
        return {k: v for k, v in pairs if not is_absent(v)}
    if kind is list:
        return [as_json(item, depth + 1) for item in value]
    if kind is float and not math.isfinite(value):
        raise ValueError("no finite number")
    return value


def as_raw(value: Json) -> Json:
    """The value as it came, cleaned as `as_json` does; None for an absent one."""
    kind = type(value)
    if kind is str and value.isprintable():
        return value.strip() or None
    if kind is int or kind is bool:
        return value
    cleaned = as_json(value)
    return None if is_absent(cleaned) else cleaned


def decode_json(text: str) -> Json:
    """The value of JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deep to read.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError("no JSON") from error


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("no finite number")
    if value.is_integer():
        if abs(value) > _SAFE_FLOAT:
            raise ValueError("an id that lost digits as a float")
        return str(int(value))
    return repr(value)
