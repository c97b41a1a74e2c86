"""The simulated corp's API on a port of this machine: HTTP 200 and an `errcode`, as its documents say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.connectors.local_server import LocalServer
from hub.connectors.simulation import BaseSimulator
from hub.connectors.wecom.simulator.people import CHANNELS, SimulatedRelation
from hub.connectors.wecom.simulator.world import TOKEN_LIFETIME_S, Call, Clock, World, utc_now

_BASE = "/cgi-bin/"
_LINK = "cawDEMO"
_MAX_MEMBERS, _MAX_PAGE, _FOLLOWERS = 100, 100, 2  # followers a page: the real one has 500

Body = dict[str, Any]
Answerer = Callable[[World, Mapping[str, Any]], Body | int]


class Simulator(BaseSimulator):
    """A corp on 127.0.0.1. `with Simulator(seed=1) as simulator:` or `start` and `stop`.

    `world` is its state; `url` its address. The caller's threads may use both while it answers.
    """

    def __init__(self, seed: int = 1, *, port: int = 0, clock: Clock = utc_now) -> None:
        self.world = World(seed, clock=clock)
        super().__init__(LocalServer(build_app(self.world), port=port))

    @property
    def clues(self) -> list[SimulatedRelation]:
        """Every relation of a member and a customer."""
        return self.world.clues

    @property
    def calls(self) -> list[Call]:
        """The calls so far, the last ten thousand of them."""
        return list(self.world.calls)

    def options(self, secret_env: str) -> dict[str, Any]:
        """`options:` of a source that talks to it; see `environment` for its secrets."""
        return {
            "corp_id": self.world.corp_id,
            "secret_env": secret_env,
            "aes_key_env": _aes_key_env(secret_env),
            "api_base": self.url,
        }

    def environment(self, secret_env: str) -> dict[str, str]:
        """The variables that `options` names; the Token of the callback is the Secret, too."""
        return {
            secret_env: self.world.app_secret,
            _aes_key_env(secret_env): self.world.aes_key_text,
        }


def _aes_key_env(secret_env: str) -> str:
    return secret_env.removesuffix("SECRET") + "AES_KEY"


def build_app(world: World) -> Starlette:
    """The corp's API as an ASGI application."""
    routes = [
        Route(_BASE + path, _endpoint(world, path, answer), methods=["GET", "POST"])
        for path, answer in _CALLS.items()
    ]
    return Starlette(routes=routes)


def _endpoint(world: World, path: str, answer: Answerer) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        code = world.planned_fault(path)
        if not code and path != "gettoken":
            code = world.token_trouble(request.query_params.get("access_token", ""))
        found: Body | int = code or answer(world, await _asked(request))
        code = found if isinstance(found, int) else 0
        world.note_call(path, code)
        # An error may still carry empty lists, and words that name somebody.
        body = {"follow_user": []} if isinstance(found, int) else found
        return JSONResponse({"errcode": code, "errmsg": "ok" if not code else "demo 张三", **body})

    return endpoint


async def _asked(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(await request.body() or b"{}")
    except ValueError:
        document = {}
    return {**request.query_params, **(document if isinstance(document, dict) else {})}


def _token(world: World, asked: Mapping[str, Any]) -> Body | int:
    if asked.get("corpid") != world.corp_id:
        return 40013
    token = world.issue_token(str(asked.get("corpsecret", "")))
    return 40001 if token is None else {"access_token": token, "expires_in": TOKEN_LIFETIME_S}


def _members(world: World, asked: Mapping[str, Any]) -> Body | int:
    return {"follow_user": list(world.members)}


def _contact(world: World, asked: Mapping[str, Any]) -> Body | int:
    customer = str(asked.get("external_userid", ""))
    if not customer.startswith(("wm", "wo")):
        return 40096
    found = world.followers(customer)
    if not found:
        return 84061
    start = int(asked.get("cursor") or 0)
    shown = found[start : start + _FOLLOWERS]
    on = start + len(shown)
    return {
        "external_contact": world.shown(found[0].contact(), found[0].number),
        "follow_user": [world.shown(one.followed(), one.number) for one in shown],
        "next_cursor": str(on) if on < len(found) else "",
    }


def _batch(world: World, asked: Mapping[str, Any]) -> Body | int:
    members, limit = asked.get("userid_list"), asked.get("limit", 50)
    if not isinstance(members, list) or not 1 <= len(members) <= _MAX_MEMBERS:
        return 40058
    if not isinstance(limit, int) or not 1 <= limit <= _MAX_PAGE:
        return 40058
    found = world.customers_of(members)
    start = int(asked.get("cursor") or 0)
    shown = found[start : start + limit]
    on = start + len(shown)
    return {
        "external_contact_list": [_listed(world, one) for one in shown],
        "next_cursor": str(on) if on < len(found) else "",
        "fail_info": {"unlicensed_userid_list": []},
    }


def _listed(world: World, one: SimulatedRelation) -> Body:
    followed = one.followed()
    tags = followed.pop("tags")
    follow_info = {**followed, "tag_id": [tag["tag_id"] for tag in tags]}
    return {
        "external_contact": world.shown(one.contact(), one.number),
        "follow_info": world.shown(follow_info, one.number),
    }


def _links(world: World, asked: Mapping[str, Any]) -> Body | int:
    return {"link_id_list": [_LINK], "next_cursor": ""}


def _link_customers(world: World, asked: Mapping[str, Any]) -> Body | int:
    if asked.get("link_id") != _LINK:
        return 40058
    found = [one for one in world.customers_of(world.members) if one.state == CHANNELS[0]]
    start = int(asked.get("cursor") or 0)
    shown = found[start : start + int(asked.get("limit", 100))]
    on = start + len(shown)
    return {
        "customer_list": [
            {
                "external_userid": one.external_userid,
                "userid": one.userid,
                "chat_status": one.number % 3,
                "state": one.state,
            }
            for one in shown
        ],
        "next_cursor": str(on) if on < len(found) else "",
    }


def _quota(world: World, asked: Mapping[str, Any]) -> Body | int:
    return {"total": 1000, "balance": max(0, 1000 - len(world.clues)), "quota_list": []}


def _way(world: World, asked: Mapping[str, Any]) -> Body | int:
    if len(str(asked.get("state", ""))) > 30:
        return 40058
    return {"config_id": "demo-config", "qr_code": "https://example.invalid/qr"}


_CALLS: Mapping[str, Answerer] = {
    "gettoken": _token,
    "externalcontact/get_follow_user_list": _members,
    "externalcontact/get": _contact,
    "externalcontact/batch/get_by_user": _batch,
    "externalcontact/customer_acquisition/list_link": _links,
    "externalcontact/customer_acquisition/customer": _link_customers,
    "externalcontact/customer_acquisition_quota": _quota,
    "externalcontact/add_contact_way": _way,
}
