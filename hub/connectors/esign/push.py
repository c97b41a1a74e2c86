"""What e签宝 pushes: one event of a signing flow, JSON (V3; V1 and V2 by `flowId`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from hub.connectors.esign.options import options_of
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

SIGNING = "signing"
ACK = b'{"code":"200","msg":"success"}'
REFUSAL = b'{"code":"401","msg":"refused"}'
_UNREADABLE = (ValueError, RecursionError)


def accepted() -> HookReply:
    """HTTP 200 and the body that the vendor asks for."""
    return HookReply(200, ACK)


def refused(source: SourceSettings) -> HookReply:
    """Not 2xx, so the platform tries again."""
    return HookReply(options_of(source).refused_status, REFUSAL)


def delivery_key(request: HookRequest, source: SourceSettings) -> str | None:
    """Flow, event, time of its first try and who signed, hashed; None where one of the first three is missing.

    A subscription in the console and `notifyUrl` of a flow deliver each event twice; the time in the body
    stays when it is sent again.
    """
    event = _event(request.body)
    if event is None:
        return None
    flow = event.get("signFlowId") or event.get("flowId")
    first = [flow, event.get("action"), event.get("timestamp")]
    if not all(isinstance(part, str | int) and part != "" for part in first):
        return None
    who = [
        event.get("signOrder"),
        _inside(event, "operator", "psnId"),
        _inside(event, "organization", "orgId"),  # one person may sign twice at once, for two
    ]
    said = msgspec.json.encode([str(part) for part in (*first, *who)])
    return hashlib.sha256(said).hexdigest()


def envelope(request: HookRequest, source: SourceSettings) -> Envelope:
    """The body as it came."""
    kind = request.headers.get("content-type", "")
    return Envelope(SIGNING, request.body, method=request.method, content_type=kind)


def split_push(envelope: Envelope) -> list[RawRecord]:
    """The one record of a callback."""
    if _event(envelope.body) is None:
        return [RawRecord(SIGNING, envelope.body, unreadable="not_readable")]
    return [RawRecord(SIGNING, envelope.body)]


def _event(body: bytes) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except _UNREADABLE:
        return None
    return found


def _inside(event: Mapping[str, Any], name: str, member: str) -> Any:  # noqa: ANN401 -- any JSON value
    inner = event.get(name)
    return inner.get(member) if isinstance(inner, dict) else None
