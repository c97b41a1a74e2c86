"""The Meituan connector: the protocol of `hub.connectors.base`; nothing is pulled (no list is known)."""

from __future__ import annotations

from hub.connectors.meituan import push
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class MeituanConnector:
    """美团 / 大众点评: messages that are pushed, recorded until a mapping for them is live."""

    platform = "meituan"

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """None: whether the platform has a set-up check is unknown."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`{"code":0,"message":"success"}` unless `options.ack` says otherwise."""
        return push.accepted(source)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`{"code":-1,…}` with `options.refused_status`."""
        return push.refused(source)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """`businessId:msgType:msgId` unless `options.id_fields` says otherwise."""
        return push.delivery_key(request, source)

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """All of `request` that is needed to split it later."""
        return push.envelope(request, source)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record: the fields of the push with the message as JSON."""
        return push.split_push(envelope, source)


CONNECTOR = MeituanConnector()
