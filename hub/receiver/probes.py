"""`/healthz`, `/readyz`, `/metrics`: for machines that watch the receiver."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.receiver.context import ReceiverContext
from hub.steps.receive import GroupCommit


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether leads can be taken, and on what that rests.

    `store` is `up`, `away`, or `never_seen` by this process. `drain_lag_s` is the age of the oldest
    delivery that waits in our spool.
    """

    ready: bool
    store: str
    spool_deliveries: int
    spool_bytes: int
    drain_lag_s: float


def readiness(group_commit: GroupCommit, now: datetime) -> Readiness:
    """Ready once the store was reached, and from then on while it or the spool takes leads."""
    away = group_commit.is_away
    spool = group_commit.spool
    oldest = spool.oldest
    lag_s = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    store = "up" if not away else ("away" if group_commit.was_up else "never_seen")
    return Readiness(
        ready=group_commit.was_up and group_commit.can_take,
        store=store,
        spool_deliveries=spool.deliveries,
        spool_bytes=spool.size,
        drain_lag_s=round(lag_s, 3),
    )


def routes(context: ReceiverContext, group_commit: GroupCommit) -> list[Route]:
    """The three routes."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        found = readiness(group_commit, context.clock())
        return JSONResponse(asdict(found), status_code=200 if found.ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(context.metrics.text(), media_type="text/plain; version=0.0.4")

    return [
        Route("/healthz", healthz, include_in_schema=False),
        Route("/readyz", readyz, include_in_schema=False),
        Route("/metrics", metrics, include_in_schema=False),
    ]
