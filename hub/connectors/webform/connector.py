"""The connector of web forms: each delivery is one record, entity `form`."""

from __future__ import annotations

import msgspec

from hub.connectors.webform.attribution import channel_of
from hub.connectors.webform.submission import read_submission
from hub.errors import RecordError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

ENTITY = "form"
_PASSED_ON = ("suspect", "trust", "origin")


class WebformConnector:
    """Forms come in by `POST /forms/{form}`; a push to a form's hook is taken as suspect."""

    platform = "webform"
    pushes = (ENTITY,)

    def check(self, source: SourceSettings) -> None:
        """A form's settings are checked where they are read."""

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """`form`."""
        return (ENTITY,)

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """Forms have no set-up request."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """202 without a body."""
        return HookReply(202)

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """403 with a reason."""
        return HookReply(403, b'{"error":"wrong_signature"}')

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """The submission id, if the body can be read and has one."""
        try:
            return read_submission(request.body, _content_type(request)).submission_id
        except RecordError:
            return None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The body as it is. An unsigned hook goes round the traps, so it counts as suspect."""
        context = {"form": str(source.options.get("form", ""))}
        if source.signature.scheme == "none":
            context["suspect"] = "unsigned_hook"
        return Envelope(
            shape=ENTITY, body=request.body, content_type=_content_type(request), context=context
        )

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record: the submission without its traps. `headers` tell the loader what is suspect.

        `headers["suspect"]` lists signals by comma (the record is to be held as suspected_bot),
        `trust` is there when the origin was missing, `charset` when the text was not UTF-8.
        """
        context = envelope.context
        headers = {name: context[name] for name in _PASSED_ON if context.get(name)}
        account = context.get("form") or None
        try:
            found = read_submission(
                envelope.body, envelope.content_type, context.get("honeypot", "")
            )
        except RecordError as error:
            return [RawRecord(ENTITY, envelope.body, account, error.reason, headers)]
        document = dict(found.document)
        if account:
            document["form_id"] = account  # the address it was posted to, not what the body claims
        if channel := channel_of(document, source.options):
            document["channel"] = channel
        if found.submission_id is None and context.get("submission_id"):
            document["submission_id"] = context["submission_id"]
        if found.charset != "utf-8":
            headers["charset"] = found.charset
        return [RawRecord(ENTITY, msgspec.json.encode(document), account, None, headers)]


def _content_type(request: HookRequest) -> str:
    return request.headers.get("content-type", "")


CONNECTOR = WebformConnector()
