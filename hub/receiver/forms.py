"""Form routes: `POST /forms/{form}`, its start token, `GET /hub.js`.

CORS is no access control (a text/plain post needs no preflight), so the origin is checked here.
The client's address is not looked at and not kept: a live show's viewers share one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from hub.connectors.webform.submission import (
    InvalidSubmissionError,
    Submission,
    UndecodableError,
    is_readable,
    read_submission,
)
from hub.connectors.webform.trap import TrapPolicy, start_token, suspicions
from hub.errors import ConfigError, RefusedError
from hub.model.delivery import Envelope, Via
from hub.receiver.access import Answer
from hub.receiver.body import read_body
from hub.receiver.context import ReceiverContext
from hub.receiver.request_id import id_of
from hub.settings import FormSettings, secrets_from_environment

MAX_BODY_BYTES = 65_536
PREFLIGHT_MAX_AGE_S = 7200  # Chrome caps it here
SCRIPT_MAX_AGE_S = 300
_BURST_S = 5
_THANKS = (
    '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>提交成功</title>'
    '<meta name="viewport" content="width=device-width">'
    '<p role="status">提交成功，我们会尽快与您联系。</p>'
)

# The rest of a body that we refuse to read would be taken for the next request.
_CLOSE = {"Connection": "close"}
_RETRY = {"Retry-After": "1"}
_REFUSAL_HEADERS = {413: _CLOSE, 415: _CLOSE, 429: _RETRY, 503: _RETRY}

log = logging.getLogger(__name__)
_Endpoint = Callable[[Request], Awaitable[Response]]


class TokenBucket:
    """What one asker may do in this process: `rate` a second, `burst` at once (default: five seconds' worth)."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = rate * _BURST_S if burst is None else burst
        self._tokens = self._burst
        self._at: datetime | None = None

    def take(self, now: datetime) -> bool:
        """Whether one more may pass at `now`."""
        if self._at is not None:
            gained = max(0.0, (now - self._at).total_seconds()) * self._rate
            self._tokens = min(self._burst, self._tokens + gained)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True, slots=True)
class _Form:
    """One configured form, ready to take posts."""

    form_id: str
    source_key: str
    origins: frozenset[str]
    honeypot: str
    policy: TrapPolicy
    bucket: TokenBucket


def routes(context: ReceiverContext) -> list[Route]:
    """The routes of all configured forms and of hub.js.

    Raises:
        ConfigError: a form names an environment variable that holds no secret.
    """
    door = _Door(context)
    return [
        Route("/hub.js", script_route(), methods=["GET"]),
        Route(
            "/forms/{form}/token", door.noted(door.token, "/forms/{form}/token"), methods=["GET"]
        ),
        Route(
            "/forms/{form}", door.noted(door.post, "/forms/{form}"), methods=["POST", "OPTIONS"]
        ),
    ]


def script_route() -> _Endpoint:
    """The endpoint that serves hub.js, read once; compressed for those who take it."""
    script = files("hub.receiver").joinpath("static/hub.js").read_bytes()
    packed = gzip.compress(script, mtime=0)
    etag = f'W/"{hashlib.sha256(script).hexdigest()[:16]}"'  # weak: two encodings share it
    headers = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={SCRIPT_MAX_AGE_S}",
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",  # a public file; for <script crossorigin integrity>
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }

    async def serve(request: Request) -> Response:
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            encoded = headers | {"Content-Encoding": "gzip"}
            return Response(packed, headers=encoded, media_type="text/javascript")
        return Response(script, headers=headers, media_type="text/javascript")

    return serve


class _Door:
    """The endpoints, with what they share."""

    def __init__(self, context: ReceiverContext) -> None:
        self._context = context
        fallback = context.keyring.synthetic_id("form start token").encode()
        self._forms = {
            form_id: _prepare(form_id, form, fallback)
            for form_id, form in context.settings.forms.items()
        }

    def noted(self, endpoint: _Endpoint, route: str) -> _Endpoint:
        """`endpoint` with refusals as JSON, CORS headers on every answer, and a log line."""

        async def wrapped(request: Request) -> Response:
            started = self._context.access.start()
            form = self._forms.get(request.path_params["form"])
            reason = ""
            try:
                reply = await endpoint(request)
            except RefusedError as refusal:
                reason, reply = refusal.reason, _refusal(refusal)
            except Exception as error:  # noqa: BLE001 -- a bug must be answered so that the page tries again
                log.error("%s: %s", route, type(error).__name__)  # noqa: TRY400 -- a traceback could show the body
                reason, reply = "internal", _refusal(RefusedError("internal", status=500))
            reply.headers.update(_cors(request, form))
            source = form.source_key if form else None
            answer = Answer(request.method, route, source, reply.status_code, reason)
            self._context.access.answered(answer, started)
            return reply

        return wrapped

    async def token(self, request: Request) -> Response:
        """A signed start time, and how long a person needs at least."""
        form = self._form(request)
        _check_origin(request, form)
        text, signature = start_token(form.policy, self._context.clock())
        body = {
            "t": text,
            "sig": signature,
            "min_fill_s": form.policy.min_fill_s,
            "max_age_s": form.policy.max_age_s,
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def post(self, request: Request) -> Response:
        """Take one submission: 202 and its id, 200 and the same id for one that we have."""
        form = self._form(request)
        trust = _check_origin(request, form)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        if not form.bucket.take(self._context.clock()):
            raise RefusedError("rate_limited", status=429)
        envelope, key = await self._envelope(request, form, trust)
        own = id_of(request.scope)
        delivery_id = await self._context.take(
            form.source_key, envelope, key, Via.FORM, delivery_id=own
        )
        return _taken(request, delivery_id, known=delivery_id != own)

    def _form(self, request: Request) -> _Form:
        form = self._forms.get(request.path_params["form"])
        if form is None:
            raise RefusedError("unknown_form", status=404)
        return form

    async def _envelope(
        self, request: Request, form: _Form, trust: str
    ) -> tuple[Envelope, str | None]:
        """What to store, and the submission id if the page gave one.

        Raises:
            RefusedError: too long, or not shaped like a submission.
        """
        content_type = request.headers.get("content-type", "")
        if not is_readable(content_type):
            raise RefusedError("unsupported_content_type", status=415)
        body = await read_body(request.receive, request.headers, MAX_BODY_BYTES)
        found = _read(body, content_type, form.honeypot)
        signals = suspicions(found.trap, form.policy, self._context.clock()) if found else ()
        context = {
            "form": form.form_id,
            "honeypot": form.honeypot,  # as it was then: a later change of settings reads it alike
            "origin": request.headers.get("origin", ""),
            "trust": trust,
            "suspect": ",".join(signals),
        }
        key = found.submission_id if found else None
        if key is None:
            context["submission_id"] = str(uuid4())
        context = {name: value for name, value in context.items() if value}
        return Envelope("form", body, content_type=content_type, context=context), key


def _read(body: bytes, content_type: str, honeypot: str) -> Submission | None:
    """The submission; None if its bytes are no text: then it is stored as it is, and held.

    Raises:
        RefusedError: it is no submission.
    """
    try:
        return read_submission(body, content_type, honeypot)
    except UndecodableError:
        return None
    except InvalidSubmissionError as error:
        raise _InvalidError(error.fields) from error


class _InvalidError(RefusedError):
    """400, with a reason for each field that is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("invalid", status=400)
        self.fields = fields


def _prepare(form_id: str, form: FormSettings, fallback: bytes) -> _Form:
    secrets: Sequence[bytes] = secrets_from_environment(form.token_secret_env)
    if form.token_secret_env and not secrets:
        raise ConfigError(
            f"form {form_id}: environment variable {form.token_secret_env} holds no secret; "
            "set it, or leave token_secret_env out"
        )
    policy = TrapPolicy(
        form_id=form_id,
        secrets=secrets or (fallback,),
        min_fill_s=form.min_fill_s,
        max_age_s=form.token_max_age_s,
        require_token=form.require_token,
    )
    return _Form(
        form_id=form_id,
        source_key=f"form-{form_id}",
        origins=frozenset(origin.rstrip("/").lower() for origin in form.origins),
        honeypot=form.honeypot,
        policy=policy,
        bucket=TokenBucket(form.max_per_s),
    )


_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": str(PREFLIGHT_MAX_AGE_S),
}


def _cors(request: Request, form: _Form | None) -> dict[str, str]:
    origin = request.headers.get("origin", "")
    headers = {"Vary": "Origin", "X-Content-Type-Options": "nosniff"}
    if form and (origin == "null" or origin.lower() in form.origins):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Retry-After"
    return headers


def _check_origin(request: Request, form: _Form) -> str:
    """Empty for an origin on the list, else why there is less trust.

    In-app browsers and pages opened as files send no origin, or `null`.

    Raises:
        RefusedError: an origin that is not on the form's list.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return "no_origin"
    if origin == "null":
        return "null_origin"
    if origin.lower() not in form.origins:
        raise RefusedError("origin_not_allowed", status=403)
    return ""


def _refusal(refusal: RefusedError) -> Response:
    body: dict[str, object] = {"error": refusal.reason}
    if isinstance(refusal, _InvalidError):
        body["fields"] = dict(refusal.fields)
    return JSONResponse(body, refusal.status, _REFUSAL_HEADERS.get(refusal.status))


def _taken(request: Request, delivery_id: UUID, *, known: bool) -> Response:
    status = 200 if known else 202
    if "text/html" in request.headers.get("accept", ""):  # a plain form: the browser shows this
        return HTMLResponse(_THANKS, status)
    return Response(json.dumps({"id": str(delivery_id)}), status, media_type="application/json")
