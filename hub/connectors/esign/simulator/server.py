"""The platform on a port of this machine: checks the signature of every call, answers as documented."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.connectors.esign.signing import signature
from hub.connectors.esign.simulator.flows import SimulatedFlow
from hub.connectors.esign.simulator.world import Call, Clock, World, utc_now
from hub.connectors.local_server import LocalServer
from hub.connectors.simulation import BaseSimulator

_TOLERANCE_MS = 15 * 60 * 1000
_MAX_PAGE = 100
_MAX_RANGE_MS = 366 * 86_400_000
_WRONG_PARAMETERS, _NO_FLOW = 1435002, 1435011


class Simulator(BaseSimulator):
    """e签宝 on 127.0.0.1. `with Simulator(seed=1) as simulator:` or `start` and `stop`.

    `world` is its state; `url` its address. The caller's threads may use both while it answers.
    """

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
        self.world = World(seed, clock=clock)
        super().__init__(LocalServer(build_app(self.world), port=port))

    @property
    def clues(self) -> list[SimulatedFlow]:
        """Every flow."""
        return self.world.clues

    @property
    def calls(self) -> list[Call]:
        """The calls so far, the last ten thousand of them."""
        return list(self.world.calls)

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that talks to it; the secret is `world.app_secret`, in `secret_env`."""
        return {"app_id": self.world.app_id, "secret_env": secret_env, "api_base": self.url}


def build_app(world: World) -> Starlette:
    """The platform as an ASGI application."""

    async def flow_list(request: Request) -> Response:
        return await _answered(world, request, lambda asked: _listed(world, asked))

    async def detail(request: Request) -> Response:
        return await _answered(
            world, request, lambda _: _detail(world, request.path_params["flow"])
        )

    return Starlette(
        routes=[
            Route("/v3/sign-flow/sign-flow-list", flow_list, methods=["POST"]),
            Route("/v3/sign-flow/{flow}/detail", detail, methods=["GET"]),
        ]
    )


async def _answered(world: World, request: Request, answer: Any) -> Response:  # noqa: ANN401 -- asked → data or code
    body = await request.body()
    path = request.url.path
    fault = world.planned_fault()
    if fault is not None:
        code, status = fault
        world.note_call(path, code, status)
        return JSONResponse({"code": code, "message": "demo 19900001234"}, status_code=status)
    trouble = _trouble(world, request, body)
    if trouble:
        world.note_call(path, 401, 401)
        return JSONResponse({"success": False, "code": 401, "message": trouble}, status_code=401)
    found = answer(json.loads(body or b"{}"))
    code = found if isinstance(found, int) else 0
    world.note_call(path, code, 200)
    data = None if code else found
    return JSONResponse({"code": code, "message": "demo" if code else "成功", "data": data})


def _trouble(world: World, request: Request, body: bytes) -> str:
    """What the gateway finds wrong with a call, "" if nothing."""
    given = request.headers
    if given.get("x-tsign-open-app-id") != world.app_id:
        return "无效的应用"
    sent_at = given.get("x-tsign-open-ca-timestamp", "")
    now_ms = int(world.clock().timestamp() * 1000)
    if not sent_at.isdigit() or abs(int(sent_at) - now_ms) > _TOLERANCE_MS:
        return "INVALID_TIMESTAMP"
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    expected = signature(world.app_secret, method=request.method, path=path, body=body)
    signed = given.get("x-tsign-open-ca-signature", "")
    return "" if hmac.compare_digest(signed.encode(), expected.encode()) else "INVALID_SIGNATURE"


def _listed(world: World, asked: Mapping[str, Any]) -> dict[str, Any] | int:
    number, size = asked.get("pageNum", 0), asked.get("pageSize", 0)
    start, end = asked.get("signFlowStartTimeFrom", 0), asked.get("signFlowStartTimeTo", 0)
    if number < 1 or not 1 <= size <= _MAX_PAGE or not 0 <= end - start <= _MAX_RANGE_MS:
        return _WRONG_PARAMETERS
    found = [flow for flow in world.known() if start <= flow.item()["signFlowStartTime"] <= end]
    shown = found[::-1][(number - 1) * size : number * size]
    infos = [world.shown(flow.item(), flow.number) for flow in shown]
    return {"total": len(found), "signFlowInfos": infos}


def _detail(world: World, flow_id: str) -> dict[str, Any] | int:
    flow = next((flow for flow in world.known() if flow.flow_id == flow_id), None)
    return _NO_FLOW if flow is None else world.shown(flow.detail(), flow.number)
