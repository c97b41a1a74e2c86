"""The simulated platform's addresses, as its documents give them: HTTP 200 and a business code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from hub.connectors.douyin.local import MAX_ACCOUNTS as LIFE_MAX_ACCOUNTS
from hub.connectors.douyin.local import MAX_PAGE_SIZE as LIFE_MAX_PAGE_SIZE
from hub.connectors.douyin.local import PATH as LIFE_PATH
from hub.connectors.douyin.oauth import ACCOUNTS_PATH, CONSENT_PATH, REFRESH_PATH, TOKEN_PATH
from hub.connectors.douyin.pull import PATH as CLUE_PATH
from hub.connectors.douyin.simulator.behaviour import Trouble
from hub.connectors.douyin.simulator.laike_routes import laike_routes
from hub.connectors.douyin.simulator.queries import accounts_in, document_in, instant_in, whole_in
from hub.connectors.douyin.simulator.world import Pair, Shown, World
from hub.connectors.douyin.star import PATH as STAR_PATH

_STAR_PAGE_MAX = 50
_LIFE_NAMES = ("page_number", "page_size", "total", "page_total")
_MAX_ACCOUNTS = 100
_DAY = 10  # characters of a date without a time


def build_app(world: World) -> Starlette:
    """The platform as an ASGI application."""
    platform = _Platform(world)
    return Starlette(
        routes=[
            Route(CONSENT_PATH, platform.consent, methods=["GET"]),
            Route(TOKEN_PATH, platform.access_token, methods=["POST"]),
            Route(REFRESH_PATH, platform.refresh_token, methods=["POST"]),
            Route(ACCOUNTS_PATH, platform.accounts, methods=["GET"]),
            Route(CLUE_PATH, platform.clues, methods=["GET"]),
            Route(LIFE_PATH, platform.life_clues, methods=["POST"]),
            Route(STAR_PATH, platform.star_clues, methods=["GET"]),
            *laike_routes(world),
        ]
    )


class _Platform:
    def __init__(self, world: World) -> None:
        self._world = world

    async def consent(self, request: Request) -> Response:
        """A person who says yes at once: back to the caller with a code."""
        query = request.query_params
        if query.get("app_id") != self._world.app_id or "redirect_uri" not in query:
            return PlainTextResponse("unknown application", status_code=400)
        back = {"auth_code": self._world.new_code(), "state": query.get("state", "")}
        joined = "&" if "?" in query["redirect_uri"] else "?"
        return RedirectResponse(query["redirect_uri"] + joined + urlencode(back), status_code=302)

    async def access_token(self, request: Request) -> Response:
        """Tokens for a code."""
        return await self._grant(request, "auth_code", self._world.use_code)

    async def refresh_token(self, request: Request) -> Response:
        """A new pair for a refresh token."""
        return await self._grant(request, "refresh_token", self._world.use_refresh)

    async def _grant(
        self, request: Request, name: str, use: Callable[[str], Pair | Trouble]
    ) -> Response:
        try:
            asked = await request.json()
        except ValueError:
            return self._answer(request, Trouble(40000))
        if not isinstance(asked, dict):
            return self._answer(request, Trouble(40000))
        found = self._world.check_call(request.url.path, ()) or self._known(asked)
        granted = found or use(str(asked.get(name, "")))
        if isinstance(granted, Trouble):
            return self._answer(request, granted)
        behaviour = self._world.behaviour
        data = {
            "access_token": granted.access,
            "expires_in": behaviour.access_lifetime_s,
            "refresh_token": granted.refresh,
            "refresh_token_expires_in": behaviour.refresh_lifetime_s,
            "advertiser_ids": [int(self._world.advertiser_id)],
        }
        return self._answer(request, None, data)

    def _known(self, asked: Mapping[str, Any]) -> Trouble | None:
        if str(asked.get("app_id")) != self._world.app_id:
            return Trouble(40113)
        return None if asked.get("secret") == self._world.app_secret else Trouble(40002)

    async def accounts(self, request: Request) -> Response:
        """The accounts of the grant."""
        trouble = self._refusal(request, ())
        listed = [
            {
                "advertiser_id": int(self._world.advertiser_id),
                "advertiser_name": "演示客户",
                "account_role": "ADVERTISER",
            },
            {
                "advertiser_id": int(self._world.star_id),
                "advertiser_name": "演示星图",
                "account_role": "PLATFORM_ROLE_STAR",
            },
        ]
        return self._answer(request, trouble, {"list": listed})

    async def clues(self, request: Request) -> Response:
        """Route A."""
        query = request.query_params
        accounts = _ids_in(query.get("advertiser_ids", ""))
        start, end = instant_in(query.get("start_time", "")), instant_in(query.get("end_time", ""))
        if not accounts or len(accounts) > _MAX_ACCOUNTS or start is None or end is None:
            return self._answer(request, Trouble(40000))
        trouble = self._refusal(request, accounts)
        if trouble is None and any(found != self._world.advertiser_id for found in accounts):
            trouble = Trouble(40002)
        if trouble is not None:
            return self._answer(request, trouble)
        if len(query["end_time"]) == _DAY:
            end += timedelta(days=1, seconds=-1)
        listed = self._world.list_clues(accounts, start, end)
        return self._page(request, query, listed, self._world.behaviour.max_page_size)

    async def star_clues(self, request: Request) -> Response:
        """Route C."""
        star_id = request.query_params.get("star_id", "")
        trouble = self._refusal(request, (star_id,))
        if trouble is None and star_id != self._world.star_id:
            trouble = Trouble(40002)
        if trouble is not None:
            return self._answer(request, trouble)
        listed = self._world.list_star_clues(star_id)
        return self._page(request, request.query_params, listed, _STAR_PAGE_MAX)

    def _refusal(self, request: Request, accounts: Sequence[str]) -> Trouble | None:
        token = request.headers.get("access-token", "")
        return self._world.check_access(token) or self._world.check_call(
            request.url.path, accounts
        )

    async def life_clues(self, request: Request) -> Response:
        """Route B."""
        asked = await document_in(request)
        accounts = accounts_in(asked.get("local_account_ids"))
        start, end = instant_in(asked.get("start_time")), instant_in(asked.get("end_time"))
        if not accounts or len(accounts) > LIFE_MAX_ACCOUNTS or start is None or end is None:
            return self._answer(request, Trouble(40000))
        trouble = self._refusal(request, accounts)
        local = self._world.local
        if trouble is None and any(found != local.local_account_id for found in accounts):
            trouble = Trouble(40002)
        if trouble is not None:
            return self._answer(request, trouble)
        listed = local.list_life_clues(accounts, start, end)
        return self._page(request, asked, listed, LIFE_MAX_PAGE_SIZE, names=_LIFE_NAMES)

    def _page(
        self,
        request: Request,
        asked: Mapping[str, Any],
        listed: Sequence[Shown],
        max_page_size: int,
        names: Sequence[str] = ("page", "page_size", "total_number", "total_page"),
    ) -> Response:
        page = whole_in(asked.get("page", "1"))
        size = whole_in(asked.get("page_size", "10"))
        if page is None or size is None or size > max_page_size:
            return self._answer(request, Trouble(40000))
        info = dict(zip(names, (page, size, len(listed), -(-len(listed) // size)), strict=True))
        shown = listed[(page - 1) * size : page * size]
        return self._answer(
            request, None, {"page_info": info, "list": [self._world.show(lead) for lead in shown]}
        )

    def _answer(
        self, request: Request, trouble: Trouble | None, data: Mapping[str, Any] | None = None
    ) -> Response:
        code = trouble.code if trouble else 0
        number = self._world.note_call(request.url.path, dict(request.query_params), code)
        document = {
            "code": code,
            "message": "OK" if code == 0 else "demo error",
            "request_id": f"demo-{self._world.seed}-{number}",
            "data": {} if trouble else data,
        }
        return JSONResponse(document, headers=dict(trouble.headers) if trouble else None)


def _ids_in(text: str) -> list[str]:
    """The ids of a JSON array in the query, none if it is no such thing."""
    try:
        return accounts_in(json.loads(text))
    except ValueError:
        return []
