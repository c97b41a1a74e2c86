"""The Douyin connector: the protocol of `hub.connectors.base`, each part in its own module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin import laike, laike_gateway, oauth, phones, push, write_back
from hub.connectors.douyin.client import DouyinSession
from hub.connectors.douyin.local import life_pages
from hub.connectors.douyin.options import options_of
from hub.connectors.douyin.pull import clue_pages
from hub.connectors.douyin.records import CLUE, LAIKE_CLUE, LIFE_CLUE, STAR_CLUE, split_listing
from hub.connectors.douyin.star import star_pages
from hub.connectors.resolving import Answer, Ask
from hub.connectors.sessions import Account, PullPorts, TokenSet
from hub.connectors.write_back import FollowUp, FollowUpCall
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

_STREAMS = {
    CLUE: clue_pages,
    STAR_CLUE: star_pages,
    LIFE_CLUE: life_pages,
    LAIKE_CLUE: laike.laike_pages,
}


class DouyinConnector:
    """抖音 / 巨量引擎: pushes of 飞鱼 rules and webhooks, pulls of the leads of ads, 星图, 本地推 and 来客, tokens."""

    platform = "douyin"
    pushes = (push.CLUE_PUSH, push.STAR_PUSH, push.OPEN_EVENT, push.SPI_EVENT)
    streams = tuple(_STREAMS)
    ask_size = phones.ASK_SIZE
    dated_streams = tuple(stream for stream in _STREAMS if stream != STAR_CLUE)

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is wrong."""
        options_of(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """Named as what is pushed and pulled."""
        return (*((source.push,) if source.push else ()), *source.pulls)

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """The answer to a set-up check, None for a delivery."""
        return push.challenge(request, source)

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`{"code":0,…}` unless `options.ack` says otherwise."""
        return push.accepted(source)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`{"code":-1,…}` with `options.refused_status`."""
        return push.refused(source)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """The platform's id of a webhook; None for a rule push."""
        return push.delivery_key(request, source)

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """All of `request` that is needed to split it later."""
        return push.envelope(request, source)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record of a push, one for each item of a page."""
        if envelope.shape in _STREAMS:
            return split_listing(envelope)
        return push.split_push(envelope, source)

    def session(self, source: SourceSettings, ports: PullPorts) -> DouyinSession:
        """The session that `pages` takes: an async context manager."""
        return DouyinSession(options_of(source), ports)

    def pages(
        self,
        session: Any,  # noqa: ANN401 -- the protocol leaves the session to each connector
        request: PullRequest,
        source: SourceSettings,
    ) -> AsyncIterator[Page]:
        """Pages of a stream, from first to last.

        Raises:
            ConfigError: there is no such stream.
        """
        stream = _STREAMS.get(request.stream)
        if stream is None:
            known = ", ".join(_STREAMS)
            raise ConfigError(f"douyin has no stream {request.stream!r}; choose from {known}")
        return stream(session, request, source)

    def authorize_url(self, source: SourceSettings, *, state: str, redirect_uri: str) -> str:
        """The consent page of the platform."""
        return oauth.authorize_url(source, state=state, redirect_uri=redirect_uri)

    def exchange(
        self, http: httpx.Client, source: SourceSettings, code: str, *, now: datetime
    ) -> TokenSet:
        """Tokens for an `auth_code`."""
        return oauth.exchange(http, source, code, now=now)

    def refresh(
        self, http: httpx.Client, source: SourceSettings, refresh_token: str, *, now: datetime
    ) -> TokenSet:
        """A new pair; the old one is dead at once."""
        return oauth.refresh(http, source, refresh_token, now=now)

    def accounts(
        self, http: httpx.Client, source: SourceSettings, access_token: str
    ) -> list[Account]:
        """The accounts that the grant covers; of 来客, those configured ones whose leads it may list."""
        if laike_gateway.issues_tokens(source):
            return laike.accounts(http, source, access_token)
        return oauth.accounts(http, source, access_token)

    def is_ready(self, source: SourceSettings) -> bool:
        """Whether the source has an application."""
        return bool(options_of(source).app_id) or self.issues_tokens(source)

    def grant_holder(self, source: SourceSettings) -> str:
        """The source whose grant this one uses (`options.grant`), "" for its own."""
        return options_of(source).grant

    def warn_days(self, source: SourceSettings) -> int:
        """Days before the refresh token dies at which a person is told."""
        return options_of(source).warn_days

    def issues_tokens(self, source: SourceSettings) -> bool:
        """Whether the source pulls 来客, whose token an application gets for its own secret."""
        return laike_gateway.issues_tokens(source)

    def issue(self, http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
        """A client token of 来客."""
        return laike_gateway.issue(http, source, now=now)

    def needs(self, entity: str, payload: Mapping[str, Any], source: SourceSettings) -> str | None:
        """`phone` for a lead of 来客 whose phone is a ciphertext."""
        return phones.needs(entity, payload, source)

    def answer_key(self, ask: Ask, source: SourceSettings) -> str | None:
        """The ciphertext: one number, however many leads carry it."""
        return phones.cipher_of(ask.payload)

    async def resolve(
        self,
        session: Any,  # noqa: ANN401 -- the protocol leaves the session to each connector
        asks: Sequence[Ask],
        source: SourceSettings,
    ) -> Sequence[Answer]:
        """Phones, read with the local key or by the online call."""
        return await phones.resolve(session, asks, source)

    def follow_up(self, told: FollowUp, source: SourceSettings) -> FollowUpCall:
        """What would be told of a lead; ConfigError in words if it cannot."""
        return write_back.follow_up(told, source)

    async def send_follow_up(
        self, session: DouyinSession, call: FollowUpCall, source: SourceSettings
    ) -> None:
        """Tell it; errors as the platform says."""
        await write_back.tell(session, call)
