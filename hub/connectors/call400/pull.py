"""Pulls of call lists: what the push lost is found by them. One vendor's API behind each stream.

A call is listed under the instant it began, and may be seen only once it is over, so each pull goes back
over `options.settle_s` at least.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from datetime import datetime, timedelta
from typing import Protocol

import httpx

from hub.connectors.api_session import ApiSession
from hub.connectors.base import Page, PullRequest
from hub.connectors.call400 import clink, tccc
from hub.connectors.call400.clink import ClinkApi, require_base
from hub.connectors.call400.credentials import credentials_of
from hub.connectors.call400.listings import CLINK_LIST, STREAMS, split_listing
from hub.connectors.call400.options import CallOptions, options_of
from hub.connectors.call400.tccc import TcccApi
from hub.connectors.http import RetryPolicy, send
from hub.connectors.limits import Limit
from hub.connectors.sessions import PullPorts
from hub.connectors.source_options import require_option
from hub.connectors.windows import Ask, Listing, Plan, TimedList, windowed_pages
from hub.errors import ConfigError
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings


class CallApi(Protocol):
    """One vendor's list of calls. `page_sizes` are the smallest and largest page; `most` see `Plan`.

    `kept_days` says how far back the vendor lists, None if that is not known.
    """

    shape: str
    page_sizes: tuple[int, int]
    most: int | None
    kept_days: int | None

    def request(self, http: httpx.AsyncClient, page: Ask, now: datetime) -> httpx.Request:
        """The signed request for a page."""
        ...

    def check(self, response: httpx.Response) -> bytes:
        """The body of a good answer.

        Raises:
            TransientError, PlatformRejectedError: what the answer means.
        """
        ...

    def read(self, body: bytes, size: int) -> Listing | None:
        """The calls on a page of `size`, None if it holds no list."""
        ...

    def identity(self, item: bytes) -> str | None:
        """The vendor's id of a call."""
        ...


class CallSession(ApiSession):
    """One pull's calls; every one is signed, there is no token."""

    def __init__(self, source: SourceSettings, ports: PullPorts) -> None:
        self.source = source
        self.options = options_of(source)
        policy = RetryPolicy(tries=self.options.tries, budget_s=self.options.retry_budget_s)
        super().__init__(ports, policy)

    async def ask(self, api: CallApi, page: Ask) -> bytes:
        """The body of a page, signed anew at each try.

        Raises:
            TransientError: still failing after all tries.
            PlatformRejectedError: an answer that a retry does not change.
        """
        limits: dict[Hashable, Limit] = {
            ("call400", api.shape, self.options.key_id_env): Limit(self.options.calls_per_s)
        }

        async def attempt() -> bytes:
            await self.ports.limiter.acquire(limits)
            request = api.request(self._http, page, self.ports.now())
            return api.check(await send(self._http, request))

        return await self.retried(attempt)


def call_pages(session: CallSession, request: PullRequest) -> AsyncIterator[Page]:
    """Pages of all windows from the cursor (or `since`) to the frozen `until`.

    Raises:
        TransientError, PlatformRejectedError: pages so far stay good.
        ConfigError: no access key, or what the vendor needs to know is not set.
    """
    api = api_of(request.stream, session.source)
    plan = plan_of(api, session.source, request)

    async def ask(page: Ask) -> bytes:
        return await session.ask(api, page)

    def read(body: bytes) -> Listing | None:
        return api.read(body, plan.page_size)

    return windowed_pages(TimedList(api.shape, ask, read, api.identity), plan, request)


def split_page(envelope: Envelope) -> list[RawRecord]:
    """One record a call of a page; nothing is raised for bad input."""
    read = clink.read_page if envelope.shape == CLINK_LIST else tccc.read_page
    return split_listing(envelope, read(envelope.body))


def plan_of(api: CallApi, source: SourceSettings, request: PullRequest) -> Plan:
    """What a pull of a list asks for."""
    options = options_of(source)
    least, largest = api.page_sizes
    kept = timedelta(days=api.kept_days) if api.kept_days else None
    return Plan(
        chunks=((),),
        page_size=min(max(source.pull.page_size, least), largest),
        step=timedelta(days=options.window_days),
        first=timedelta(days=source.pull.first_days),
        overlap=timedelta(seconds=max(source.pull.overlap_s, options.settle_s, 1)),
        max_pages=options.max_pages,
        # A minute less: the vendor judges by its own clock when the call reaches it.
        earliest=request.until - kept + timedelta(minutes=1) if kept else None,
        most=api.most,
    )


def check_pulls(source: SourceSettings) -> None:
    """Look at what the pulls of a source need, before any; secrets are looked for when they are used.

    Raises:
        ConfigError: lists of two vendors, no access key named, or what a vendor needs to know is not set.
    """
    options = options_of(source)
    if all(stream in source.pulls for stream in STREAMS):
        raise ConfigError(f"pulls: one source is one vendor: {' or '.join(STREAMS)}")
    if source.pulls:
        require_option(options.key_id_env, "key_id_env", source.platform)
        require_option(options.secret_env, "secret_env", source.platform)
    if CLINK_LIST in source.pulls:
        require_base(options)
    elif source.pulls:
        _sdk_app_id(source, options)


def api_of(stream: str, source: SourceSettings) -> CallApi:
    """The API behind a stream.

    Raises:
        ConfigError: there is none, no access key, or what the vendor needs to know is not set.
    """
    options = options_of(source)
    if stream not in STREAMS:
        raise ConfigError(f"{stream!r} is no stream of call400: {', '.join(STREAMS)}")
    credentials = credentials_of(options.key_id_env, options.secret_env)
    if stream == CLINK_LIST:
        return ClinkApi(credentials, options)
    return TcccApi(credentials, base=options.api_base, sdk_app_id=_sdk_app_id(source, options))


def _sdk_app_id(source: SourceSettings, options: CallOptions) -> int:
    text = options.sdk_app_id or source.account or ""
    if not (text.isascii() and text.isdecimal()):
        raise ConfigError("set account (or options.sdk_app_id) of the TCCC source to its SdkAppId")
    return int(text)
