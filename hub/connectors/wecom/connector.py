"""The WeCom connector: the protocols of `hub.connectors`, each part in its own module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from hub.connectors.base import Page, PullRequest
from hub.connectors.resolving import Answer, Ask
from hub.connectors.sessions import PullPorts, TokenSet
from hub.connectors.wecom import acquisition, customers, push, resolve, token
from hub.connectors.wecom.client import WecomSession
from hub.connectors.wecom.notices import NOTICES
from hub.connectors.wecom.options import options_of
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class WecomConnector:
    """企业微信 客户联系: events that are pushed and resolved, customers that are pulled."""

    platform = "wecom"
    streams = (customers.STREAM, acquisition.STREAM)
    dated_streams: tuple[str, ...] = ()  # no list can be asked since when
    ask_size = 50
    pushes = (push.EVENT_PUSH,)
    notices = NOTICES

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is wrong."""
        options_of(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """What events are split into, and what the lists give."""
        pulled = {part.STREAM: part.ENTITY for part in (customers, acquisition)}
        listed = [pulled[stream] for stream in source.pulls if stream in pulled]
        return (*(push.ENTITIES if source.push else ()), *listed)

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """The decrypted `echostr` of the set-up page, or a refusal; None for a delivery."""
        return push.challenge(request, source)

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """HTTP 200 without a body."""
        return push.accepted()

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status`, 401 unless set."""
        return push.refused(source)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """What the event is, whatever it was encrypted to this time."""
        return push.delivery_key(request, source)

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The decrypted event, else the body as it came."""
        return push.envelope(request, source)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """The one record of a callback; one for each item of a page."""
        if envelope.shape == customers.STREAM:
            return customers.split_page(envelope, options_of(source).corp_id)
        if envelope.shape == acquisition.STREAM:
            return acquisition.split_page(envelope, options_of(source).corp_id)
        return push.split_push(envelope, source)

    def session(self, source: SourceSettings, ports: PullPorts) -> WecomSession:
        """A session of calls.

        Raises:
            ConfigError: the options of the source are wrong.
        """
        return WecomSession(options_of(source), ports)

    def pages(
        self, session: WecomSession, request: PullRequest, source: SourceSettings
    ) -> AsyncIterator[Page]:
        """Pages of a stream.

        Raises:
            ConfigError: there is no such stream.
        """
        if request.stream == customers.STREAM:
            return customers.customer_pages(session, request, source)
        if request.stream == acquisition.STREAM:
            return acquisition.acquisition_pages(session, request, source)
        raise ConfigError(f"wecom has the streams {', '.join(self.streams)}")

    def issues_tokens(self, source: SourceSettings) -> bool:
        """Always: no person is needed."""
        return True

    def issue(self, http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
        """A token for the application's Secret."""
        return token.issue(http, source, now=now)

    def warn_days(self, source: SourceSettings) -> int:
        """0: there is no refresh token that could die."""
        return 0

    def needs(self, entity: str, payload: Mapping[str, Any], source: SourceSettings) -> str | None:
        """`contact` where an event names a customer and says no more."""
        return resolve.needs(entity, payload)

    def answer_key(self, ask: Ask, source: SourceSettings) -> str | None:
        """None: a customer changes, each event asks anew."""
        return None

    async def resolve(
        self, session: WecomSession, asks: Sequence[Ask], source: SourceSettings
    ) -> Sequence[Answer]:
        """What the platform says about each customer."""
        return await resolve.resolve(session, asks)
