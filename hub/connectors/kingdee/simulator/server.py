"""The simulated site on a port of this machine: signatures or sessions are checked, queries answered."""

from __future__ import annotations

import hmac
import json
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.connectors.kingdee.client import LOGIN, QUERY
from hub.connectors.kingdee.signing import Application, signed_headers
from hub.connectors.kingdee.simulator.world import World

_GATEWAY = 519
_COOKIE = "kdservice-sessionid"
_SESSION = "demo-session"


def build_app(world: World) -> Starlette:
    """Both services that are called, as an ASGI application."""

    async def query(request: Request) -> Response:
        body = await request.body()
        refusal = world.next_refusal()
        if refusal:
            return Response(refusal[1], refusal[0], media_type="application/json")
        if request.cookies.get(_COOKIE) != _SESSION and not _is_signed(world, request):
            return JSONResponse({"errcode": 4006}, _GATEWAY)
        try:
            rows = world.rows(json.loads(body)["data"])
        except (KeyError, ValueError):
            return JSONResponse(_refused("字段不存在"))
        return Response(msgspec.json.encode(rows), media_type="application/json")

    async def login(request: Request) -> Response:
        given: Any = json.loads(await request.body())
        fields = given.get("parameters") or list(given.values())
        right = list(fields) == [world.acct_id, world.user, world.app_secret, 2052]
        answer = JSONResponse({"Message": "", "LoginResultType": 1 if right else 0})
        if right:
            answer.set_cookie(_COOKIE, _SESSION)
        return answer

    return Starlette(
        routes=[
            Route(f"/k3cloud/{QUERY}.common.kdsvc", query, methods=["POST"]),
            Route(f"/k3cloud/{LOGIN}.common.kdsvc", login, methods=["POST"]),
        ]
    )


def _is_signed(world: World, request: Request) -> bool:
    stamp = request.headers.get("x-api-timestamp", "")
    if not stamp.isdecimal() or abs(int(stamp) - world.clock().timestamp()) > 300:
        return False
    app = Application(world.app_id, world.app_secret, world.acct_id, world.user, 2052, world.org)
    expected = signed_headers(app, request.url.path, timestamp=int(stamp))
    return all(
        hmac.compare_digest(request.headers.get(name, ""), value)
        for name, value in expected.items()
    )


def _refused(message: str) -> list[list[dict[str, Any]]]:
    errors = [{"FieldName": None, "Message": message, "DIndex": 0}]
    status = {"IsSuccess": False, "ErrorCode": 500, "Errors": errors, "SuccessEntitys": []}
    return [[{"Result": {"ResponseStatus": status}}]]
