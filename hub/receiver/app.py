"""The receiver's application: hooks, forms, probes and the operator API in one ASGI app."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from hub.connectors.base import Connector, connectors
from hub.errors import ConfigError
from hub.inbox.spool import Spool
from hub.privacy.keyring import KeyRing
from hub.receiver import acknowledge, forms, hooks, issue_token, match, oauth, operator, probes
from hub.receiver.access import SUMMARY_EVERY_S, AccessLog
from hub.receiver.context import Clock, ReceiverContext, utc_now
from hub.receiver.metrics import ReceiverMetrics
from hub.receiver.request_id import begin, telling
from hub.settings import HubSettings
from hub.steps.keep_rejected import Rejections
from hub.steps.receive import GroupCommit, Limits


@dataclass(frozen=True, slots=True)
class ReceiverSetup:
    """What a receiver is made of.

    `url` is the store's, as the engine takes it. `spools` is the folder of all receivers' spools on
    this machine, `receiver` our name in it. `connectors` go by platform; None means the installed.
    """

    settings: HubSettings
    keyring: KeyRing
    url: str
    spools: Path
    receiver: str
    clock: Clock = utc_now
    connectors: Mapping[str, Connector] | None = None
    limits: Limits | None = None


def receiver_name() -> str:
    """A name that no other receiver has at any time: host, process, a random part."""
    host = "".join(c for c in socket.gethostname().lower() if c.isalnum() or c == "-")[:40]
    return f"{host or 'host'}-{os.getpid()}-{os.urandom(3).hex()}"


def create_app(setup: ReceiverSetup) -> FastAPI:
    """The receiver as an ASGI app; it takes leads between its lifespan's start and end.

    `app.state.group_commit` is its `GroupCommit`.

    Raises:
        ConfigError: the spool cannot be kept, a source has no connector, `HUB_API_TOKENS` is wrong.
    """
    by_source = _connectors_by_source(setup)
    spool = Spool.open(setup.spools, setup.receiver, setup.settings.spool_max_bytes)
    group_commit = GroupCommit(setup.url, spool, receiver=setup.receiver, limits=setup.limits)
    rejections = Rejections(setup.url, setup.keyring)
    sources = setup.settings.all_sources()
    metrics = ReceiverMetrics(sources)
    metrics.read_from(group_commit.figures)
    metrics.read_from(lambda: {"spool_max_bytes": setup.settings.spool_max_bytes})
    context = ReceiverContext(
        settings=setup.settings,
        keyring=setup.keyring,
        group_commit=group_commit,
        clock=setup.clock,
        sources=sources,
        connectors=by_source,
        metrics=metrics,
        access=AccessLog(metrics),
    )
    check = operator.TokenCheck(operator.tokens_from_environment())
    desk = match.Desk(context, setup.url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await group_commit.start()
        summaries = asyncio.create_task(_summarise(context.access))
        try:
            yield
        finally:
            summaries.cancel()
            context.access.summarise()
            desk.close()
            await group_commit.close()
            await rejections.close()

    app = _ReceiverApp(
        title="Lead hub", description="Operator API.", lifespan=lifespan, redoc_url=None
    )
    app.state.group_commit = group_commit
    app.add_exception_handler(RequestValidationError, _invalid)
    app.hooks = Router(hooks.routes(context, rejections))
    app.router.routes += [*probes.routes(context, group_commit), *forms.routes(context)]
    app.router.routes += oauth.routes(context, setup.url)
    app.router.routes += issue_token.routes(context)
    app.router.routes += acknowledge.routes(context, setup.url)
    app.include_router(operator.router(context, group_commit, setup.receiver, check))
    app.include_router(match.router(context, desk, check))
    return app


class _ReceiverApp(FastAPI):
    """FastAPI with the hooks before it: its middleware would cost a lead more than they do."""

    hooks: Router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/hooks/"):
            await self.hooks(scope, receive, send)
        elif scope["type"] == "http":
            await super().__call__(scope, receive, telling(send, begin(scope)))
        else:
            await super().__call__(scope, receive, send)


async def _invalid(_: Request, error: Exception) -> Response:
    """What is wrong with a request and where; never what was sent, which FastAPI's own answer repeats."""
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    wrong = [{"at": [str(part) for part in one["loc"]], "why": one["type"]} for one in found]
    return JSONResponse({"error": "invalid", "fields": wrong}, 422)


def _connectors_by_source(setup: ReceiverSetup) -> dict[str, Connector]:
    installed = setup.connectors if setup.connectors is not None else connectors()
    found: dict[str, Connector] = {}
    for key, source in setup.settings.all_sources().items():
        if source.platform not in installed:
            known = ", ".join(sorted(installed)) or "none"
            raise ConfigError(
                f"source {key}: no connector for platform {source.platform!r}; installed: {known}"
            )
        found[key] = installed[source.platform]
    return found


async def _summarise(access: AccessLog) -> None:
    while True:
        await asyncio.sleep(SUMMARY_EVERY_S)
        access.summarise()
