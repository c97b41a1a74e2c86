"""The operator API under `/api/v1`: for people and programs with a named bearer token."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from hub.errors import ConfigError
from hub.receiver.context import ReceiverContext
from hub.receiver.probes import readiness
from hub.steps.receive import GroupCommit

TOKENS_VARIABLE = "HUB_API_TOKENS"
_SHORTEST = 16

_bearer = HTTPBearer(auto_error=False, description=f"a token of {TOKENS_VARIABLE}")


class SourceStatus(BaseModel):
    """One configured source."""

    source: str
    platform: str
    merchant: str
    pushed: bool


class Status(BaseModel):
    """How this receiver is."""

    receiver: str
    started_at: datetime
    ready: bool
    store: str
    spool_deliveries: int
    spool_bytes: int
    drain_lag_s: float
    sources: list[SourceStatus]


def tokens_from_environment() -> dict[str, bytes]:
    """Name → token, from `HUB_API_TOKENS="name:token,…"`; a name may be `name@merchant` (see `Caller`).

    Raises:
        ConfigError: a part has no name or a token under 16 characters; the text holds no token.
    """
    tokens: dict[str, bytes] = {}
    parts = [part.strip() for part in os.environ.get(TOKENS_VARIABLE, "").split(",")]
    for number, part in enumerate(filter(None, parts), start=1):
        name, _, token = part.partition(":")
        if not name.partition("@")[0] or name.endswith("@") or len(token) < _SHORTEST:
            raise ConfigError(
                f"{TOKENS_VARIABLE}: part {number} must be name:token or name@merchant:token,"
                f" the token at least {_SHORTEST} characters"
            )
        tokens[name] = token.encode()
    return tokens


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `merchant` limits the token to one, None does not; the name has it, too: `name@merchant`."""

    name: str
    merchant: str | None


class TokenCheck:
    """Tells who calls, by the token; a FastAPI dependency."""

    def __init__(self, tokens: Mapping[str, bytes]) -> None:
        self._tokens = tokens

    def __call__(
        self, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        """The name that the token belongs to; 401 without a valid one."""
        offered = given.credentials.encode() if given else b""
        names = [
            name for name, token in self._tokens.items() if hmac.compare_digest(offered, token)
        ]
        if not names:
            raise HTTPException(
                401, {"error": "invalid_token"}, headers={"WWW-Authenticate": "Bearer"}
            )
        return Caller(names[0], names[0].partition("@")[2] or None)


def router(
    context: ReceiverContext, group_commit: GroupCommit, receiver: str, check: TokenCheck
) -> APIRouter:
    """The routes of the operator API that speak of this receiver."""
    api = APIRouter(prefix="/api/v1", tags=["operator"])
    started_at = context.clock()

    @api.get("/status", summary="How this receiver is, and which sources it knows")
    async def status(caller: Caller = Depends(check)) -> Status:  # noqa: B008 -- made per receiver
        found = readiness(group_commit, context.clock())
        return Status(
            receiver=receiver,
            started_at=started_at,
            ready=found.ready,
            store=found.store,
            spool_deliveries=found.spool_deliveries,
            spool_bytes=found.spool_bytes,
            drain_lag_s=found.drain_lag_s,
            sources=[
                SourceStatus(
                    source=key,
                    platform=source.platform,
                    merchant=source.merchant,
                    pushed=source.push is not None,
                )
                for key, source in sorted(context.sources.items())
                if caller.merchant in (None, source.merchant)
            ],
        )

    return api
