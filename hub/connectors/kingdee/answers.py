"""Reading answers: a bare list of rows, or one of the shapes of a refusal, told apart by the first cell."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from hub.connectors.http import raise_for_http
from hub.errors import HubError, PlatformDownError, PlatformRejectedError

Rows = list[list[msgspec.Raw]]
STALE = "4006"
SESSION_LOST = "session_lost"
_GATEWAY = 519
_UNREADABLE = (ValueError, RecursionError)
_TEXT_ERROR = b"response_error:"
_LOST_WORDS = ("会话信息已丢失", "session")
_LOST_CODE = 1
_NUMBER = re.compile(rb"-?\d+\.\d+(?:[eE][+-]?\d+)?|-?\d+[eE][+-]?\d+")
_GATEWAY_REMEDY = {
    "4002": "the application id is empty",
    STALE: "the signed time is too old: set the clock of this machine or of the site",
    "5001": "there is no such API: look at options.site and options.context",
}


def read_rows(body: bytes) -> Rows | None:
    """The rows of a page, each cell with its own JSON; None for anything else."""
    try:
        rows = msgspec.json.decode(body, type=Rows)
        msgspec.json.decode(body)  # a raw cell is skipped, not looked into
    except _UNREADABLE:
        return None
    return None if rows and rows[0] and bytes(rows[0][0]).lstrip()[:1] == b"{" else rows


def checked_rows(response: httpx.Response) -> Rows:
    """The rows of an answer to a query.

    Raises:
        TransientError: the site may answer later.
        PlatformRejectedError: it refused; codes `4006` and `session_lost` are worth one more try.
    """
    body = response.content
    if response.status_code == _GATEWAY:
        raise _gateway_error(body)
    raise_for_http(response)
    if body.lstrip().startswith(_TEXT_ERROR):
        raise PlatformDownError("the site answered response_error")
    rows = read_rows(body)
    if rows is None:
        raise _refusal(body)
    return rows


def plain_cell(cell: msgspec.Raw) -> msgspec.Raw:
    """A cell as it is kept: a number with a fraction as text, digit for digit, so that no float rounds it."""
    text = bytes(cell).strip()
    if not _NUMBER.fullmatch(text):
        return cell
    number = msgspec.json.decode(text, type=Decimal)
    return msgspec.Raw(msgspec.json.encode(f"{number:f}"))


def cell_value(cell: msgspec.Raw) -> Any:  # noqa: ANN401 -- any JSON value
    """What stands in a cell."""
    return msgspec.json.decode(cell)


def _gateway_error(body: bytes) -> HubError:
    try:
        code = str(msgspec.json.decode(body, type=dict[str, Any]).get("errcode", ""))
    except _UNREADABLE:
        code = ""
    shown = code if code.isdecimal() else "none"
    remedy = _GATEWAY_REMEDY.get(shown, "")
    text = f"the gateway refused with code {shown}" + (f": {remedy}" if remedy else "")
    return PlatformRejectedError(text, code=shown)


def _refusal(body: bytes) -> HubError:
    """The error of an answer that is no list. The site's words are not repeated: they may name somebody."""
    status = _status(body)
    if status is None:
        return PlatformRejectedError("the site's answer holds no list", code="shape")
    words = str(status.get("Errors") or "")
    if status.get("MsgCode") == _LOST_CODE or any(word in words.lower() for word in _LOST_WORDS):
        return PlatformRejectedError("the session at the site is over", code=SESSION_LOST)
    number = status.get("ErrorCode")
    code = str(number) if isinstance(number, int) else "none"
    return PlatformRejectedError(
        f"the site refused the query with code {code}: see that options.fields are right"
        " and that the user may see these bills",
        code=code,
    )


def _status(body: bytes) -> dict[str, Any] | None:
    """`Result.ResponseStatus` of a refusal, bare or in a list of lists; None if there is none."""
    try:
        found: Any = msgspec.json.decode(body)
    except _UNREADABLE:
        return None
    while isinstance(found, list) and found:
        found = found[0]
    for name in ("Result", "ResponseStatus"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None
