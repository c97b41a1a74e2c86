"""The e签宝 connector: the protocols of `hub.connectors`, each part in its own module."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import MappingProxyType

from hub.connectors.base import Notice, Page, PullRequest
from hub.connectors.esign import pull, push
from hub.connectors.esign.client import EsignSession
from hub.connectors.esign.options import options_of
from hub.connectors.sessions import PullPorts
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

NOTICES = MappingProxyType(
    {
        "flow_not_found": Notice(
            severity="warning",
            text="the platform does not know a signing flow that was called back",
            text_zh="平台查不到一个回调过的签署流程",
            action="look at it in the platform's console; is options.app_id that of the callbacks?",
            action_zh="在平台后台查看该流程；核对 options.app_id 是否为回调所属应用",
        )
    }
)


class EsignConnector:
    """e签宝: callbacks that are pushed; flows that are listed, and asked about until they end."""

    platform = "esign"
    pushes = (push.SIGNING,)
    streams = pull.STREAMS
    dated_streams: tuple[str, ...] = ()  # what it counts are flows, not leads
    asks_about_flows = (pull.OPEN,)
    notices = NOTICES

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
        """`{"code":"200","msg":"success"}`."""
        return push.accepted()

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status`, 401 unless set."""
        return push.refused(source)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """Flow, event, time and signer, hashed."""
        return push.delivery_key(request, source)

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The body as it came."""
        return push.envelope(request, source)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """The one record of a callback; one for each flow of a page."""
        if envelope.shape in pull.STREAMS:
            return pull.split_page(envelope)
        return push.split_push(envelope)

    def session(self, source: SourceSettings, ports: PullPorts) -> EsignSession:
        """A session of calls.

        Raises:
            ConfigError: application id or secret is not set.
        """
        return EsignSession(source, ports)

    def pages(
        self, session: EsignSession, request: PullRequest, source: SourceSettings
    ) -> AsyncIterator[Page]:
        """Pages of a stream.

        Raises:
            ConfigError: there is no such stream.
        """
        if request.stream == pull.LIST:
            return pull.flow_list(session, request, source)
        if request.stream == pull.OPEN:
            return pull.open_flows(session, request, source)
        raise ConfigError(f"esign has the streams {', '.join(self.streams)}")
