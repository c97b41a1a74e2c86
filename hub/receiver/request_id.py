"""Every request has an id, a UUIDv7: told in `X-Request-Id`, in log lines, and the id of the delivery made of it.

So whoever has an answer can say which delivery it was: `hub lead trace`. An id that a caller sends is not looked at.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from uuid import UUID

from hub.model.ids import uuid7
from hub.receiver.replies import REQUEST_ID_HEADER, Send
from hub.steps.running.logs import REQUEST_ID

_KEY = "hub.request_id"


def begin(scope: MutableMapping[str, Any]) -> UUID:
    """Give a request its id: for `id_of`, and for every log line written while it is answered."""
    made = uuid7()
    scope[_KEY] = made
    REQUEST_ID.set(made)
    return made


def id_of(scope: MutableMapping[str, Any]) -> UUID:
    """The id that `begin` gave; a new one for a request that did not come through it."""
    made: UUID | None = scope.get(_KEY)
    return made or uuid7()


def telling(send: Send, made: UUID) -> Send:
    """`send` that puts the id on the answer."""
    header = (REQUEST_ID_HEADER, str(made).encode())

    async def told(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return told
