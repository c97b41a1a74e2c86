"""The 腾讯电子签 connector: the protocol of `hub.connectors.base`; nothing is pulled."""

from __future__ import annotations

from hub.connectors.tencent_esign import push
from hub.connectors.tencent_esign.options import keys_of, options_of
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class TencentEsignConnector:
    """腾讯电子签: callbacks that are pushed, encrypted."""

    platform = "tencent_esign"
    pushes = (push.SIGNING,)

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is wrong, or the key that it names is none."""
        keys_of(options_of(source))

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """Named as what is pushed."""
        return (push.SIGNING,) if source.push else ()

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """None: no set-up request is documented."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """HTTP 200 with `options.ack`."""
        return push.accepted(source)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status`, 401 unless set."""
        return push.refused(source)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """The message in clear, hashed."""
        return push.delivery_key(request, source)

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The message in clear, else the body as it came."""
        return push.envelope(request, source)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """The one record of a callback."""
        return push.split_push(envelope, source)
