"""The connector of 金蝶云星空: nothing is pushed; bills are pulled from the customer's own site."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hub.connectors.base import Page, PullRequest
from hub.connectors.kingdee.bills import GONE, REREAD, STREAMS, bill_of
from hub.connectors.kingdee.client import KingdeeSession
from hub.connectors.kingdee.options import check_pulls
from hub.connectors.kingdee.pull import changed_pages
from hub.connectors.kingdee.reread import reread_pages
from hub.connectors.kingdee.rows import split_page
from hub.connectors.sessions import PullPorts
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class KingdeeConnector:
    """应收单, 收款单, 收款退款单 by `ExecuteBillQuery`."""

    platform = "kingdee"
    pushes: tuple[str, ...] = ()
    streams = STREAMS
    dated_streams: tuple[str, ...] = ()  # no list says how many there are

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is wrong or one that the pulls need is not set."""
        check_pulls(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """What the pulled streams give; reading again also finds bills that are gone."""
        found: dict[str, None] = {}
        for stream in source.pulls:
            if (bill := bill_of(stream)) is not None:
                found[bill.entity] = None
                if stream.endswith(REREAD):
                    found[f"{bill.entity}{GONE}"] = None
        return tuple(found)

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """Nothing is pushed."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """200: nothing is pushed."""
        return HookReply(200)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """403."""
        return HookReply(403)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """None."""
        return None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The body as it is, which no stream will read."""
        return Envelope("unknown", request.body)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record a row."""
        return split_page(envelope, source)

    def session(self, source: SourceSettings, ports: PullPorts) -> KingdeeSession:
        """Calls of one source; ConfigError if its options are wrong."""
        return KingdeeSession(source, ports)

    def pages(
        self, session: KingdeeSession, request: PullRequest, source: SourceSettings
    ) -> AsyncIterator[Page]:
        """Pages of a stream: what changed, or all of the last months again.

        Raises:
            ConfigError: there is no such stream.
        """
        bill = bill_of(request.stream)
        if request.stream not in STREAMS or bill is None:
            raise ConfigError(f"{request.stream!r} is no stream of kingdee: {', '.join(STREAMS)}")
        if request.stream.endswith(REREAD):
            return reread_pages(session, bill, request)
        return changed_pages(session, bill, request, source)


CONNECTOR = KingdeeConnector()
"""Found by the entry point `hub.connectors`."""
