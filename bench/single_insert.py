"""The rival: the hub's own receiver, but each request is a transaction of its own on a pool of connections.

It verifies, seals, dedupes, queues and counts as the hub does. Four choices make it as fast as we know how:
a prepared statement for one row instead of the hub's for many; as many connections as requests usually
wait, none shared; the one used last is used next; each connection counts in a row of its own, since all on
one row would wait for each other's commit. It does not wake loaders, which the hub does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from starlette.applications import Starlette
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from bench.serving import serve
from hub.connectors.base import connectors
from hub.database.engine import libpq_url
from hub.model.delivery import Delivery
from hub.privacy.keyring import KeyRing
from hub.receiver import hooks
from hub.receiver.access import AccessLog
from hub.receiver.context import ReceiverContext, utc_now
from hub.receiver.metrics import ReceiverMetrics
from hub.settings import HubSettings, load_settings
from hub.steps.keep_rejected import Rejections
from hub.steps.keys.ring import open_keyring

_SESSION = "-c timezone=UTC -c lock_timeout=10s -c plan_cache_mode=force_generic_plan"
_STORE = """
WITH known AS (
    INSERT INTO inbox.delivery_key AS k (merchant, source_key, key, delivery_id, expires_at)
    VALUES (%(merchant)b, %(source_key)b, %(key)b, %(id)b, %(expires_at)b)
    ON CONFLICT (merchant, source_key, key) DO UPDATE SET
        delivery_id = CASE WHEN %(received_at)b < k.expires_at THEN k.delivery_id ELSE excluded.delivery_id END,
        expires_at = CASE WHEN %(received_at)b < k.expires_at THEN k.expires_at ELSE excluded.expires_at END
    RETURNING delivery_id
), stored AS (
    INSERT INTO inbox.delivery (id, merchant, source_key, via, received_at, duplicate_of)
    SELECT %(id)b, %(merchant)b, %(source_key)b, %(via)b, %(received_at)b, nullif(delivery_id, %(id)b)
    FROM known
    ON CONFLICT (id) DO NOTHING
    RETURNING duplicate_of
), queued AS (
    INSERT INTO inbox.queue (lane, item_id, is_record, merchant, source_key, via, received_at, sealed)
    SELECT %(lane)b, %(id)b, false, %(merchant)b, %(source_key)b, %(via)b, %(received_at)b, %(sealed)b
    FROM stored WHERE duplicate_of IS NULL
), counted AS (
    INSERT INTO inbox.acknowledged AS a (merchant, source_key, receiver, window_start, deliveries)
    SELECT %(merchant)b, %(source_key)b, %(receiver)b,
           date_bin('30 seconds', %(received_at)b, 'epoch'), count(*) FROM stored HAVING count(*) > 0
    ON CONFLICT (merchant, source_key, receiver, window_start)
    DO UPDATE SET deliveries = a.deliveries + excluded.deliveries
)
SELECT duplicate_of FROM stored
"""


class SingleInsert:
    """An `Intake` (hub.receiver.context): one transaction a delivery."""

    def __init__(self, url: str, connections: int) -> None:
        self._conninfo = libpq_url(url)
        self._count = connections
        self._free: asyncio.LifoQueue[tuple[str, psycopg.AsyncConnection[Any]]] = (
            asyncio.LifoQueue()
        )

    async def start(self) -> None:
        """Open the pool."""
        for number in range(self._count):
            conn = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, prepare_threshold=0, options=_SESSION
            )
            self._free.put_nowait((f"single-{number}", conn))

    async def close(self) -> None:
        """Close the pool; nothing may be under way."""
        while not self._free.empty():
            _, conn = self._free.get_nowait()
            await conn.close()

    async def submit(self, delivery: Delivery) -> UUID:
        """Return once `delivery` is committed; of a duplicate, the first one's id."""
        receiver, conn = await self._free.get()
        try:
            cursor = await conn.execute(_STORE, _parameters(delivery, receiver))
            row = await cursor.fetchone()
        finally:
            self._free.put_nowait((receiver, conn))
        first: UUID | None = row[0] if row else None
        return first or delivery.id


def _parameters(delivery: Delivery, receiver: str) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "merchant": delivery.merchant,
        "source_key": delivery.source_key,
        "via": delivery.via.value,
        "lane": int(delivery.lane),
        "received_at": delivery.received_at,
        "key": delivery.delivery_key,
        "expires_at": delivery.key_expires_at,
        "sealed": delivery.sealed,
        "receiver": receiver,
    }


class App(Starlette):
    """Starlette for the lifespan; hooks come before its middleware, as in the hub's receiver."""

    hooks: Router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self.hooks(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(url: str, settings: HubSettings, keyring: KeyRing, connections: int) -> App:
    """The hub's hook routes over `SingleInsert`."""
    installed = connectors()
    sources = settings.all_sources()
    metrics = ReceiverMetrics(sources)
    intake = SingleInsert(url, connections)
    context = ReceiverContext(
        settings=settings,
        keyring=keyring,
        group_commit=intake,
        clock=utc_now,
        sources=sources,
        connectors={key: installed[source.platform] for key, source in sources.items()},
        metrics=metrics,
        access=AccessLog(metrics),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await intake.start()
        try:
            yield
        finally:
            await intake.close()

    app = App(lifespan=lifespan)
    app.hooks = Router(hooks.routes(context, Rejections(url, keyring)))
    return app


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    url = os.environ["HUB_DATABASE_URL"]
    serve(create_app(url, load_settings(), open_keyring(), given.connections))


if __name__ == "__main__":
    main()
