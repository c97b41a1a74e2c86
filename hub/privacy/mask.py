"""Masks for screens: enough to recognise a value, not enough to use it."""

from __future__ import annotations

from typing import Any


def mask_phone(value: str) -> str:
    """`+8613800001234` → `+86138****1234`."""
    if len(value) < 8:
        return "*" * len(value)
    return f"{value[:-8]}****{value[-4:]}"


def mask_name(value: str) -> str:
    """First character and one star for each other: 张三 → 张*."""
    return value[:1] + "*" * (len(value) - 1)


def mask_text(value: str) -> str:
    """Only the length is shown."""
    return f"‹{len(value)} characters›"


def mask_id(value: str) -> str:
    """The last four characters."""
    return "…" + value[-4:] if len(value) > 8 else "…"


_MASKS = {"phone": mask_phone, "name": mask_name, "text": mask_text, "id": mask_id}


def mask_value(kind: str, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """`value` masked as its `x-pii` kind says (`none` leaves it; an unknown kind hides it)."""
    if kind == "none" or value is None:
        return value
    if isinstance(value, list):
        return [mask_value(kind, item) for item in value]
    if isinstance(value, dict):
        return {key: mask_value(kind, item) for key, item in value.items()}
    return _MASKS.get(kind, mask_text)(str(value))
