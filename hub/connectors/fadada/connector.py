"""The 法大大 connector: the protocols of `hub.connectors`, each part in its own module."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import httpx

from hub.connectors.base import Page, PullRequest
from hub.connectors.fadada import client, pull, push
from hub.connectors.fadada.client import FadadaSession
from hub.connectors.fadada.options import options_of
from hub.connectors.sessions import PullPorts, TokenSet
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class FadadaConnector:
    """法大大: callbacks that are pushed; tasks that are listed, and asked about until they end."""

    platform = "fadada"
    pushes = (push.SIGNING,)
    streams = pull.STREAMS
    dated_streams: tuple[str, ...] = ()  # what it counts are tasks, not leads
    asks_about_flows = (pull.OPEN,)

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is wrong."""
        options_of(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """Callbacks are `signing`; what is shown when asked is `signing_detail`."""
        pushed = (push.SIGNING,) if source.push else ()
        return (*pushed, *((pull.ENTITY,) if source.pulls else ()))

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """None: no set-up request is documented."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`{"msg":"success"}`."""
        return push.accepted()

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status`, 401 unless set."""
        return push.refused(source)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """Task, event, actor and time, hashed."""
        return push.delivery_key(request, source)

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The body as it came, and the name of the event."""
        return push.envelope(request, source)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """The one record of a callback; one for each task of a page."""
        if envelope.shape in pull.STREAMS:
            return pull.split_page(envelope)
        return push.split_push(envelope)

    def session(self, source: SourceSettings, ports: PullPorts) -> FadadaSession:
        """A session of calls.

        Raises:
            ConfigError: application id or secret is not set.
        """
        return FadadaSession(source, ports)

    def pages(
        self, session: FadadaSession, request: PullRequest, source: SourceSettings
    ) -> AsyncIterator[Page]:
        """Pages of a stream.

        Raises:
            ConfigError: there is no such stream, or whose tasks are listed is not set.
        """
        if request.stream == pull.LIST:
            return pull.task_list(session, request, source)
        if request.stream == pull.OPEN:
            return pull.open_tasks(session, request, source)
        raise ConfigError(f"fadada has the streams {', '.join(self.streams)}")

    def issues_tokens(self, source: SourceSettings) -> bool:
        """Always: no person is needed."""
        return True

    def issue(self, http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
        """A token for the application's secret."""
        return client.issue(http, source, now=now)

    def warn_days(self, source: SourceSettings) -> int:
        """0: there is no refresh token that could die."""
        return 0
