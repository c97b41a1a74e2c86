"""The lists of TCCC and clink on a port of this machine: signatures are checked, calls listed once they are over."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.connectors.call400 import clink, tccc
from hub.connectors.call400.credentials import Credentials
from hub.connectors.call400.simulator.calls import SDK_APP_ID, SimulatedCall
from hub.connectors.call400.simulator.world import World

_TOO_MANY, _FORBIDDEN = 429, 403
_BUSY = "RequestLimitExceeded"


def build_app(world: World) -> Starlette:
    """Both vendors as one ASGI application: they have different paths."""
    return Starlette(
        routes=[
            Route("/", _tccc(world), methods=["POST"]),
            Route("/list_cdr_ibs", _clink(world), methods=["GET"]),
            Route("/list_cdr_ibs/", _clink(world), methods=["GET"]),
        ]
    )


def _tccc(world: World) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        body = await request.body()
        refusal = world.next_refusal() or _wrong_tccc(world, request, body)
        if refusal:
            return _wrapped({"Error": {"Code": refusal, "Message": "demo"}})
        asked = json.loads(body)
        window = (asked["StartTimeStamp"], asked["EndTimeStamp"])
        found = _over(world, window)
        first, size = asked["PageNumber"] * asked["PageSize"], asked["PageSize"]
        shown = [world.drifted(one.listed(), one.number) for one in found[first : first + size]]
        return _wrapped({"TotalCount": len(found), "TelCdrList": shown})

    return answer


def _wrong_tccc(world: World, request: Request, body: bytes) -> str:
    """The vendor's code for a request that is not signed as it should be, "" for a good one."""
    now = datetime.fromtimestamp(int(request.headers.get("x-tc-timestamp", "0")), UTC)
    expected = tccc.authorization(
        Credentials(world.key_id, world.app_secret),
        host=request.headers["host"],
        service="ccc",
        payload=body,
        now=now,
    )
    if not hmac.compare_digest(request.headers.get("authorization", ""), expected):
        return "AuthFailure.SignatureFailure"
    known = json.loads(body).get("SdkAppId") == SDK_APP_ID
    return "" if known else "InvalidParameterValue.InstanceNotExist"


def _wrapped(answer: dict[str, Any]) -> Response:
    return JSONResponse({"Response": {**answer, "RequestId": "demo-request"}})


def _clink(world: World) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        if refusal := world.next_refusal():
            return _refused(_TOO_MANY if refusal == _BUSY else _FORBIDDEN)
        asked = dict(parse_qsl(request.url.query))
        given = asked.pop("Signature", "")
        expected = clink.signature(
            world.app_secret,
            method="GET",
            host=request.headers["host"],
            path="list_cdr_ibs",
            query=clink.canonical_query(asked),
        )
        if not hmac.compare_digest(given, expected) or asked.get("AccessKeyId") != world.key_id:
            return _refused(_FORBIDDEN)
        window = (int(asked["startTime"]), int(asked["endTime"]))
        found = [one for one in _over(world, window) if not one.outbound]
        offset, limit = int(asked["offset"]), int(asked["limit"])
        shown = [one.listed_by_clink() for one in found[offset : offset + limit]]
        return JSONResponse({"totalCount": len(found), "cdrIbs": shown})

    return answer


def _refused(status: int) -> Response:
    return JSONResponse({"error": {"code": "Demo", "message": "demo"}}, status_code=status)


def _over(world: World, window: tuple[int, int]) -> list[SimulatedCall]:
    """Calls that began in the window and are over, the newest first."""
    start, end = window
    now = world.clock()
    calls = [one for one in list(world.clues) if one.vendor == "tccc" and one.ended_at <= now]
    found = [one for one in calls if start <= one.rang_at.timestamp() <= end]
    return sorted(found, key=lambda one: (one.rang_at, one.number), reverse=True)
