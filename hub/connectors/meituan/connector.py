"""The Meituan connector: the protocol of `hub.connectors.base`; nothing is pulled (no list is known)."""

from __future__ import annotations

from datetime import datetime

import httpx

from hub.connectors.meituan import oauth, push, write_back
from hub.connectors.meituan.options import options_of
from hub.connectors.meituan.write_back import MeituanSession
from hub.connectors.sessions import PullPorts, TokenSet
from hub.connectors.write_back import FollowUp, FollowUpCall
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class MeituanConnector:
    """美团 / 大众点评: messages that are pushed, recorded until a mapping for them is live."""

    platform = "meituan"
    pushes = (push.MESSAGE_PUSH,)

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is wrong."""
        options_of(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """Named as what is pushed."""
        return (source.push,) if source.push else ()

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

    def authorize_url(self, source: SourceSettings, *, state: str, redirect_uri: str) -> str:
        """The consent page; where it leads back to is registered in the console."""
        return oauth.authorize_url(source, state=state, redirect_uri=redirect_uri)

    def exchange(
        self, http: httpx.Client, source: SourceSettings, code: str, *, now: datetime
    ) -> TokenSet:
        """Tokens for a code."""
        return oauth.exchange(http, source, code, now=now)

    def refresh(
        self, http: httpx.Client, source: SourceSettings, refresh_token: str, *, now: datetime
    ) -> TokenSet:
        """New tokens; the refresh token stays if none comes."""
        return oauth.refresh(http, source, refresh_token, now=now)

    def is_ready(self, source: SourceSettings) -> bool:
        """Whether the source has an application: developerId, or app_key of 北极星."""
        return bool(options_of(source).app_id)

    def grant_holder(self, source: SourceSettings) -> str:
        """Its own: a token belongs to one merchant and line of business."""
        return ""

    def warn_days(self, source: SourceSettings) -> int:
        """Days before the refresh token dies at which a person is told."""
        return options_of(source).warn_days

    def warn_refreshes(self, source: SourceSettings) -> int:
        """How few renewals that 北极星 still grants are told to a person."""
        return options_of(source).warn_refreshes

    def session(self, source: SourceSettings, ports: PullPorts) -> MeituanSession:
        """The session that `send_follow_up` takes."""
        return MeituanSession(source, ports)

    def follow_up(self, told: FollowUp, source: SourceSettings) -> FollowUpCall:
        """What would be told of a lead; ConfigError in words if it cannot."""
        return write_back.follow_up(told, source)

    async def send_follow_up(
        self, session: MeituanSession, call: FollowUpCall, source: SourceSettings
    ) -> None:
        """Tell it; errors as the platform says."""
        await session.tell(call)


CONNECTOR = MeituanConnector()
