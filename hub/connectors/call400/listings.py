"""What the pages of both vendors' lists share: names of the shapes, reading JSON, one record an item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from hub.connectors.windows import Listing
from hub.model.delivery import Envelope, RawRecord

TCCC_LIST, CLINK_LIST = "tccc_cdr_list", "clink_cdr"
STREAMS = (TCCC_LIST, CLINK_LIST)

T = TypeVar("T")

_UNREADABLE = (ValueError, RecursionError)


def decoded(body: bytes, kind: type[T]) -> T | None:
    """JSON as `kind`, None if it is not that."""
    try:
        return msgspec.json.decode(body, type=kind)
    except _UNREADABLE:
        return None


def text_of(value: str | int | None) -> str | None:
    """An id as text; an empty one is none."""
    return None if value is None else str(value) or None


def listing_of(items: Sequence[msgspec.Raw] | None, total: int | None, size: int) -> Listing:
    """A page of at most `size` items; without a total only an empty page is the last."""
    pages = None if total is None else -(-total // size)
    return Listing([bytes(item) for item in items or ()], total, pages)


def split_listing(envelope: Envelope, listing: Listing | None) -> list[RawRecord]:
    """Every item of a page as a record with its own JSON, byte for byte; a page without a list says so."""
    if listing is None:
        return [RawRecord(envelope.shape, envelope.body, unreadable="no_list")]
    return [_record(envelope.shape, item) for item in listing.items]


def _record(shape: str, item: bytes) -> RawRecord:
    try:
        fields = msgspec.json.decode(item)
    except _UNREADABLE:
        return RawRecord(shape, item, unreadable="not_readable")
    if not isinstance(fields, dict):
        return RawRecord(shape, item, unreadable="not_an_object")
    return RawRecord(shape, item)
