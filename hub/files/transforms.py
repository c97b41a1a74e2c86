"""`sheet_time`: a spreadsheet's time, offered to mappings by the entry point `hub.transforms`."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from hub.files.cells import serial_date
from hub.mapping.transforms.base import Transform
from hub.mapping.transforms.times import datetime_text
from hub.mapping.values import Clean, as_text

DAY_ONLY: Final = "submitted_at_day_only"
_DAY: Final = re.compile(r"\d{4}(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月\d{1,2}日?)")
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


SHEET_TIME: Final = Transform("sheet_time", sheet_time, gives=("submitted_at",))
