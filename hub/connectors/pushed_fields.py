"""The fields of a push, whatever it was sent as: a JSON object or a form, in any charset, exact to the byte."""

from __future__ import annotations

from email.message import Message
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import parse_qsl

import msgspec

Fields: TypeAlias = dict[str, msgspec.Raw]
"""Name → value as JSON text, exactly as sent; form values are JSON strings."""

UNREADABLE = (ValueError, RecursionError, LookupError)  # LookupError: a charset nobody knows
_BOM = b"\xef\xbb\xbf"
_FORM_KINDS = ("application/x-www-form-urlencoded", "text/plain", "")


def read_fields(body: bytes, content_type: str, query: bytes = b"") -> Fields:
    """The fields of a body, or of the query where there is no body.

    Senders call JSON a form and the reverse, so a body that looks like JSON is JSON.

    Raises:
        ValueError, RecursionError, LookupError: it cannot be read (`UNREADABLE`).
    """
    kind, charset = media_type(content_type)
    body = body.removeprefix(_BOM)
    if not body and query:
        return form_fields(query, charset)
    if body.lstrip()[:1] in (b"{", b"[") or "json" in kind:
        return _json_fields(body, charset)
    if kind in _FORM_KINDS:
        return form_fields(body, charset)
    raise ValueError("content type")


@lru_cache(maxsize=64)
def media_type(header: str) -> tuple[str, str]:
    """Media type in lower case, and its charset (UTF-8 if none is named)."""
    message = Message()
    message["content-type"] = header.replace("\r", " ").replace("\n", " ")
    kind = message.get_content_type() if header.strip() else ""
    return kind, message.get_content_charset() or "utf-8"


def form_fields(encoded: bytes, charset: str) -> Fields:
    """Fields of a form or query; a name that comes twice becomes a list.

    Raises:
        ValueError, LookupError: there are none, or they are not in that charset.
    """
    text = encoded.decode(charset)
    pairs = parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict")
    if not pairs:
        raise ValueError("no fields")
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {
        name: msgspec.Raw(msgspec.json.encode(found[0] if len(found) == 1 else found))
        for name, found in values.items()
    }


def _json_fields(body: bytes, charset: str) -> Fields:
    if charset not in ("utf-8", "utf8"):
        body = body.decode(charset).encode()
    fields = msgspec.json.decode(body, type=Fields)
    # A raw value is skipped, not looked into: what is in it must be readable too.
    msgspec.json.decode(body)
    return fields
