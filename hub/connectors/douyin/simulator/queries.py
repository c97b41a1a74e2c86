"""Reading what was asked of the simulated platform."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request

from hub.connectors.douyin.simulator.people import SHANGHAI


def instant_in(text: object) -> datetime | None:
    """A naive time of the platform's zone, None if it is no such thing."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.replace(tzinfo=SHANGHAI) if found.tzinfo is None else None


def whole_in(value: object) -> int | None:
    """A positive whole number, given as such or as text; None if it is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def accounts_in(value: object) -> list[str]:
    """The ids of a list of whole numbers, none if it is no such thing."""
    is_list = isinstance(value, list) and all(isinstance(item, int) for item in value)
    return [str(item) for item in value] if isinstance(value, list) and is_list else []


async def document_in(request: Request) -> Mapping[str, Any]:
    """The JSON object of a body, {} if it is none."""
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
