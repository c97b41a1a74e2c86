"""`GET /oauth/{source}/callback`: where a platform sends the browser back after a person said yes.

The query holds a code and a state, so it is never logged. The state works once and expires: without
it, a stranger could tie a source to an account of theirs by a link.
"""

from __future__ import annotations

import asyncio
import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from hub.connectors.sessions import TokenSet
from hub.database.engine import make_engine
from hub.errors import (
    ConfigError,
    HubError,
    PlatformRejectedError,
    RefusedError,
    TransientError,
)
from hub.ops.granted import AccountChange
from hub.receiver.access import Answer
from hub.receiver.context import ReceiverContext
from hub.steps.sources.authorize import finish_in_browser
from hub.steps.sources.grant import HttpFactory, fresh_client, grant_of
from hub.steps.sources.keep_grants import note_after_authorization

ROUTE = "/oauth/{source}/callback"
_LONGEST = 2048
# Platforms differ in what they call the code.
_CODE_NAMES = ("auth_code", "code")


def routes(context: ReceiverContext, url: str, http: HttpFactory = fresh_client) -> list[Route]:
    """The callback route. `url` is the store's: a callback is rare, so it opens its own connection."""

    async def callback(request: Request) -> Response:
        started = context.access.start()
        source_key = request.path_params["source"]
        try:
            found, change = await _finish(context, url, http, request)
        except HubError as error:
            refusal = _refusal(error)
            reply: Response = JSONResponse(
                {"error": refusal.reason, "message": str(refusal)}, refusal.status
            )
            answer = Answer("GET", ROUTE, None, refusal.status, refusal.reason)
        else:
            reply = HTMLResponse(_page(source_key, found, change))
            answer = Answer("GET", ROUTE, source_key, reply.status_code)
        reply.headers["Cache-Control"] = "no-store"
        reply.headers["Referrer-Policy"] = "no-referrer"
        context.access.answered(answer, started)
        return reply

    return [Route(ROUTE, callback, methods=["GET"])]


async def _finish(
    context: ReceiverContext, url: str, http: HttpFactory, request: Request
) -> tuple[TokenSet, AccountChange | None]:
    source_key = request.path_params["source"]
    if source_key not in context.sources:
        raise RefusedError("unknown_source", status=404)
    state = request.query_params.get("state", "")
    codes = (request.query_params.get(name, "") for name in _CODE_NAMES)
    code = next(filter(None, codes), "")
    if not state or not code or len(state) > _LONGEST or len(code) > _LONGEST:
        raise RefusedError(
            "incomplete", status=400, message="open the address that hub source authorize prints"
        )
    engine = make_engine(url, pool_size=1, application="hub oauth")
    try:
        grant = grant_of(engine, context.keyring, context.settings, source_key, http=http)
        now = context.clock()
        found = await asyncio.to_thread(finish_in_browser, grant, state=state, code=code, now=now)
        change = await asyncio.to_thread(note_after_authorization, grant, now=now)
        return found, change
    finally:
        engine.dispose()


def _refusal(error: HubError) -> RefusedError:
    """What a person and a machine are told of an error."""
    match error:
        case RefusedError():
            return error
        case TransientError():
            return RefusedError("try_again", status=503, message=str(error))
        case PlatformRejectedError():
            return RefusedError("platform_refused", status=400, message=str(error))
        case ConfigError():
            return RefusedError("not_configured", status=400, message=str(error))
        case _:
            return RefusedError("failed", status=500, message="see hub source show")


def _page(source_key: str, found: TokenSet, change: AccountChange | None) -> str:
    """A page that says that it worked and which accounts are left out; it holds no token."""
    count = change.covered if change else len(found.accounts)
    gone = ", ".join(change.vanished) if change else ""
    warning = (
        f'<p role="alert">注意：以前授权的账户 {html.escape(gone)} 这次没有勾选，'
        "它们的线索会中断。请重新授权并勾选全部账户。</p>"
        if gone
        else ""
    )
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>授权成功</title>'
        f'<p role="status">授权成功：{html.escape(source_key)}，{count} 个账户。可以关闭本页。</p>{warning}'
    )
