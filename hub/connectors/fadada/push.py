"""What 法大大 pushes: a form with `bizContent`, the event's name in a header.

The record is `{"event": …, "bizContent": {…}}`: values as they came, ids as the text that they are.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from hub.connectors.fadada.options import options_of
from hub.connectors.signing_callbacks import FASC_FIELD, fasc_content
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

SIGNING = "signing"
EVENT_HEADER = "x-fasc-event"
ACK = b'{"msg":"success"}'
REFUSAL = b'{"msg":"refused"}'
_EVENT = "event"


def accepted() -> HookReply:
    """HTTP 200 and a body with the word that the platform looks for."""
    return HookReply(200, ACK)


def refused(source: SourceSettings) -> HookReply:
    """Not 200 and without that word, so the platform tries again: after 3 minutes, 30 minutes, 8 hours."""
    return HookReply(options_of(source).refused_status, REFUSAL)


def delivery_key(request: HookRequest, source: SourceSettings) -> str | None:
    """Task, event, actor and time of the event, hashed; None where task or time is missing."""
    content = _content(request.body)
    if content is None:
        return None
    task, at = content.get("signTaskId"), content.get("eventTime")
    if not all(isinstance(part, str | int) and part != "" for part in (task, at)):
        return None
    event = request.headers.get(EVENT_HEADER, "")
    said = [str(part) for part in (task, event, content.get("actorId"), at)]
    return hashlib.sha256("\n".join(said).encode("utf-8", "surrogatepass")).hexdigest()


def envelope(request: HookRequest, source: SourceSettings) -> Envelope:
    """The body as it came, and the name of the event."""
    kind = request.headers.get("content-type", "")
    event = request.headers.get(EVENT_HEADER, "")
    return Envelope(
        SIGNING,
        request.body,
        method=request.method,
        content_type=kind,
        context={_EVENT: event.encode("utf-8", "replace").decode()[:200]},
    )


def split_push(envelope: Envelope) -> list[RawRecord]:
    """The one record of a callback."""
    content = _content(envelope.body)
    if content is None:
        return [RawRecord(SIGNING, envelope.body, unreadable="not_readable")]
    record = {_EVENT: envelope.context.get(_EVENT, ""), FASC_FIELD: content}
    return [RawRecord(SIGNING, msgspec.json.encode(record))]


def _content(body: bytes) -> dict[str, Any] | None:
    text = fasc_content(body)
    if text is None:
        return None
    try:
        found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        return None
    return found
