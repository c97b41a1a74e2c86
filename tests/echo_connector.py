"""A platform that exists only in tests: JSON pushes, `Msg-Id` as its key, a challenge that it echoes."""

from __future__ import annotations

from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

TAKEN = HookReply(200, b'{"code":0}')
REFUSED = HookReply(401, b'{"code":-1}')


class EchoConnector:
    """Follows the protocol of connectors; `breaks` names methods that raise, as a bug would."""

    platform = "echo"
    pushes = ("clue_push",)

    def __init__(self, breaks: frozenset[str] = frozenset()) -> None:
        self._breaks = breaks

    def check(self, source: SourceSettings) -> None:
        self._maybe_break("check")

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        return (source.push,) if source.push else ()

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        self._maybe_break("challenge")
        if request.query.startswith(b"challenge="):
            return HookReply(200, request.query.removeprefix(b"challenge="), "text/plain")
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        self._maybe_break("accepted")
        return TAKEN

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        return REFUSED

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        self._maybe_break("delivery_key")
        return request.headers.get("msg-id")

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        self._maybe_break("envelope")
        return Envelope(
            shape=source.push or "",
            body=request.body,
            method=request.method,
            query=request.query,
            content_type=request.headers.get("content-type", ""),
        )

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        return [RawRecord("clue", envelope.body)]

    def _maybe_break(self, method: str) -> None:
        if method in self._breaks:
            raise KeyError("13800138000")
