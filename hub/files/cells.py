"""A cell as text: what spreadsheets do to numbers, dates and blanks, undone where that is exact."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

# Marks that nobody sees: zero-width, byte order, and the direction marks that copied phone numbers bring along.
_INVISIBLE: Final = dict.fromkeys(
    [
        0x200B,
        0x200C,
        0x2060,
        0xFEFF,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0x200E,
        0x200F,
    ]
) | {0xA0: " ", 0x3000: " "}
_MARKS: Final = "'‘’="
_TEXT_MARK: Final = re.compile(r"['‘’]([+＋\d].*)", re.DOTALL)
_QUOTED: Final = re.compile(r'="([^"]*)"')
_SCIENTIFIC: Final = re.compile(r"(\d)(?:\.(\d+))?[eE]\+?(\d{1,2})")
_POINT_ZERO: Final = re.compile(r"(\d+)\.0+")
# A double keeps 15 digits of any number; what has more has lost some.
_EXACT_BELOW: Final = 1e15
_EXCEL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 -- a serial date has no zone
_FIRST_SERIAL, _LAST_SERIAL = 36_526, 73_050  # 2000-01-01 and 2099-12-31
_SERIAL: Final = re.compile(r"\d{5}(?:\.\d{1,12})?")
_SECONDS_A_DAY: Final = 86_400


def clean(text: str) -> str:
    """Text without blanks at its ends, invisible marks, and the marks that make a number text (`'199`, `="199"`)."""
    text = text.strip() if text.isprintable() else text.translate(_INVISIBLE).strip()
    if text and text[0] in _MARKS:
        found = _TEXT_MARK.fullmatch(text) or _QUOTED.fullmatch(text)
        return found.group(1).strip() if found else text
    return text


def cell_text(value: Any) -> str:  # noqa: ANN401 -- whatever a workbook holds
    """A workbook's value as text: whole numbers without `.0`, dates as ISO, an empty cell as "".

    A number of more than 15 digits keeps the form that shows the loss (`1.1010119900307e+17`).
    """
    kind = type(value)
    if kind is str:
        return clean(value)
    if kind is float:
        if value.is_integer() and abs(value) < _EXACT_BELOW:
            return str(int(value))
        return f"{value:.15g}"
    if kind is int:
        return str(int(value)) if abs(value) < _EXACT_BELOW else f"{float(value):.15g}"
    if kind is datetime:
        return str((value + timedelta(microseconds=500_000)).strftime("%Y-%m-%d %H:%M:%S"))
    return _other_text(value)


def _other_text(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def whole_number(text: str) -> str | None:
    """The digits of a number that a spreadsheet wrote as a float, only if none is lost; else None.

    `19900001111.0` and `1.9900001111E+10` are whole; `1.99E+10` is not: its last digits are gone.
    """
    point = _POINT_ZERO.fullmatch(text)
    if point:
        return point.group(1)
    found = _SCIENTIFIC.fullmatch(text)
    if found is None or len(found.group(2) or "") < int(found.group(3)):
        return None
    number = Decimal(text)
    return str(int(number)) if number == number.to_integral_value() else None


def lost_digits(text: str) -> bool:
    """Whether a text is a number in scientific form whose last digits are gone."""
    return _SCIENTIFIC.fullmatch(text) is not None and whole_number(text) is None


def serial_date(text: str) -> str | None:
    """The date of a spreadsheet's day number between 2000 and 2099: `46070.5` → `2026-02-17 12:00:00`."""
    if not _SERIAL.fullmatch(text) or not _FIRST_SERIAL <= float(text) <= _LAST_SERIAL:
        return None
    days = Decimal(text)
    seconds = int((days % 1) * _SECONDS_A_DAY + Decimal("0.5"))
    moment = _EXCEL_EPOCH + timedelta(days=int(days), seconds=seconds)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def form_of(text: str, limit: int = 16) -> str:
    """What a value looks like, with nothing of what it says: digits as 9, letters as a, characters as 文."""
    shown = "".join(
        "9" if c.isdecimal() else "文" if c >= "\u4e00" else "a" if c.isalpha() else c
        for c in text[:limit]
    )
    return shown.replace("\n", "⏎") + ("…" if len(text) > limit else "")
