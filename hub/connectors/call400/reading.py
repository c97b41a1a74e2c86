"""Reading a pushed call: JSON, a form, or the query of a GET; one record each, under the vendor's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from hub.connectors.call400.options import CallOptions, digits, options_of
from hub.connectors.call400.profiles import DEFAULT_PUSH, Profile, profile_of
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings

_UNREADABLE = (ValueError, RecursionError)
_BOM = b"\xef\xbb\xbf"
_MAX_FIELDS = 500
_SERVICE_DIGITS = 7  # a line may be written with or without country and area code

Fields = dict[str, msgspec.Raw]


def entity_of(push: str | None, action: str) -> str:
    """The entity of a push: what its address says it is, else what the source is set to."""
    shape = push or DEFAULT_PUSH
    profile = profile_of(push)
    if not action or not profile.actions:
        return shape
    return profile.actions.get(action, profile.other)


def split_call(envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
    """The one record of a push, without the source's own constants; nothing is raised for bad input."""
    raw = envelope.body or envelope.query
    try:
        fields = _fields(envelope)
    except _UNREADABLE as error:
        why = "not_an_object" if isinstance(error, msgspec.ValidationError) else "not_readable"
        return [RawRecord(envelope.shape, raw, unreadable=why)]
    options = options_of(source)
    kept = _renamed(fields, options, _constants(source, options))
    headers = {"suspect": "line_not_ours"} if _is_foreign(kept, options, source) else {}
    return [RawRecord(envelope.shape, msgspec.json.encode(kept), headers=headers)]


def _fields(envelope: Envelope) -> Fields:
    """Name → value as JSON text, exactly as sent; values of forms and queries are JSON strings.

    Raises:
        ValueError, RecursionError: it cannot be read.
    """
    body = envelope.body.removeprefix(_BOM)
    if not body:
        return _pairs(envelope.query if envelope.method == "GET" else b"")
    kind = envelope.content_type.partition(";")[0].strip().lower()
    looks_like_json = body.lstrip()[:1] in (b"{", b"[")
    if looks_like_json or "json" in kind:
        return _json(body)
    return _pairs(body)


def _json(body: bytes) -> Fields:
    fields = msgspec.json.decode(body, type=Fields)
    # A raw value is skipped, not looked into: what is in it must be readable too.
    msgspec.json.decode(body)
    return fields


def _pairs(encoded: bytes) -> Fields:
    """Fields of a form or query, in UTF-8 or else GBK; a name that comes twice becomes a list."""
    if b"=" not in encoded:
        raise ValueError("no fields")
    values: dict[str, list[str]] = {}
    for name, value in _decoded(encoded.strip()):
        values.setdefault(name, []).append(value)
    if not any(values):
        raise ValueError("no fields")
    return {
        name: msgspec.Raw(msgspec.json.encode(found[0] if len(found) == 1 else found))
        for name, found in values.items()
    }


def _decoded(encoded: bytes) -> list[tuple[str, str]]:
    # The sender's charset is not documented: mainland systems still send GBK.
    for charset in ("utf-8", "gb18030"):
        try:
            return parse_qsl(
                encoded.decode(charset),
                keep_blank_values=True,
                encoding=charset,
                errors="strict",
                max_num_fields=_MAX_FIELDS,
            )
        except UnicodeDecodeError:
            continue
    raise ValueError("charset")


def _constants(source: SourceSettings, options: CallOptions) -> frozenset[str]:
    guard = (source.signature.field,) if source.signature.scheme == "static_body" else ()
    return frozenset((*options.drop_fields, *guard))


def _renamed(fields: Fields, options: CallOptions, constants: frozenset[str]) -> Fields:
    """`fields` under the vendor's default names; where two mean one, the configured one wins."""
    kept = {name: value for name, value in fields.items() if name not in constants}
    if not options.fields:
        return kept
    chosen = {options.fields[n]: v for n, v in kept.items() if n in options.fields}
    rest = {n: v for n, v in kept.items() if n not in options.fields}
    return {**rest, **chosen}


def _is_foreign(fields: Fields, options: CallOptions, source: SourceSettings) -> bool:
    """Whether a call came in on a number that is none of ours: most vendors do not sign."""
    profile: Profile = profile_of(source.push)
    if not options.lines or not _all_hold(fields, profile.inbound):
        return False
    line = digits(_text(fields.get(profile.line)))
    return not any(_is_same_line(line, own) for own in options.lines)


def _is_same_line(line: str, own: str) -> bool:
    if line == own:
        return True
    longer, shorter = sorted((line, own), key=len, reverse=True)
    return len(shorter) >= _SERVICE_DIGITS and longer.endswith(shorter)


def _all_hold(fields: Fields, wanted: Mapping[str, tuple[str, ...]]) -> bool:
    return bool(wanted) and all(_text(fields.get(n)) in values for n, values in wanted.items())


def _text(value: msgspec.Raw | None) -> str:
    """A JSON string or whole number as text, "" for anything else or nothing."""
    if value is None:
        return ""
    decoded: Any = msgspec.json.decode(value)
    is_text = isinstance(decoded, str | int) and not isinstance(decoded, bool)
    return str(decoded).strip() if is_text else ""
