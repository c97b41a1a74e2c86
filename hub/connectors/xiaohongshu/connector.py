"""The Xiaohongshu connector: the protocol of `hub.connectors.base`, each part in its own module."""

from __future__ import annotations

from datetime import datetime

import httpx

from hub.connectors.sessions import PullPorts, TokenSet
from hub.connectors.write_back import FollowUp, FollowUpCall
from hub.connectors.xiaohongshu import oauth, push, write_back
from hub.connectors.xiaohongshu.options import options_of
from hub.connectors.xiaohongshu.write_back import ReturnSession
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings


class XiaohongshuConnector:
    """小红书 聚光: pushes of landing-page forms and of direct messages that left a contact, OAuth."""

    platform = "xiaohongshu"
    pushes = (push.FORM_PUSH, push.DM_PUSH)

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is wrong."""
        options_of(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """Named as what is pushed."""
        return (source.push,) if source.push else ()

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
        """A new pair; the old refresh token is no longer good."""
        return oauth.refresh(http, source, refresh_token, now=now)

    def is_ready(self, source: SourceSettings) -> bool:
        """Whether the source has an application id: pushes need none."""
        return bool(options_of(source).app_id)

    def grant_holder(self, source: SourceSettings) -> str:
        """The source whose grant this one uses (`options.grant`), "" for its own."""
        return options_of(source).grant

    def warn_days(self, source: SourceSettings) -> int:
        """Days before the refresh token dies at which a person is told."""
        return options_of(source).warn_days

    def session(self, source: SourceSettings, ports: PullPorts) -> ReturnSession:
        """The session that `send_follow_up` takes."""
        return ReturnSession(source, ports)

    def follow_up(self, told: FollowUp, source: SourceSettings) -> FollowUpCall:
        """What would be told of a lead; ConfigError in words if it cannot."""
        return write_back.follow_up(told, source)

    async def send_follow_up(
        self, session: ReturnSession, call: FollowUpCall, source: SourceSettings
    ) -> None:
        """Tell it; errors as the platform says."""
        await session.tell(call)
