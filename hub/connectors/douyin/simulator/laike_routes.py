"""The simulated gateway of 来客: HTTP 200 and two codes in each answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.connectors.douyin.laike import PATH as LAIKE_PATH
from hub.connectors.douyin.laike_gateway import TOKEN_PATH
from hub.connectors.douyin.phones import ASK_SIZE, DECRYPT_PATH, MASK_PATH
from hub.connectors.douyin.simulator.behaviour import Trouble
from hub.connectors.douyin.simulator.people import SHANGHAI
from hub.connectors.douyin.simulator.queries import document_in, instant_in, whole_in
from hub.connectors.douyin.simulator.world import World

_BAD_PARAMETER, _NO_PERMISSION = 2100005, 2190004
_LAG, _SPAN = timedelta(minutes=10), timedelta(days=365)
_EARLIEST = datetime(2022, 9, 1, tzinfo=SHANGHAI)
_MAX_PAGE_SIZE = 100


def laike_routes(world: World) -> list[Route]:
    """The addresses of the gateway."""
    gateway = _Gateway(world)
    return [
        Route(TOKEN_PATH, gateway.client_token, methods=["POST"]),
        Route(LAIKE_PATH, gateway.clues, methods=["GET"]),
        Route(DECRYPT_PATH, gateway.decrypt, methods=["POST"]),
        Route(MASK_PATH, gateway.decrypt, methods=["POST"]),
    ]


class _Gateway:
    def __init__(self, world: World) -> None:
        self._world = world

    async def client_token(self, request: Request) -> Response:
        """A client token for key and secret."""
        asked = await document_in(request)
        found = self._world.check_call(request.url.path, ())
        if found is None and asked.get("grant_type") != "client_credential":
            found = Trouble(_BAD_PARAMETER)
        local = self._world.local
        issued = found or local.issue(asked.get("client_key"), asked.get("client_secret"))
        if isinstance(issued, Trouble):
            return self._answer(request, issued)
        lifetime_s = self._world.behaviour.client_lifetime_s
        return self._answer(request, None, {"access_token": issued, "expires_in": lifetime_s})

    async def clues(self, request: Request) -> Response:
        """Route D."""
        query = request.query_params
        trouble = self._refusal(request)
        if trouble is None and query.get("account_id") != self._world.local.laike_account_id:
            trouble = Trouble(_NO_PERMISSION)
        window = self._window(query)
        page = whole_in(query.get("page", "1"))
        size = whole_in(query.get("page_size", "10"))
        if trouble is None and (window is None or not page or not size or size > _MAX_PAGE_SIZE):
            trouble = Trouble(_BAD_PARAMETER)
        if trouble is not None or window is None or page is None or size is None:
            return self._answer(request, trouble)
        counted = self._world.local.list_laike_clues(query["account_id"], *window)
        listed = counted[: self._world.behaviour.laike_cap]
        info = {
            "page_number": page,
            "page_size": size,
            "page_total": -(-len(listed) // size),
            "total": len(counted),
        }
        shown = [self._world.show(clue) for clue in listed[(page - 1) * size : page * size]]
        return self._answer(request, None, {"clue_data": shown, "page": info})

    async def decrypt(self, request: Request) -> Response:
        """Whole numbers or masked ones, by the address."""
        asked = await document_in(request)
        texts = asked.get("cipher_texts")
        trouble = self._refusal(request)
        is_list = isinstance(texts, list) and 0 < len(texts) <= ASK_SIZE
        if trouble is None and (not is_list or not asked.get("account_id")):
            trouble = Trouble(_BAD_PARAMETER)
        if trouble is not None or not isinstance(texts, list):
            return self._answer(request, trouble)
        results = self._world.local.decrypt(texts, mask=request.url.path == MASK_PATH)
        return self._answer(request, None, {"results": results})

    def _refusal(self, request: Request) -> Trouble | None:
        local = self._world.local
        return (
            local.check_token(request.headers.get("access-token", ""))
            or local.check_pace()
            or self._world.check_call(request.url.path, ())
        )

    def _window(self, query: Mapping[str, str]) -> tuple[datetime, datetime] | None:
        """The window that was asked for, None if it is none that the platform takes."""
        start, end = instant_in(query.get("start_time", "")), instant_in(query.get("end_time", ""))
        if start is None or end is None:
            return None
        is_taken = _EARLIEST <= start <= end <= self._world.clock() - _LAG and end - start <= _SPAN
        return (start, end) if is_taken else None

    def _answer(
        self, request: Request, trouble: Trouble | None, data: Mapping[str, Any] | None = None
    ) -> Response:
        code = trouble.code if trouble else 0
        number = self._world.note_call(request.url.path, dict(request.query_params), code)
        where = self._world.behaviour.laike_code_in
        said = trouble.said if trouble else ""
        document = {
            "data": {**(data or {}), **_status(code, said, shows=where != "extra")},
            "extra": {
                **_status(code, said, shows=where != "data"),
                "sub_description": "",
                "logid": f"demo-{self._world.seed}-{number}",
                "now": int(self._world.clock().timestamp()),
            },
        }
        return JSONResponse(document)


def _status(code: int, said: str, *, shows: bool) -> dict[str, Any]:
    return (
        {"error_code": code, "description": said}
        if shows
        else {"error_code": 0, "description": ""}
    )
