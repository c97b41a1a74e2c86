"""Answers sent straight over ASGI: a hook's answer is a few bytes and needs no response object."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

from hub.errors import RefusedError
from hub.model.delivery import HookReply

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

REQUEST_ID_HEADER = b"x-request-id"
_RETRY_AFTER_S = b"5"
# The rest of a body that we refuse to read would be taken for the next request.
_UNREAD = (413, 415)


async def send_reply(send: Send, reply: HookReply, request_id: UUID) -> None:
    """Send `reply` as it is, with the request's id."""
    headers = [
        (b"content-type", reply.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(reply.body)),
        (REQUEST_ID_HEADER, str(request_id).encode()),
    ]
    if reply.status == 503:
        headers.append((b"retry-after", _RETRY_AFTER_S))
    if reply.status in _UNREAD:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def refusal_reply(refusal: RefusedError) -> HookReply:
    """A refusal with its reason for machines."""
    return HookReply(refusal.status, json.dumps({"error": refusal.reason}).encode())
