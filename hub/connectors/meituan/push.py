"""Message push: reading its fields and the message inside them, its id, and the answers.

The vendor's page on message push is not public. Field names, transport and acknowledgement are those
that a public receiver of another business line has met, and settings change them; which keys a lead
(客资) has inside `message` is unknown, so that nothing here reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.connectors.meituan.options import MeituanOptions, options_of
from hub.connectors.meituan.signing import SIGN_FIELD
from hub.connectors.pushed_fields import UNREADABLE, Fields, read_fields
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

MESSAGE_PUSH = "message_push"
# What was signed, kept word for word while the rule of the signature is not settled.
SIGNED_TEXT = "message_text"


def accepted(source: SourceSettings) -> HookReply:
    """The answer to a message that was taken."""
    return _json(200, options_of(source).ack)


def refused(source: SourceSettings) -> HookReply:
    """The answer to a message whose signature is wrong."""
    options = options_of(source)
    return _json(options.refused_status, options.refusal)


def delivery_key(request: HookRequest, source: SourceSettings) -> str | None:
    """Business line, type and id of the message: whether `msgId` is unique across them is unknown.

    None if it cannot be read or has no id: then equal bodies within a while are one delivery.
    """
    try:
        fields = read_fields(
            request.body, request.headers.get("content-type", ""), _query_of(request)
        )
    except UNREADABLE:
        return None
    parts = [_text(fields.get(name)) or "" for name in options_of(source).id_fields]
    return ":".join(parts) if parts[-1] else None


def envelope(request: HookRequest, source: SourceSettings) -> Envelope:
    """What `split_push` needs later. The query is kept only of a GET: in a POST it can hold secrets."""
    return Envelope(
        shape=source.push or MESSAGE_PUSH,
        body=request.body,
        method=request.method,
        query=_query_of(request),
        content_type=request.headers.get("content-type", ""),
    )


def split_push(envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
    """The one record of a push: its fields, the message inside them as JSON where it is JSON.

    The signature goes, unless nothing is verified yet (scheme `record_only`): then it stays with the
    text of the message as it was signed, so that the rule can be found out from what was kept.
    """
    options = options_of(source)
    try:
        fields = read_fields(envelope.body, envelope.content_type, envelope.query)
    except UNREADABLE as error:
        raw = envelope.body or envelope.query
        return [RawRecord(envelope.shape, raw, unreadable=_why(error))]
    account = next((t for n in options.account_fields if (t := _text(fields.get(n)))), None)
    kept = _unwrapped(fields, options)
    if source.signature.scheme == "record_only" or envelope.context.get("record_only"):
        message = fields.get(options.message_field)
        if message is not None and kept[options.message_field] is not message:
            kept[SIGNED_TEXT] = message
    else:
        kept.pop(source.signature.field or SIGN_FIELD, None)
    return [RawRecord(envelope.shape, msgspec.json.encode(kept), account=account)]


def _unwrapped(fields: Fields, options: MeituanOptions) -> Fields:
    """`fields` with the message as the object or list that its text is; other text stays text."""
    message = fields.get(options.message_field)
    text = None if message is None else _string(message)
    if text is None or text.lstrip()[:1] not in ("{", "["):
        return dict(fields)
    try:
        msgspec.json.decode(text)
    except UNREADABLE:
        return dict(fields)
    return {**fields, options.message_field: msgspec.Raw(text.strip().encode())}


def _why(error: Exception) -> str:
    return "not_an_object" if isinstance(error, msgspec.ValidationError) else "not_readable"


def _query_of(request: HookRequest) -> bytes:
    return request.query if request.method == "GET" else b""


def _string(value: msgspec.Raw) -> str | None:
    """A JSON string's text, None for any other value."""
    decoded = msgspec.json.decode(value)
    return decoded if isinstance(decoded, str) else None


def _text(value: msgspec.Raw | None) -> str | None:
    """A JSON string or whole number as text, None for anything else or nothing."""
    if value is None:
        return None
    decoded = msgspec.json.decode(value)
    if isinstance(decoded, str | int) and not isinstance(decoded, bool):
        return str(decoded) or None
    return None


def _json(status: int, document: Mapping[str, Any]) -> HookReply:
    return HookReply(status, msgspec.json.encode(document))
