"""What the platform pushes: set-up challenges, the answers it expects, and reading a pushed lead.

Four shapes can be pushed to a source (`push:` of its settings): `clue_push`, the rule push of 飞鱼
(notes §7); `star_push`, a 星图 lead or a page of them; `open_event`, webhooks of the open platform
(§9.1); `spi_event`, SPI notices (§8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from hub.connectors.douyin.options import DouyinOptions, Reading, options_of, reading_of
from hub.connectors.douyin.records import read_listing
from hub.connectors.pushed_fields import UNREADABLE, read_fields
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

CLUE_PUSH, STAR_PUSH = "clue_push", "star_push"
OPEN_EVENT, SPI_EVENT = "open_event", "spi_event"

_CHALLENGE_EVENT = "verify_webhook"
_LONGEST_CHALLENGE = 20
_EMPTY = (b'""', b"null")
_STAR_KEYS = frozenset(("star_id", "order_id", "item_id"))


class _Challenge(msgspec.Struct):
    """The body of the open platform's set-up check; its content is an object only then."""

    event: str
    content: dict[str, Any]


class _Numbered(msgspec.Struct):
    message_id: str = ""


def challenge(request: HookRequest, source: SourceSettings) -> HookReply | None:
    """The answer to a set-up check, None for a delivery."""
    if request.method == "GET":
        return _spi_challenge(request, options_of(source))
    if source.push != OPEN_EVENT:
        return None
    try:
        asked = msgspec.json.decode(request.body, type=_Challenge)
    except UNREADABLE:
        return None
    number = asked.content.get("challenge")
    if asked.event != _CHALLENGE_EVENT or not isinstance(number, int):
        return None
    return _json(200, {"challenge": number})


def _spi_challenge(request: HookRequest, options: DouyinOptions) -> HookReply | None:
    query = dict(parse_qsl(request.query.decode("latin-1")))
    number = query.get("challenge", "")
    is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_CHALLENGE
    if query.get("event") != _CHALLENGE_EVENT or not is_number:
        return None
    return _json(200, {**_base_response(options.spi_status_code, "ok"), "challenge": int(number)})


def accepted(source: SourceSettings) -> HookReply:
    """The answer to a delivery that was taken."""
    options = options_of(source)
    if source.push == SPI_EVENT:
        return _json(200, _base_response(options.spi_status_code, "ok"))
    return _json(200, options.ack)


def refused(source: SourceSettings) -> HookReply:
    """The answer to a delivery whose guard or signature is wrong."""
    options = options_of(source)
    status = options.refused_status
    if source.push == SPI_EVENT:
        return _json(status, _base_response(status, "refused"))
    return _json(status, options.refusal)


def delivery_key(request: HookRequest, source: SourceSettings) -> str | None:
    """`Msg-Id` of a webhook, `message_id` of an SPI notice; a rule push has no documented id."""
    if source.push == OPEN_EVENT:
        return request.headers.get("msg-id") or None
    if source.push == SPI_EVENT:
        try:
            return msgspec.json.decode(request.body, type=_Numbered).message_id or None
        except UNREADABLE:
            return None
    return None


def envelope(request: HookRequest, source: SourceSettings) -> Envelope:
    """What `split_push` needs later. The query is kept only of a GET: in a POST it can hold secrets."""
    message_id = request.headers.get("msg-id")
    return Envelope(
        shape=source.push or CLUE_PUSH,
        body=request.body,
        method=request.method,
        query=request.query if request.method == "GET" else b"",
        content_type=request.headers.get("content-type", ""),
        headers={"msg-id": message_id} if message_id else {},
    )


def split_push(envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
    """The one record of a push, or those of a pushed page. A lead gets the platform's own names for its
    fields, and the rule's constants go."""
    raw = envelope.body or envelope.query
    try:
        fields = read_fields(
            envelope.body,
            envelope.content_type,
            envelope.query if envelope.method == "GET" else b"",
        )
    except UNREADABLE as error:
        return [RawRecord(envelope.shape, raw, unreadable=_why(error), headers=envelope.headers)]
    if envelope.shape == STAR_PUSH and "data" in fields and not _STAR_KEYS & fields.keys():
        listing = read_listing(raw)
        if listing is not None and listing.items:
            return [_listed(item, envelope, source) for item in listing.items]
    return [_record(fields, envelope, source)]


def _listed(item: bytes, envelope: Envelope, source: SourceSettings) -> RawRecord:
    """One item of a pushed page."""
    try:
        fields = read_fields(item, "application/json")
    except UNREADABLE as error:
        return RawRecord(envelope.shape, item, unreadable=_why(error), headers=envelope.headers)
    return _record(fields, envelope, source)


def _record(
    fields: Mapping[str, msgspec.Raw], envelope: Envelope, source: SourceSettings
) -> RawRecord:
    shape = envelope.shape
    if shape in (CLUE_PUSH, STAR_PUSH):
        fields = _renamed(fields, source)
    account = _text(fields.get("star_id" if shape == STAR_PUSH else "advertiser_id"))
    payload = msgspec.json.encode(fields)
    return RawRecord(shape, payload, account=account, headers=envelope.headers)


def _why(error: Exception) -> str:
    return "not_an_object" if isinstance(error, msgspec.ValidationError) else "not_readable"


def _renamed(fields: Mapping[str, msgspec.Raw], source: SourceSettings) -> dict[str, msgspec.Raw]:
    """`fields` under the platform's names; without constants of the rule; nothing else is dropped.

    Where two keys mean one name (`mobile` and `tel`), the first that holds a value gets it and the
    other keeps its own key.
    """
    reading = reading_of(source)
    names, constants = reading.names, reading.constants
    kept = {key: value for key, value in fields.items() if key not in constants}
    renamed = {names.get(key, key): value for key, value in kept.items()}
    if len(renamed) == len(kept):
        return renamed
    renamed = {}
    for key in sorted(kept, key=lambda key: _precedence(key, reading)):
        name = names.get(key, key)
        free = name not in renamed or bytes(renamed[name]) in _EMPTY
        if not free:
            renamed.setdefault(key, kept[key])
        elif name not in renamed or bytes(kept[key]) not in _EMPTY:
            renamed[name] = kept[key]
    return renamed


def _precedence(key: str, reading: Reading) -> int:
    """Keys that the configuration names, then keys that are right already, then the default guesses."""
    if key in reading.options.fields:
        return 0
    return 1 if key not in reading.names else 2


def _text(value: msgspec.Raw | None) -> str | None:
    """A JSON string or whole number as text, None for anything else or nothing."""
    if value is None:
        return None
    decoded = msgspec.json.decode(value)
    if isinstance(decoded, str | int) and not isinstance(decoded, bool):
        return str(decoded) or None
    return None


def _base_response(code: int, message: str) -> dict[str, Any]:
    return {"BaseResp": {"StatusCode": code, "StatusMessage": message}}


def _json(status: int, document: Mapping[str, Any]) -> HookReply:
    return HookReply(status, msgspec.json.encode(document))
