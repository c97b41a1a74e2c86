"""Pages of the lead lists: reading them while pulling, and splitting them into records."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hub.connectors.windows import Listing
from hub.model.delivery import Envelope, RawRecord

CLUE, STAR_CLUE = "clue", "star_clue"
LIFE_CLUE, LAIKE_CLUE = "life_clue", "laike_clue"
# The field that says whose lead an item is; of 来客 only the call says it.
_ACCOUNT_FIELDS = {CLUE: "advertiser_id", STAR_CLUE: "star_id", LIFE_CLUE: "local_account_id"}

T = TypeVar("T")

_UNREADABLE = (ValueError, RecursionError)


class _PageInfo(msgspec.Struct):
    """Routes A and C say total_number and total_page; B and D total and page_total."""

    total_number: int | None = None
    total_page: int | None = None
    total: int | None = None
    page_total: int | None = None


class _Listed(msgspec.Struct):
    items: list[msgspec.Raw] | None = msgspec.field(name="list", default=None)
    page_info: msgspec.Raw = msgspec.Raw(b"null")


class _LaikeListed(msgspec.Struct):
    items: list[msgspec.Raw] | None = msgspec.field(name="clue_data", default=None)
    page_info: msgspec.Raw = msgspec.field(name="page", default=msgspec.Raw(b"null"))


class _LaikeAnswer(msgspec.Struct):
    data: _LaikeListed


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
    answer = _decoded(body, _Answer)
    return None if answer is None else _listing(answer.data)


def read_laike_listing(body: bytes) -> Listing | None:
    """`read_listing` for the list of 来客, which has other names."""
    answer = _decoded(body, _LaikeAnswer)
    return None if answer is None else _listing(answer.data)


def _listing(data: _Listed | _LaikeListed) -> Listing | None:
    info = _decoded(bytes(data.page_info), _PageInfo) or _PageInfo()
    items = [bytes(item) for item in data.items or ()]
    number = info.total if info.total_number is None else info.total_number
    pages = info.page_total if info.total_page is None else info.total_page
    if data.items is None and number != 0:
        return None  # its name has changed: an empty page says so, or says that there are none
    return Listing(items, number, pages)


def clue_id(item: bytes) -> str | None:
    """The lead id of an item of a list that gives one, None if it has none."""
    head = _decoded(item, _ClueHead)
    return _text(head.clue_id) if head else None


def star_identity(item: bytes) -> tuple[str, ...] | None:
    """The fields that name a star lead, which has no id (notes §4); None if it cannot be read."""
    head = _decoded(item, _StarHead)
    if head is None:
        return None
    parts = (head.star_id, head.order_id, head.item_id, head.phone, head.create_time)
    return tuple("" if part is None else str(part) for part in parts)


def star_created(item: bytes) -> str:
    """The naive creation time of a star lead, "" if absent: these texts sort as their times do."""
    head = _decoded(item, _StarHead)
    return str(head.create_time or "") if head else ""


def split_listing(envelope: Envelope) -> list[RawRecord]:
    """Every item of a page as a record with its own JSON, byte for byte: large ids stay exact."""
    shape = envelope.shape
    read = read_laike_listing if shape == LAIKE_CLUE else read_listing
    listing = read(envelope.body)
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
    account = fields.get(_ACCOUNT_FIELDS.get(shape, ""))
    is_id = isinstance(account, str | int) and not isinstance(account, bool)
    return RawRecord(shape, item, account=_text(account) if is_id else None)


def _decoded(body: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except _UNREADABLE:
        return None


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value) or None
