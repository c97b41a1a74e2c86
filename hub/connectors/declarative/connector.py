"""The connector of sources without code: a CRM, a legal or OA system, a shop that posts JSON records."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from hub.connectors.source_options import PerSource, checked_options
from hub.files.rows import is_row_group, split_rows
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

_PUSH = "records"
_json = msgspec.json.Decoder()


class DeclarativeOptions(BaseModel):
    """What a push looks like. `entity` names the mapping of its records, unless each says it under `entity_field`.

    `records_at` is the dotted path to the list of records (or to the one); without it the body is the list
    or the record. `delivery_header` holds the sender's own id of a push; `ack` is what it expects to read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    entity_field: str = ""
    entities: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ...] = ()
    records_at: str = ""
    delivery_header: str = ""
    ack: str = '{"code":0}'


class DeclarativeConnector:
    """JSON over HTTP as configured; a file of rows may be imported into the same source."""

    platform = "declarative"
    pushes = (_PUSH,)

    def __init__(self) -> None:
        self._options = PerSource(lambda source: checked_options(DeclarativeOptions, source))

    def check(self, source: SourceSettings) -> None:
        """The options must be ours."""
        self._options(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """The entity that the options name, and the others that its records may say."""
        options = self._options(source)
        return tuple(dict.fromkeys((options.entity, *options.entities)))

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """Nothing is asked before."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """200 with what the options say."""
        return HookReply(200, self._options(source).ack.encode())

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """403 with a reason."""
        return HookReply(403, b'{"error":"wrong_signature"}')

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """The header that the options name, if it is there."""
        name = self._options(source).delivery_header
        return request.headers.get(name.lower()) if name else None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The body as it is."""
        return Envelope(shape=_PUSH, body=request.body)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record for each object of the list; what is no object comes back unreadable."""
        if is_row_group(envelope):
            return split_rows(envelope)
        options = self._options(source)
        try:
            found = _at(_json.decode(envelope.body), options.records_at)
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, RecursionError) as error:
            return [RawRecord(options.entity, envelope.body, unreadable=type(error).__name__)]
        records = found if isinstance(found, list) else [found]
        if records and not any(isinstance(record, dict) for record in records):
            return [RawRecord(options.entity, envelope.body, unreadable="no object")]
        return [_record(record, options) for record in records]


def _at(body: Any, path: str) -> Any:  # noqa: ANN401 -- any JSON value
    """What stands under a dotted path.

    Raises:
        LookupError: nothing does.
    """
    for step in filter(None, path.split(".")):
        if not isinstance(body, dict):
            raise LookupError(step)
        body = body[step]
    return body


def _record(record: Any, options: DeclarativeOptions) -> RawRecord:  # noqa: ANN401 -- any JSON value
    payload = msgspec.json.encode(record)
    if not isinstance(record, dict):
        return RawRecord(options.entity, payload, unreadable="no object")
    said = record.get(options.entity_field) if options.entity_field else None
    if said is None:
        return RawRecord(options.entity, payload)
    if said in (options.entity, *options.entities):
        return RawRecord(str(said), payload)
    return RawRecord(options.entity, payload, unreadable="unknown entity")


CONNECTOR = DeclarativeConnector()
