"""`GET|POST /hooks/{source}[/{secret}]`: verify over the raw bytes, make durable, answer.

Plain ASGI, no request object and no middleware: every microsecond here is paid by every lead.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.routing import Route

from hub.connectors.base import Connector
from hub.connectors.signatures import verify
from hub.errors import RefusedError, SignatureError
from hub.model.delivery import HookReply, HookRequest
from hub.receiver.access import Answer
from hub.receiver.body import Receive, headers_of, read_body
from hub.receiver.context import ReceiverContext
from hub.receiver.replies import Send, refusal_reply, send_reply
from hub.receiver.request_id import begin, id_of
from hub.settings import SourceSettings, secrets_from_environment
from hub.steps.hook_delivery import challenge_of, envelope_of, platform_key_of

Scope = MutableMapping[str, Any]

_ROUTE = "/hooks/{source}"
_NO_REASON = ""

log = logging.getLogger(__name__)


class Asgi(Protocol):
    """An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...


class Holding(Protocol):
    """Where refused pushes wait until their secret is put right."""

    async def keep(
        self, source_key: str, source: SourceSettings, request: HookRequest, received_at: datetime
    ) -> bool:
        """Keep `request`; False if there is no room for it.

        Raises:
            RefusedError: 503, it could not be kept now.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Hook:
    """One source that is pushed, ready: its secrets are read once, at the start."""

    key: str
    source: SourceSettings
    connector: Connector
    secrets: tuple[bytes, ...]


def routes(context: ReceiverContext, rejections: Holding) -> list[Route]:
    """The hook routes of all configured sources that are pushed."""
    door = HookDoor(context, rejections)
    methods = ["GET", "POST"]
    return [
        Route("/hooks/{source}", door, methods=methods, include_in_schema=False),
        Route("/hooks/{source}/{secret}", door, methods=methods, include_in_schema=False),
    ]


class HookDoor:
    """The ASGI application behind the hook routes."""

    def __init__(self, context: ReceiverContext, rejections: Holding) -> None:
        self._context = context
        self._rejections = rejections
        self._hooks = {
            key: _Hook(
                key,
                source,
                context.connectors[key],
                secrets_from_environment(source.signature.secret_env),
            )
            for key, source in context.settings.sources.items()
            if source.push is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to a hook."""
        access = self._context.access
        started = access.start()
        request_id = begin(scope)
        hook = self._hooks.get(scope["path_params"]["source"])
        source_key = hook.key if hook else None
        reason = _NO_REASON
        try:
            reply, reason = await self._answer(scope, receive, hook)
        except RefusedError as refusal:
            reply, reason = refusal_reply(refusal), refusal.reason
        except Exception as error:  # noqa: BLE001 -- a bug must be answered so that the platform tries again
            log.error("hook %s: %s", source_key, type(error).__name__)  # noqa: TRY400 -- a traceback could show the payload
            reply, reason = refusal_reply(RefusedError("internal", status=500)), "internal"
        answer = Answer(scope["method"], _ROUTE, source_key, reply.status, reason)
        access.answered(answer, started)
        await send_reply(send, reply, request_id)

    async def _answer(
        self, scope: Scope, receive: Receive, hook: _Hook | None
    ) -> tuple[HookReply, str]:
        """The reply and, for the log, why it is a refusal."""
        if hook is None:
            raise RefusedError("unknown_source", status=404)
        if scope["method"] == "HEAD":  # Starlette lets it through where GET may pass
            raise RefusedError("method_not_allowed", status=405)
        request = await self._request(scope, receive)
        challenge = challenge_of(hook.connector, request, hook.source)
        if challenge is not None:
            return challenge, _NO_REASON
        try:
            verify(hook.source.signature, request, hook.secrets, self._context.clock())
        except SignatureError:
            return await self._refuse(hook, request), "signature"
        if not request.body and not request.query:
            raise RefusedError("empty_request", status=400)
        envelope = envelope_of(hook.connector, request, hook.source)
        key = platform_key_of(hook.connector, request, hook.source)
        await self._context.take(hook.key, envelope, key, delivery_id=id_of(scope))
        return hook.connector.accepted(request, hook.source), _NO_REASON

    async def _request(self, scope: Scope, receive: Receive) -> HookRequest:
        headers = headers_of(scope)
        body = await read_body(receive, headers, self._context.settings.max_body_bytes)
        return HookRequest(
            method=scope["method"],
            query=scope["query_string"],
            headers=headers,
            body=body,
            path_secret=scope["path_params"].get("secret"),
        )

    async def _refuse(self, hook: _Hook, request: HookRequest) -> HookReply:
        """Keep the push and answer as the platform expects of a refusal.

        Raises:
            RefusedError: 503, it could not be kept now.
        """
        kept = False
        if request.body or request.query:
            now = self._context.clock()
            kept = await self._rejections.keep(hook.key, hook.source, request, now)
        self._context.metrics.rejected(hook.key, kept=kept)
        return hook.connector.refused(request, hook.source)
