"""A spreadsheet's time and date, offered to mappings by the entry point `hub.transforms`."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from hub.files.cells import serial_date
from hub.mapping.transforms.base import Transform
from hub.mapping.transforms.times import datetime_text
from hub.mapping.values import Clean, as_date, as_text

DAY_ONLY: Final = "submitted_at_day_only"
_DAY: Final = re.compile(r"\d{4}(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月\d{1,2}日?)")
_DATE: Final = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?=[T ]\d{1,2}:\d{2}|$)")
_DIGITS: Final = re.compile(r"20\d{6}")
_MIDNIGHT: Final = " 00:00:00"


def sheet_time(zone: str = "Asia/Shanghai") -> Clean:
    """submitted_at from a cell: a time, a spreadsheet's day number, or a date alone.

    A date alone is the beginning of that day in `zone`, marked `submitted_at_day_only`: the order of such
    leads within a day says nothing.
    """
    read = datetime_text(zone)

    def run(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 -- any JSON value
        text = as_text(value)
        if text is None:
            return None
        text = unicodedata.normalize("NFKC", text)
        text = serial_date(text) or text
        if _DAY.fullmatch(text):
            return {"submitted_at": read(text + _MIDNIGHT), "marks": [DAY_ONLY]}
        return {"submitted_at": read(text)}

    return run


def sheet_date() -> Clean:
    """A business date from a cell: a date in any usual notation, 20260217, or a spreadsheet's day number.

    A time of day behind it is left out: a business date has none. Outside 2000 to 2099 it is unusable.
    """

    def run(value: Any) -> str | None:  # noqa: ANN401 -- any JSON value
        text = as_text(value)
        if text is None:
            return None
        text = unicodedata.normalize("NFKC", text)
        text = serial_date(text) or text
        if _DIGITS.fullmatch(text):
            text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        match = _DATE.match(text)
        found = as_date(match.group(0) if match else text)
        if found is not None and not found.startswith("20"):
            raise ValueError("no plausible date")
        return found

    return run


SHEET_DATE: Final = Transform("sheet_date", sheet_date)
SHEET_TIME: Final = Transform("sheet_time", sheet_time, gives=("submitted_at",))
