"""`POST /oauth/token/{source}`: a platform that wants a token before it pushes fetches one from us.

OAuth2 client credentials (RFC 6749 §4.4): id and secret in the form or as Basic authentication. The
token is made of them and stored nowhere; scheme `bearer_issued` accepts it for `signature.max_age_s`.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.connectors.http_auth import basic_credentials, issued_token, matches_any
from hub.errors import RefusedError
from hub.receiver.access import Answer
from hub.receiver.body import headers_of, read_body
from hub.receiver.context import ReceiverContext
from hub.receiver.forms import TokenBucket
from hub.settings import secrets_from_environment

ROUTE = "/oauth/token/{source}"
_LONGEST_BODY = 4096
_PER_SECOND = 1.0
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def routes(context: ReceiverContext) -> list[Route]:
    """The token route; only sources with scheme `bearer_issued` have one."""
    door = _Door(context)
    return [Route(ROUTE, door.answer, methods=["POST"])]


class _Door:
    """Answers requests for tokens; a source gives one a second, five at once."""

    def __init__(self, context: ReceiverContext) -> None:
        self._context = context
        self._buckets = {
            key: TokenBucket(_PER_SECOND)
            for key, source in context.sources.items()
            if source.signature.scheme == "bearer_issued"
        }

    async def answer(self, request: Request) -> Response:
        """A token, or why not in the words of RFC 6749 §5.2."""
        started = self._context.access.start()
        key = request.path_params["source"]
        known = key if key in self._buckets else None
        reason = ""
        try:
            reply: Response = JSONResponse(await self._issue(known, request), headers=_NO_STORE)
        except RefusedError as error:
            reason = error.reason
            reply = JSONResponse({"error": reason}, error.status, headers=_NO_STORE)
        self._context.access.answered(
            Answer("POST", ROUTE, known, reply.status_code, reason), started
        )
        return reply

    async def _issue(self, key: str | None, request: Request) -> dict[str, object]:
        if key is None:
            raise RefusedError("unknown_source", status=404)
        if not self._buckets[key].take(self._context.clock()):
            raise RefusedError("slow_down", status=429)
        body = await read_body(request.receive, headers_of(request.scope), _LONGEST_BODY)
        form = _form(body)
        if form.get("grant_type", "client_credentials") != "client_credentials":
            raise RefusedError("unsupported_grant_type", status=400)
        signature = self._context.sources[key].signature
        given = _given(request, form)
        secrets = secrets_from_environment(signature.secret_env)
        if not matches_any(given, secrets):
            raise RefusedError("invalid_client", status=401)
        lifetime = timedelta(seconds=signature.max_age_s)
        token = issued_token(given, expires_at=self._context.clock() + lifetime)
        return {"access_token": token, "token_type": "Bearer", "expires_in": signature.max_age_s}


def _form(body: bytes) -> dict[str, str]:
    """The form's fields; a request may have none and be authenticated by its header."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=20)
    except ValueError:
        raise RefusedError("invalid_request", status=400) from None
    return {name: values[0] for name, values in fields.items()}


def _given(request: Request, form: dict[str, str]) -> bytes:
    """`id:secret` as the client gives it."""
    header = request.headers.get("authorization", "")
    if header:
        return basic_credentials(header.encode("latin-1"))
    return f"{form.get('client_id', '')}:{form.get('client_secret', '')}".encode()
