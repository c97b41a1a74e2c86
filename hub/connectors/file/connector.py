"""The connector of files: rows come by `hub import`, nothing is pushed or pulled."""

from __future__ import annotations

from hub.files.rows import split_rows
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

_NOT_A_SHEET = "pushed"


class FileConnector:
    """A list from a fair, a shop, an agency: imported by a person. A push to it is kept and never mapped."""

    platform = "file"
    pushes = ()

    def check(self, source: SourceSettings) -> None:
        """A source of files has no options."""

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """None is known before a file is imported: each saved column mapping is one."""
        return ()

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """Files have no set-up request."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """202 without a body."""
        return HookReply(202)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """403 with a reason."""
        return HookReply(403, b'{"error":"wrong_signature"}')

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """None: nothing is pushed."""
        return None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The body as it is, under a shape that no mapping has."""
        return Envelope(shape=_NOT_A_SHEET, body=request.body)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record a row."""
        return split_rows(envelope)


CONNECTOR = FileConnector()
