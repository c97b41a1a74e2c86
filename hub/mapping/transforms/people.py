"""Transforms of what identifies a person: `id_number_cn`."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, as_text

_ID_NUMBER = re.compile(r"[1-9]\d{16}[\dX]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def id_number_cn() -> Clean:
    """A resident ID number: 18 characters, a real birth date, checksum right; else unusable."""

    def run(value: Json) -> str | None:
        text = as_text(value)
        if text is None:
            return None
        number = unicodedata.normalize("NFKC", text).replace(" ", "").upper()
        if not number.isascii() or not _ID_NUMBER.fullmatch(number):
            raise ValueError("no ID number")
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
        if (
            _CHECKS[sum(int(n) * w for n, w in zip(number, _WEIGHTS, strict=False)) % 11]
            != number[17]
        ):
            raise ValueError("wrong checksum")
        return number

    return run


TRANSFORMS = (Transform("id_number_cn", id_number_cn),)
