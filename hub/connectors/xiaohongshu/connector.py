"""The Xiaohongshu connector: the protocol of `hub.connectors.base`, each part in its own module."""

from __future__ import annotations

from hub.connectors.xiaohongshu import push
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class XiaohongshuConnector:
    """小红书 聚光: pushes of landing-page forms and of direct messages that left a contact."""

    platform = "xiaohongshu"

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """None: the set-up page sends a test message, which is a delivery."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """HTTP 200; the platform reads no body."""
        return push.accepted(source)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status`, 401 unless set."""
        return push.refused(source)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """None. The lead's id names the lead, not the delivery: a lead is sent again when it changes."""
        return None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """All of `request` that is needed to split it later."""
        return push.envelope(request, source)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """The one record of a push."""
        return push.split_push(envelope, source)
