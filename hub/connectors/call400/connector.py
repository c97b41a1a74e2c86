"""The connector of call centres: one protocol, a profile for each vendor and product version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs

from hub.connectors.base import Page, PullRequest
from hub.connectors.call400.listings import STREAMS
from hub.connectors.call400.options import options_of
from hub.connectors.call400.profiles import PROFILES, profile_of
from hub.connectors.call400.pull import CallSession, call_pages, check_pulls, split_page
from hub.connectors.call400.reading import entity_of, split_call
from hub.connectors.sessions import PullPorts
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

_OK = 200
_MAX_KEY = 200


class Call400Connector:
    """腾讯云联络中心, 容联七陌, 天润融通, Udesk: calls as they are pushed. `push:` chooses the profile.

    Calls of TCCC and clink can be listed, too: what a push lost is found so.
    """

    platform = "call400"
    pushes = tuple(PROFILES)
    streams = STREAMS
    dated_streams = STREAMS

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is unknown or wrong, or its pulls lack what they need."""
        options_of(source)
        check_pulls(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """What is pushed under its `push` (of TCCC, recordings as well), and the lists it pulls."""
        if source.push is None:
            return source.pulls
        actions = profile_of(source.push).actions.values()
        return tuple(dict.fromkeys((source.push, *actions, *source.pulls)))

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """No vendor documents a set-up request."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """The vendor's own acknowledgement, or `options.ack`."""
        profile, own = profile_of(source.push), options_of(source).ack
        body = profile.ack if own is None else own.encode()
        return HookReply(_OK, body, profile.content_type)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status` with what is not the vendor's acknowledgement."""
        profile, options = profile_of(source.push), options_of(source)
        body = profile.refusal if options.refusal is None else options.refusal.encode()
        return HookReply(options.refused_status, body, profile.content_type)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """The vendor's id of the push where a header carries it; else equal requests are one."""
        header = profile_of(source.push).key_header
        key = request.headers.get(header, "").strip() if header else ""
        return key if 0 < len(key) <= _MAX_KEY else None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The request; of the query of a POST only what says which kind of push it is."""
        return Envelope(
            shape=entity_of(source.push, _action(request)),
            body=request.body,
            method=request.method,
            query=request.query if request.method == "GET" else b"",
            content_type=request.headers.get("content-type", ""),
        )

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record a push, one a call of a list."""
        if envelope.shape in STREAMS:
            return split_page(envelope)
        return split_call(envelope, source)

    def session(self, source: SourceSettings, ports: PullPorts) -> CallSession:
        """Calls of one source; ConfigError if its options are wrong."""
        return CallSession(source, ports)

    def pages(
        self, session: CallSession, request: PullRequest, source: SourceSettings
    ) -> AsyncIterator[Page]:
        """Calls by the instant they began; see `call_pages` for errors."""
        return call_pages(session, request)


def _action(request: HookRequest) -> str:
    if request.method == "GET":
        return ""
    try:
        return parse_qs(request.query.decode("latin-1"), max_num_fields=100)["action"][0]
    except (KeyError, ValueError):
        return ""


CONNECTOR = Call400Connector()
