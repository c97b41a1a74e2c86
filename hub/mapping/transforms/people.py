"""Transforms of what identifies a person: `id_number_cn`."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, UnusableError, as_text

INVALID = "id_number_invalid"
OTHER = "id_number_other"
_ID_NUMBER = re.compile(r"[1-9]\d{16}[\dX]")
_OLD_FORM = re.compile(r"[1-9]\d{14}")
# 回乡证, 台胞证 and passports: they have no check digit that would tell a slip of the pen.
_OTHER = re.compile(r"[HM]\d{8}(?:\d{2})?|\d{8}(?:\d{2})?|[A-Z]{1,2}\d{7,8}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_RANGES = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
_PROVINCES = frozenset(str(n) for first, last in _RANGES for n in range(first, last + 1))
_BLANKS = re.compile(r"[\s\-·.]")


def id_number_cn() -> Clean:
    """A resident ID number: 18 characters, a known province, a real birth date, checksum right; else unusable.

    The old form of 15 digits becomes the 18 characters that its owner has today. What is no such number is
    marked `id_number_invalid`, what looks like a pass or a passport `id_number_other`: kept, and no key.
    """

    def run(value: Json) -> str | None:
        text = as_text(value)
        if text is None:
            return None
        number = _BLANKS.sub("", unicodedata.normalize("NFKC", text)).upper()
        if number.isascii() and _OLD_FORM.fullmatch(number):
            number = _today(number)
        if number.isascii() and _ID_NUMBER.fullmatch(number) and _is_right(number):
            return number
        raise UnusableError(OTHER if number.isascii() and _OTHER.fullmatch(number) else INVALID)

    return run


def _today(old: str) -> str:
    """The 18 characters of a 15-digit number: those were given to people born in the 1900s."""
    body = f"{old[:6]}19{old[6:]}"
    return body + _check(body)


def _is_right(number: str) -> bool:
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return number[:2] in _PROVINCES and _check(number) == number[17]


def _check(number: str) -> str:
    return _CHECKS[sum(int(n) * w for n, w in zip(number, _WEIGHTS, strict=False)) % 11]


TRANSFORMS = (Transform("id_number_cn", id_number_cn),)
