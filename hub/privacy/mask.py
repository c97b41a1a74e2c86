"""Masks for screens: enough to recognise a value, not enough to use it.

Each shows at most what its text says, of the value as people see it: a letter with its marks or an emoji of
several code points is one character. A short value is hidden whole.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_SHORTEST_PHONE, _SHORTEST_ID = 8, 9
_JOINERS = ("\u200d", "\ufe0f", "\ufe0e")
_MOBILE_DIGITS = 11


def mask_phone(value: str) -> str:
    """First three and last four digits of a mobile: `+8613800001234` → `+86138****1234`.

    Of any other number with at least eight digits the last four; of a shorter one nothing.
    """
    text = unicodedata.normalize("NFKC", value)
    digits = "".join(
        character for character in text if character.isdigit() and character.isascii()
    )
    if len(digits) < _SHORTEST_PHONE:
        return "*" * min(len(value), _SHORTEST_PHONE)
    country = "+86" if text.startswith("+86") and len(digits) == _MOBILE_DIGITS + 2 else ""
    national = digits[2:] if country else digits
    shown = national[:3] if len(national) == _MOBILE_DIGITS else ""
    return f"{country}{shown}****{national[-4:]}"


def mask_name(value: str) -> str:
    """First character and one star for each other: 张三 → 张*; a name of one character is hidden."""
    first, others = _first_of(value)
    return first + "*" * others if others else "*" * bool(value)


def mask_text(value: str) -> str:
    """Only the length is shown."""
    return f"‹{len(value)} characters›"


def mask_id(value: str) -> str:
    """The last four characters of at least nine."""
    return "…" + value[-4:] if len(value) >= _SHORTEST_ID else "…"


_MASKS = {"phone": mask_phone, "name": mask_name, "text": mask_text, "id": mask_id}


def mask_value(kind: str, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """`value` masked as its `x-pii` kind says (`none` leaves it; an unknown kind hides it)."""
    if kind == "none" or value is None:
        return value
    if isinstance(value, list | tuple):
        return [mask_value(kind, item) for item in value]
    if isinstance(value, dict):
        return {key: mask_value(kind, item) for key, item in value.items()}
    return _MASKS.get(kind, mask_text)(str(value))


def _first_of(value: str) -> tuple[str, int]:
    """The first character as people see it, and how many code points follow."""
    end = 1
    while end < len(value) and (
        unicodedata.combining(value[end]) or value[end] in _JOINERS or value[end - 1] == "\u200d"
    ):
        end += 1
    return value[:end], len(value) - end
