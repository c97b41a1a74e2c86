"""The gateway on a port of this machine: checks the signature of every call, answers as documented."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.connectors.local_server import LocalServer
from hub.connectors.meituan.signing import SIGN_FIELD, Profile, sign
from hub.connectors.meituan.simulator.world import Call, Clock, SimulatedLead, World, utc_now
from hub.connectors.simulation import BaseSimulator


class Simulator(BaseSimulator):
    """Meituan on 127.0.0.1. `with Simulator(seed=1) as simulator:` or `start` and `stop`.

    `world` is its state; `url` its address. The caller's threads may use both while it answers.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        port: int = 0,
        clock: Clock = utc_now,
        profile: Profile = Profile.MTOP,
    ) -> None:
        self.world = World(seed, clock=clock, profile=profile)
        super().__init__(LocalServer(build_app(self.world), port=port))

    @property
    def clues(self) -> list[SimulatedLead]:
        """Every lead that exists on the platform."""
        return self.world.clues

    @property
    def calls(self) -> list[Call]:
        """The calls so far, the last ten thousand of them."""
        return list(self.world.calls)

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that talks to it; the secret is `world.app_secret`, in `secret_env`."""
        return {
            "profile": str(self.world.profile),
            "app_id": self.world.app_id,
            "secret_env": secret_env,
            "api_base": self.url,
        }


def build_app(world: World) -> Starlette:
    """The platform as an ASGI application: one answer for every path."""

    async def answer(request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        status, code = world.next_fault() or (200, _code_of(world, fields))
        world.note_call(request.url.path, fields, code)
        return JSONResponse(_wrapped(world, code), status_code=status)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])


def _code_of(world: World, fields: dict[str, str]) -> str:
    """Success, or an invented code: those of the real platform are not documented."""
    is_mtop = world.profile is Profile.MTOP
    if fields.get(SIGN_FIELD) != sign(world.profile, fields, world.app_secret):
        return "DEMO_WRONG_SIGN" if is_mtop else "901"
    if fields.get("appAuthToken" if is_mtop else "session") != world.token:
        return "DEMO_NO_GRANT" if is_mtop else "902"
    return "OP_SUCCESS" if is_mtop else "200"


def _wrapped(world: World, code: str) -> dict[str, Any]:
    if world.profile is Profile.MTOP:
        return {"code": code, "msg": "demo", "data": {}, "traceId": "-100000001"}
    return {"code": int(code) if code.isdigit() else 0, "msg": "demo"}
