"""`POST /api/v1/contacts/match`: is this person known to this merchant. It tells who is a customer, so it is
limited per token, audited, and never repeats what was asked, in no answer, log or metric."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.database.engine import make_engine
from hub.errors import HubError, RefusedError, TransientError
from hub.model.lead import IdentityKey
from hub.receiver.access import Answer
from hub.receiver.body import headers_of, read_body
from hub.receiver.context import ReceiverContext
from hub.receiver.forms import TokenBucket
from hub.receiver.operator import Caller, TokenCheck
from hub.steps.identity.match_contact import ASKED, Match, asked_keys, facts, match_contact

PATH = "/contacts/match"
ROUTE = f"/api/v1{PATH}"
_encode = msgspec.json.Encoder().encode
_LONGEST_BODY = 4096
_LONGEST_VALUE = 256
_CONNECTIONS = 4


class Question(BaseModel):
    """Whom to look for, by at least one key; values as they are written, a phone in any form."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    merchant: str | None = Field(
        default=None, max_length=64, description="may be left out if there is only one to ask of"
    )
    phone: str | None = Field(default=None, min_length=1, max_length=_LONGEST_VALUE)
    phone_sha256: str | None = Field(
        default=None, max_length=64, description="of +86 and 11 digits, hexadecimal"
    )
    phone_md5: str | None = Field(
        default=None, max_length=32, description="meets only persons known by the same hash"
    )
    id_number: str | None = Field(default=None, min_length=1, max_length=_LONGEST_VALUE)
    unionid: str | None = Field(default=None, min_length=1, max_length=_LONGEST_VALUE)
    openid: str | None = Field(
        default=None, min_length=1, max_length=_LONGEST_VALUE, description="with `app`"
    )
    app: str | None = Field(default=None, min_length=1, max_length=_LONGEST_VALUE)
    external_userid: str | None = Field(
        default=None, min_length=1, max_length=_LONGEST_VALUE, description="with `corp`"
    )
    corp: str | None = Field(default=None, min_length=1, max_length=_LONGEST_VALUE)
    email: str | None = Field(default=None, min_length=1, max_length=_LONGEST_VALUE)


class Known(BaseModel):
    """What is known; `by` are the kinds of key that say so, strongest first."""

    known: bool
    merchant: str
    contact: UUID | None
    by: list[str]
    leads: int
    last_lead_at: datetime | None
    owner: str | None = Field(description="of the newest lead's source")
    follow_user: str | None = Field(description="who follows the person in WeCom")
    also: list[UUID] = Field(description="other contacts that a key leads to")


class Desk:
    """Answers questions. One per receiver; its connections are opened when the first question comes."""

    def __init__(self, context: ReceiverContext, url: str) -> None:
        self._context = context
        self._limits = context.settings.match
        self._merchants = [one.id for one in context.settings.merchants]
        self._buckets: dict[str, TokenBucket] = {}
        self._engine: sa.Engine = make_engine(url, pool_size=_CONNECTIONS, application="hub match")

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    async def answer(self, caller: Caller, request: Request) -> Match:
        """What is known of the person that a request asks for.

        Raises:
            RefusedError: 429 too often, 413 or 415 or 422 no proper question, 403 not this token's merchant.
            TransientError: the database is away.
        """
        if not self._bucket(caller.name).take(self._context.clock()):
            raise RefusedError("slow_down", status=429)
        body = await read_body(request.receive, headers_of(request.scope), _LONGEST_BODY)
        merchant, keys = self._read(caller, body)
        context = self._context
        return await asyncio.to_thread(
            match_contact,
            self._engine,
            context.keyring,
            context.settings,
            (merchant, keys),
            caller.name,
        )

    def retry_after(self) -> str:
        """Whole seconds until a token may ask again."""
        return str(max(1, math.ceil(1 / self._limits.per_s)))

    def _bucket(self, name: str) -> TokenBucket:
        if name not in self._buckets:
            self._buckets[name] = TokenBucket(self._limits.per_s, self._limits.burst)
        return self._buckets[name]

    def _read(self, caller: Caller, body: bytes) -> tuple[str, tuple[IdentityKey, ...]]:
        try:
            question = Question.model_validate_json(body)
        except ValidationError as error:
            raise _invalid(error) from None
        merchant = self._merchant(caller, question.merchant)
        given = question.model_dump(include=set(ASKED), exclude_none=True)
        return merchant, asked_keys(given)

    def _merchant(self, caller: Caller, asked: str | None) -> str:
        if caller.merchant is not None:
            if asked not in (None, caller.merchant):
                raise RefusedError("not_your_merchant", status=403)
            return caller.merchant
        if asked is not None:
            return asked
        if len(self._merchants) > 1:
            raise RefusedError(
                "unknown_merchant", status=422, message="unknown_merchant: merchant"
            )
        return self._merchants[0]


def router(context: ReceiverContext, desk: Desk, check: TokenCheck) -> APIRouter:
    """The route."""
    api = APIRouter(prefix="/api/v1", tags=["operator"])
    body = {"content": {"application/json": {"schema": Question.model_json_schema()}}}

    @api.post(
        PATH,
        summary="实时去重: is this person known to this merchant, and by which keys",
        response_model=Known,
        openapi_extra={"requestBody": {"required": True, **body}},
    )
    async def match(request: Request, caller: Caller = Depends(check)) -> Response:  # noqa: B008 -- the check is made per receiver
        started = context.access.start()
        status, reason = 500, "failed"
        try:
            found = await desk.answer(caller, request)
            status, reason = 200, ""
            # Encoded here: to validate what we made ourselves would cost a fifth of the answer.
            return Response(_encode(dict(facts(found))), media_type="application/json")
        except HubError as error:
            refused = _refusal(error)
            status, reason = refused.status, refused.reason
            raise HTTPException(
                status, {"error": reason, "fields": _fields(refused)}, _headers(desk, status)
            ) from None
        finally:
            context.access.answered(Answer("POST", ROUTE, None, status, reason), started)

    return api


def _refusal(error: HubError) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, TransientError):
        return RefusedError("try_again", status=503)
    return RefusedError("failed", status=500)


def _headers(desk: Desk, status: int) -> dict[str, str] | None:
    if status == 429:
        return {"Retry-After": desk.retry_after()}
    return {"Retry-After": "1"} if status == 503 else None


def _fields(refused: RefusedError) -> list[str]:
    """The fields that a refusal names: of ours only, since a wrong name may be a value in the wrong place."""
    _, _, names = str(refused).partition(": ")
    return [name for name in names.split(", ") if name]


def _invalid(error: ValidationError) -> RefusedError:
    known = Question.model_fields
    found = {
        str(one["loc"][0]) for one in error.errors(include_input=False) if one["loc"]
    } & known.keys()
    return RefusedError("invalid", status=422, message=f"invalid: {', '.join(sorted(found))}")
