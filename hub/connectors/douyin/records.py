"""Pages of the two lead lists: reading them while pulling, and splitting them into records."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hub.connectors.windows import Listing
from hub.model.delivery import Envelope, RawRecord

CLUE, STAR_CLUE = "clue", "star_clue"

T = TypeVar("T")

_UNREADABLE = (ValueError, RecursionError)


class _PageInfo(msgspec.Struct):
    total_number: int | None = None
    total_page: int | None = None


class _Listed(msgspec.Struct):
    items: list[msgspec.Raw] | None = msgspec.field(name="list", default=None)
    page_info: msgspec.Raw = msgspec.Raw(b"null")


class _Answer(msgspec.Struct):
    data: _Listed


class _ClueHead(msgspec.Struct):
    clue_id: str | int | None = None


class _StarHead(msgspec.Struct):
    star_id: int | str | None = None
    order_id: int | str | None = None
    item_id: int | str | None = None
    phone: int | str | None = None
    create_time: int | str | None = None


def read_listing(body: bytes) -> Listing | None:
    """The page in `body`, None if there is no list in it. Totals that cannot be read are absent."""
    try:
        data = msgspec.json.decode(body, type=_Answer).data
    except _UNREADABLE:
        return None
    try:
        info = msgspec.json.decode(data.page_info, type=_PageInfo | None) or _PageInfo()
    except _UNREADABLE:
        info = _PageInfo()
    items = [bytes(item) for item in data.items or ()]
    return Listing(items, info.total_number, info.total_page)


def clue_id(item: bytes) -> str | None:
    """The lead id of an item of `clue/get`, None if it has none."""
    head = _head(item, _ClueHead)
    return _text(head.clue_id) if head else None


def star_identity(item: bytes) -> tuple[str, ...] | None:
    """The fields that name a star lead, which has no id (notes §4); None if it cannot be read."""
    head = _head(item, _StarHead)
    if head is None:
        return None
    parts = (head.star_id, head.order_id, head.item_id, head.phone, head.create_time)
    return tuple("" if part is None else str(part) for part in parts)


def star_created(item: bytes) -> str:
    """The naive creation time of a star lead, "" if absent: these texts sort as their times do."""
    head = _head(item, _StarHead)
    return str(head.create_time or "") if head else ""


def split_listing(envelope: Envelope) -> list[RawRecord]:
    """Every item of a page as a record with its own JSON, byte for byte: large ids stay exact."""
    shape = envelope.shape
    listing = read_listing(envelope.body)
    if listing is None:
        return [RawRecord(shape, envelope.body, unreadable="no_list")]
    return [_record(shape, item) for item in listing.items]


def _record(shape: str, item: bytes) -> RawRecord:
    try:
        fields = msgspec.json.decode(item)
    except _UNREADABLE:
        return RawRecord(shape, item, unreadable="not_readable")
    if not isinstance(fields, dict):
        return RawRecord(shape, item, unreadable="not_an_object")
    account = fields.get("advertiser_id" if shape == CLUE else "star_id")
    is_id = isinstance(account, str | int) and not isinstance(account, bool)
    return RawRecord(shape, item, account=_text(account) if is_id else None)


def _head(item: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(item, type=kind)
    except _UNREADABLE:
        return None


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value) or None
