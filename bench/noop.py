"""The ceiling: a Starlette route that reads the request and answers. Nothing is checked, nothing kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from bench.serving import serve

Message = MutableMapping[str, Any]

_BODY = b'{"code":0,"message":"success"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


class Door:
    """Plain ASGI like the hub's own hook door, so that no request object makes it slower."""

    async def __call__(
        self,
        _scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request with what the hub answers."""
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    serve(Starlette(routes=[Route("/hooks/{source}", Door(), methods=["POST"])]))
