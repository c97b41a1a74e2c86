"""`/alerts/{id}/{token}`: the page of one alert, with the button that acknowledges it.

Looking never acknowledges: link scanners look and press no buttons. The token stands in the path, so no referrer
leaves the page and the access log has the route only.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hub.alerts.kinds import KINDS
from hub.database.engine import make_engine
from hub.errors import HubError, RefusedError, TransientError
from hub.model.calendar import SHANGHAI
from hub.receiver.access import Answer
from hub.receiver.body import headers_of, read_body
from hub.receiver.context import ReceiverContext
from hub.steps.alerting.acknowledge import (
    LINK,
    Shown,
    acknowledge_by_link,
    is_ack_token,
    shown_alert,
)

ROUTE = "/alerts/{id}/{token}"
_LONGEST_BODY = 1024
_LONGEST_ID = 18
_PATIENCE_S = 8.0
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.2rem}dt{color:#666;float:left;width:7em}dd{margin:0 0 .3rem 7em;overflow-wrap:anywhere}"
    "code{background:#f3f3f3;padding:.1rem .3rem}button{font-size:1.1rem;padding:.6rem 1.4rem}"
    "input{font-size:1rem;padding:.5rem;margin-right:.5rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "critical": "严重", "warning": "警告", "info": "提示", "what": "发生了什么", "since": "开始",
        "last": "最近", "count": "次数", "run": "处理命令", "state": "状态", "open": "待确认",
        "taken": "已确认", "over": "已解除", "by": "确认人", "name": "姓名（可不填）",
        "press": "确认收到，我来处理", "link": "链接", "missing": "没有这条告警，或链接已失效。",
        "away": "数据库暂时连不上，确认没有写入。请稍后再按一次，或运行 hub doctor。",
        "failed": "没有成功，请稍后再试。", "foreign": "请在本页上按按钮确认。", "alert": "告警",
    },
    "en": {
        "critical": "critical", "warning": "warning", "info": "info", "what": "What happened",
        "since": "Since", "last": "Last", "count": "How often", "run": "What to run",
        "state": "State", "open": "waits for somebody", "taken": "acknowledged", "over": "over",
        "by": "By", "name": "Name (may be left out)", "press": "Acknowledge: I take it",
        "link": "link", "missing": "There is no such alert, or the link has expired.",
        "away": "The database does not answer; nothing was acknowledged. Press again later, or run hub doctor.",
        "failed": "That did not work; try again later.", "alert": "Alert",
        "foreign": "Acknowledge with the button on this page.",
    },
}  # fmt: skip


def routes(context: ReceiverContext, url: str) -> list[Route]:
    """The page. `url` is the store's; a connection is opened when somebody comes."""
    desk = _Desk(context, url)
    return [Route(ROUTE, desk.answer, methods=["GET", "POST"])]


class _Desk:
    def __init__(self, context: ReceiverContext, url: str) -> None:
        self._context = context
        self._url = url
        language = context.settings.alerts.language
        self._language = language
        self._words = _WORDS[language]

    async def answer(self, request: Request) -> Response:
        """The page of an alert, after its acknowledgement if this is the button's request."""
        started = self._context.access.start()
        reason = ""
        try:
            reply = self._page(await self._shown(request), request.url.path)
        except HubError as error:
            refusal = _refusal(error)
            reason = refusal.reason
            reply = self._message(self._words[_SAYS.get(reason, "failed")], refusal.status)
        answer = Answer(request.method, ROUTE, None, reply.status_code, reason)
        self._context.access.answered(answer, started)
        return reply

    async def _shown(self, request: Request) -> Shown:
        """What is so now.

        Raises:
            RefusedError: 404 no such alert or not its token, 403 pressed on another page, 413 too long.
            TransientError: the database is away.
        """
        number, token = request.path_params["id"], request.path_params["token"]
        is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_ID
        if not is_number or not is_ack_token(self._context.keyring, int(number), token):
            raise RefusedError("unknown", status=404)
        now = self._context.clock()
        if request.method == "POST":
            self._require_own_page(request)
            body = await read_body(request.receive, headers_of(request.scope), _LONGEST_BODY)
            name = parse_qs(body.decode("utf-8", "replace")).get("name", [""])[0]
            found = await self._ask(
                lambda engine: acknowledge_by_link(engine, int(number), name, now)
            )
        else:
            found = await self._ask(lambda engine: shown_alert(engine, int(number), now))
        if found is None:
            raise RefusedError("unknown", status=404)
        return found

    async def _ask(self, question: Callable[[sa.Engine], Shown | None]) -> Shown | None:
        engine = make_engine(self._url, pool_size=1, application="hub acknowledge")

        def asked() -> Shown | None:
            try:
                return question(engine)
            finally:
                engine.dispose()

        try:
            return await asyncio.wait_for(asyncio.to_thread(asked), _PATIENCE_S)
        except TimeoutError:
            raise TransientError("the database does not answer") from None

    def _require_own_page(self, request: Request) -> None:
        """Refuse a button on somebody else's page. Without a referrer browsers call our own page `null`."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin", "null")
        own = {request.headers.get("host", ""), urlsplit(self._context.settings.public_url).netloc}
        is_own = origin == "null" or urlsplit(origin).netloc in own
        if site not in ("same-origin", "none") or not is_own:
            raise RefusedError("foreign", status=403)

    def _page(self, shown: Shown, path: str) -> Response:
        say = self._words
        state = "over" if shown.closed_at else "taken" if shown.acknowledged_at else "open"
        said = shown.said(self._language)
        facts = [
            ("what", html.escape(said.summary)),
            ("since", _when(shown.first_at)),
            ("last", _when(shown.last_at)),
            ("count", str(shown.count)),
            ("run", f"<code>{html.escape(said.action)}</code>"),
            ("state", f"<strong>{say[state]}</strong>"),
        ]
        if shown.acknowledged_at:
            by = shown.acknowledged_by or LINK
            named = say["link"] if by == LINK else html.escape(by)
            facts.append(("by", f"{named} · {_when(shown.acknowledged_at)}"))
        listed = "".join(f"<dt>{say[name]}</dt><dd>{value}</dd>" for name, value in facts)
        form = (
            f'<form method="post" action="{html.escape(path)}">'
            f'<input name="name" maxlength="40" autocomplete="name" aria-label="{say["name"]}"'
            f' placeholder="{say["name"]}"><button type="submit">{say["press"]}</button></form>'
        )
        kind = KINDS.get(shown.kind)
        title = (
            (kind.title_zh if self._language == "zh" else kind.title_en) if kind else shown.kind
        )
        head = f"【{say[shown.severity]}】{html.escape(title)}"
        return self._html(head, f"<dl>{listed}</dl>{form if state == 'open' else ''}", 200)

    def _message(self, text: str, status: int) -> Response:
        return self._html(self._words["alert"], f'<p role="status">{text}</p>', status)

    def _html(self, head: str, body: str, status: int) -> Response:
        language = "zh-CN" if self._language == "zh" else "en"
        page = (
            f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{head}</title>'
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
            f"<h1>{head}</h1>{body}</html>"
        )
        return HTMLResponse(page, status, {**_HEADERS, **_RETRY.get(status, {})})


_RETRY: Mapping[int, Mapping[str, str]] = {
    503: {"Retry-After": "5"},
    413: {"Connection": "close"},
}
_SAYS = {"unknown": "missing", "try_again": "away", "foreign": "foreign"}


def _refusal(error: HubError) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, TransientError):
        return RefusedError("try_again", status=503)
    return RefusedError("failed", status=500)


def _when(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
