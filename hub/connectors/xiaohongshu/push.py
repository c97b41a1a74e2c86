"""What the platform pushes: leads of forms (notes §2) and of direct messages (§3), both `{timestamp, source, data}`.

A record is what stands inside `data`, with the envelope's `timestamp` and `source` beside it: the answers
of a form, which the platform nests as `data` inside `data`, are then the record's own `data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hub.connectors.xiaohongshu.options import XiaohongshuOptions, options_of
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

FORM_PUSH, DM_PUSH = "form_push", "dm_push"
TEST_MARK = "test_message"

_UNREADABLE = (ValueError, RecursionError)
_BOM = b"\xef\xbb\xbf"
_IDS = ("leads_id", "id")
_ANSWERS = "data"
_YES = msgspec.Raw(b"true")
# What every message carries whether or not anybody has answered anything.
_ALWAYS_THERE = frozenset(("timestamp", "source", "type", "label"))

Fields = dict[str, msgspec.Raw]


def accepted(source: SourceSettings) -> HookReply:
    """HTTP 200, which is all that the platform looks at."""
    return HookReply(200, msgspec.json.encode(options_of(source).ack))


def refused(source: SourceSettings) -> HookReply:
    """The answer to a wrong signature: the platform tries again, three times at most."""
    options = options_of(source)
    return HookReply(options.refused_status, msgspec.json.encode(options.refusal))


def envelope(request: HookRequest, source: SourceSettings) -> Envelope:
    """What `split_push` needs later: the body."""
    return Envelope(
        shape=source.push or FORM_PUSH,
        body=request.body,
        method=request.method,
        content_type=request.headers.get("content-type", ""),
    )


def split_push(envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
    """The one record of a push; `test_message` is added to one that the set-up page sent."""
    options = options_of(source)
    body = envelope.body.removeprefix(_BOM)
    try:
        # A raw value is skipped, not looked into: what is in it must be readable too.
        document = msgspec.json.decode(body)
        fields = msgspec.json.decode(body, type=Fields)
        is_test = _is_test(document, options)
    except _UNREADABLE as error:
        return [RawRecord(envelope.shape, envelope.body, unreadable=_why(error))]
    record = _lifted(fields, options)
    if is_test:
        record = {**record, TEST_MARK: _YES}
    account = _text(record.get("account_id"))
    return [RawRecord(envelope.shape, msgspec.json.encode(record), account=account)]


def _why(error: Exception) -> str:
    return "not_an_object" if isinstance(error, msgspec.ValidationError) else "not_readable"


def _lifted(fields: Fields, options: XiaohongshuOptions) -> Fields:
    """The members of `data` beside the envelope's own, values byte for byte.

    Where that would let one value replace another, all stays as it was sent: its contract refuses it.
    """
    outer = {name: value for name, value in fields.items() if name != _ANSWERS}
    try:
        inner = msgspec.json.decode(fields.get(_ANSWERS, b"null"), type=Fields)
    except _UNREADABLE:
        return fields
    named = _renamed(inner, options.fields)
    return {**outer, **named} if not outer.keys() & named.keys() else fields


def _renamed(fields: Fields, names: Mapping[str, str]) -> Fields:
    """`fields` under the configured names; a name that is taken is not given twice."""
    renamed: Fields = {}
    for key, value in fields.items():
        name = names.get(key, key)
        is_free = name == key or (name not in fields and name not in renamed)
        renamed[name if is_free else key] = value
    return renamed


def _is_test(document: Mapping[str, Any], options: XiaohongshuOptions) -> bool:
    """Whether the set-up page sent this. What such a message holds is not documented (notes §2)."""
    inner = document.get(_ANSWERS)
    data = inner if isinstance(inner, dict) else {}
    answers = data.get(_ANSWERS)
    if options.blank_is_test and (_has_blank_answers(answers) or _is_blank(document)):
        return True
    if not options.test_values:
        return False
    said = _texts([[data.get(name) for name in _IDS], answers])
    return any(text in options.test_values for text in said)


def _has_blank_answers(answers: object) -> bool:
    """A list of questions, each with a `value`, all blank. Any other shape is drift, not a test."""
    if not isinstance(answers, list):
        return False
    return all(
        isinstance(item, dict) and "value" in item and _is_blank(item["value"]) for item in answers
    )


def _is_blank(value: object) -> bool:
    return not any(_texts(value))


def _texts(value: object) -> Iterator[str]:
    """Every value inside that says something, as text; what is always there says nothing."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in _ALWAYS_THERE:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None and (text := str(value).strip()):
        yield text


def _text(value: msgspec.Raw | None) -> str | None:
    """A JSON string or whole number as text, None for anything else or nothing."""
    decoded = None if value is None else msgspec.json.decode(value)
    if isinstance(decoded, str | int) and not isinstance(decoded, bool):
        return str(decoded) or None
    return None
