"""Pull a source: page after page, each in one transaction with the cursor that follows it.

The end of the pull is frozen before the first call. A crash between two pages loses nothing: the
next pull starts from the last committed cursor. Two pulls of one source at once store some pages
twice, which changes nothing in the CRM: every cursor value is true whoever writes it last.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import httpx
import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.alerts.reading import open_alerts
from hub.connectors.base import OpenFlow, Page, PullConnector, PullRequest, connector_for
from hub.connectors.limits import RateLimiter
from hub.connectors.open_flows import ENDED
from hub.connectors.sessions import NoTokens, PullPorts, SessionConnector
from hub.database.engine import driver, store_errors
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    HubError,
    PlatformRejectedError,
    StoreError,
)
from hub.finance.open_documents import open_signings
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Delivery, Envelope, Lane, Via
from hub.ops.cursors import read_cursor, write_cursor
from hub.ops.tokens import read_token
from hub.ops.wake import wake_loaders
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.authorize import TokenStore
from hub.steps.sources.grant import Grant, configured_source, grant_of, issues_tokens
from hub.steps.sources.grant_alerts import note_lost, warn_of_expiry

ClientFactory = Callable[[], httpx.AsyncClient]
OnPage = Callable[[str, Page], None]

_TIMEOUT_S = 30.0


def _fresh_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=httpx.Timeout(_TIMEOUT_S), follow_redirects=False)


# A page is stored once: its key only has to outlive the retries of one transaction.
_KEY_KEPT = timedelta(days=1)


@dataclass(slots=True)
class StreamResult:
    """What one stream gave. `reported` is the sum of what the platform says the windows hold.

    `deliveries` are the stored pages, `listed` the platform's ids on all pages, each once.
    """

    stream: str
    pages: int = 0
    stored_pages: int = 0
    ids: int = 0
    reported: int | None = None
    error: HubError | None = None
    deliveries: list[UUID] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class PullResult:
    """What a pull gave, stream by stream; `until` is the frozen end."""

    source_key: str
    until: datetime
    streams: list[StreamResult] = field(default_factory=list)

    def figures(self) -> dict[str, int]:
        """Sums over the streams, for metadata and JSON. `reported` is absent if nothing was said."""
        reported = [found.reported for found in self.streams if found.reported is not None]
        sums = {
            "pages": sum(found.pages for found in self.streams),
            "stored_pages": sum(found.stored_pages for found in self.streams),
            "ids": sum(found.ids for found in self.streams),
            "failed_streams": sum(found.error is not None for found in self.streams),
        }
        return {**sums, "reported": sum(reported)} if reported else sums

    def raise_for_failure(self) -> None:
        """Raise the first stream's error, if there is one."""
        for found in self.streams:
            if found.error is not None:
                raise found.error


@dataclass(frozen=True, slots=True)
class PullOptions:
    """How a pull differs from a scheduled one.

    With `since` it is a backfill: leads of that time, in the bulk lane, and the cursor of the
    scheduled pulls stays where it is. `on_page` is told of every page once it is stored.
    A process that pulls often hands in one `limiter`, so that its pulls share the quota. `streams` are
    the only ones to pull, none for all that the source has.
    """

    since: datetime | None = None
    until: datetime | None = None
    client_factory: ClientFactory = _fresh_client
    limiter: RateLimiter | None = None
    on_page: OnPage | None = None
    streams: tuple[str, ...] = ()


_AS_SCHEDULED = PullOptions()


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull under way. `clock` runs on from the instant that the caller gave.

    `grant` is None where each call is signed with an access key: nobody grants anything.
    """

    engine: sa.Engine
    keyring: KeyRing
    source_key: str
    source: SourceSettings
    grant: Grant | None
    options: PullOptions
    until: datetime
    began_at: datetime
    clock: Callable[[], datetime]

    @property
    def is_backfill(self) -> bool:
        return self.options.since is not None


async def pull_source(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    source_key: str,
    *,
    now: datetime,
    options: PullOptions = _AS_SCHEDULED,
) -> PullResult:
    """Pull every stream of a source; `now` (aware) is the frozen end unless `options.until` is earlier.

    Raises:
        ConfigError, StoreError: at once.
        TransientError, PlatformRejectedError, AuthorizationLostError: the first that a stream met,
            once every stream has been tried; what was stored stays.
    """
    result = await pull_streams(engine, keyring, settings, source_key, now=now, options=options)
    result.raise_for_failure()
    return result


async def pull_streams(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    source_key: str,
    *,
    now: datetime,
    options: PullOptions = _AS_SCHEDULED,
) -> PullResult:
    """`pull_source`, with what went wrong on a stream's result instead of raised.

    Raises:
        ConfigError: no such source, nothing to pull, or times that make no window.
        StoreError: the database refused or is away.
    """
    source = configured_source(settings, source_key)
    if not source.pulls:
        raise ConfigError(f"source {source_key} has no `pulls:`; it is filled by pushes")
    connector = connector_for(source.platform)
    needs_grant = issues_tokens(connector, source) or hasattr(connector, "authorize_url")
    grant = grant_of(engine, keyring, settings, source_key) if needs_grant else None
    until, clock = _times(now, options)
    pull = _Pull(engine, keyring, source_key, source, grant, options, until, now, clock)
    result = PullResult(source_key, pull.until)
    for stream in options.streams or source.pulls:
        found = StreamResult(stream)
        result.streams.append(found)
        try:
            await _pull_stream(pull, found)
        except (ConfigError, StoreError):
            raise
        except HubError as error:
            found.error = error
            await asyncio.to_thread(_note_failure, pull, stream, error)
        else:
            await asyncio.to_thread(_note_success, pull, stream)
    await asyncio.to_thread(_finish, pull, result)
    return result


def _times(now: datetime, options: PullOptions) -> tuple[datetime, Callable[[], datetime]]:
    """The frozen end, and a clock that runs on from `now`."""
    until = min(now, options.until) if options.until else now
    if options.since is not None and options.since >= until:
        raise ConfigError("--since must be earlier than --until and than now")
    started = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    return until, clock


async def _pull_stream(pull: _Pull, found: StreamResult) -> None:
    """All pages of a stream, each stored before the next is asked for; `found` counts them."""
    cursor = await asyncio.to_thread(_cursor, pull, found.stream)
    connector = cast(PullConnector, connector_for(pull.source.platform))
    flows: Sequence[OpenFlow] = ()
    if found.stream in getattr(connector, "asks_about_flows", ()):
        flows = await asyncio.to_thread(_open_flows, pull)
    request = PullRequest(found.stream, pull.options.since, pull.until, cursor, flows)
    opened = cast(SessionConnector, connector).session(pull.source, _ports(pull))
    async with cast(AbstractAsyncContextManager[Any], opened) as session:
        async for page in connector.pages(session, request, pull.source):
            stored = await asyncio.to_thread(_store_page, pull, found.stream, page)
            _count(found, page, stored)
            if pull.options.on_page:
                pull.options.on_page(found.stream, page)


def _ports(pull: _Pull) -> PullPorts:
    return PullPorts(
        tokens=TokenStore(pull.grant, pull.clock) if pull.grant else NoTokens(),
        fingerprint=pull.keyring.synthetic_id,
        limiter=pull.options.limiter or RateLimiter(),
        http=pull.options.client_factory,
        now=pull.clock,
    )


def _cursor(pull: _Pull, stream: str) -> Mapping[str, Any]:
    if pull.is_backfill:
        return {}
    with store_errors(), pull.engine.begin() as conn:
        return read_cursor(conn, pull.source_key, stream)


def _open_flows(pull: _Pull) -> list[OpenFlow]:
    """The signing flows of the source that have not ended."""
    with store_errors(), pull.engine.begin() as conn:
        rows = open_signings(
            conn, merchant=pull.source.merchant, source_key=pull.source_key, ended=ENDED
        )
    return [
        OpenFlow(
            row.flow_id,
            row.first_seen_at,
            row.changed_at,
            may_be_done="last_signed_at" in row.facts and not row.facts.get("all_signed"),
        )
        for row in rows
    ]


def _store_page(pull: _Pull, stream: str, page: Page) -> UUID | None:
    """Store a page and the cursor that follows it, both or neither; then wake the loaders."""
    now = pull.clock()
    delivery = _delivery(pull, stream, page.envelope, now) if page.envelope else None
    with store_errors(), pull.engine.begin() as conn:
        if delivery is not None:
            store_deliveries(driver(conn), [delivery])
        if not pull.is_backfill:
            write_cursor(conn, pull.source_key, stream, page.cursor, now=now)
    if delivery is None:
        return None
    with store_errors(), pull.engine.begin() as conn:
        wake_loaders(conn)
    return delivery.id


def _delivery(pull: _Pull, stream: str, envelope: Envelope, now: datetime) -> Delivery:
    """The page as a delivery.

    Its key holds when the pull began: a platform that shows A, then B, then A again has sent three
    states, and the third page must not pass for a duplicate of the first.
    """
    digest = hashlib.sha256(envelope.body).hexdigest()
    key = f"pull:{stream}:{pull.began_at.isoformat()}:{digest}"
    arrival = Arrival(Via.PULL, now, platform_key=key)
    sealed = seal_delivery(pull.keyring, pull.source_key, pull.source, envelope, arrival)
    lane = Lane.BULK if pull.is_backfill else Lane.LIVE
    return replace(sealed, lane=lane, key_expires_at=now + _KEY_KEPT)


def _count(found: StreamResult, page: Page, stored: UUID | None) -> None:
    found.pages += 1
    found.listed.update(page.external_ids)
    if stored is not None:
        found.deliveries.append(stored)
    found.stored_pages += page.envelope is not None
    found.ids += len(page.external_ids)
    if page.reported_total is not None:
        found.reported = (found.reported or 0) + page.reported_total


def _note_failure(pull: _Pull, stream: str, error: HubError) -> None:
    """Tell a person where only a person can help; what may work later is left to the next pull."""
    grant, now = pull.grant, pull.clock()
    if grant is not None and isinstance(error, AuthorizationLostError):
        with store_errors(), grant.engine.begin() as conn:
            row = read_token(conn, grant.source_key)
        if row is not None and not row.lost:
            note_lost(grant, row.sealed, error, now=now)
    elif isinstance(error, PlatformRejectedError):
        with store_errors(), pull.engine.begin() as conn:
            raise_alert(
                conn,
                dedupe_key=f"pull-refused:{pull.source_key}:{stream}:{error.code}",
                severity="critical",
                facts={
                    "source": pull.source_key,
                    "stream": stream,
                    "error": str(error),
                    "code": error.code,
                },
                merchant=pull.source.merchant,
                owner=pull.source.owner or None,
            )


def _note_success(pull: _Pull, stream: str) -> None:
    """What the platform refused before, it gives now."""
    with store_errors(), pull.engine.begin() as conn:
        for row in open_alerts(conn, f"pull-refused:{pull.source_key}:{stream}:"):
            close_alert(conn, row["dedupe_key"])


def _finish(pull: _Pull, result: PullResult) -> None:
    """After the last stream: see that the grant does not run out unnoticed."""
    if pull.grant is None:
        return
    if any(isinstance(found.error, AuthorizationLostError) for found in result.streams):
        return
    warn_of_expiry(pull.grant, now=pull.clock())
