"""Rows of a page and the records they become: each an object under our names, with the bill's key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hub.connectors.kingdee.answers import Rows, cell_value, plain_cell, read_rows
from hub.connectors.kingdee.bills import DATE, ENTRY, FID, GONE, MODIFIED, Bill, bill_of
from hub.connectors.kingdee.options import options_of
from hub.connectors.kingdee.queries import Place, Query
from hub.errors import PlatformRejectedError
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings

KEY, FORM, SEEN_GONE_AT = "BillKey", "FormId", "SeenGoneAt"
_NAMES = "names"
_DAY = len("2026-01-01")
_PLAIN_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Line:
    """What paging needs of a row: the bill's id, the record's key, its business day ("" if none is said)."""

    fid: int
    key: str
    day: str


def lines_of(rows: Rows, query: Query) -> list[Line]:
    """The lines of a page.

    Raises:
        PlatformRejectedError: a row is not what was asked for (code `shape`), or a bill comes twice where
            its lines were not asked for (`entry_rows`): its amount would be counted twice.
    """
    names = list(query.columns)
    try:
        lines = [_line(dict(zip(names, row, strict=True))) for row in rows]
    except (ValueError, KeyError, TypeError):
        raise PlatformRejectedError(
            "a row of the site's list is not as asked", code="shape"
        ) from None
    if len({line.key for line in lines}) != len(lines):
        raise PlatformRejectedError(
            f"a {query.bill.entity} comes in several rows: some field is one of its lines; name"
            " FEntryID and FEntryAmount under options.fields, or leave that field out",
            code="entry_rows",
        )
    return lines


def _line(cells: Mapping[str, msgspec.Raw]) -> Line:
    fid = _whole(cells[FID])
    key = f"{fid}/{_whole(cells[ENTRY])}" if ENTRY in cells else str(fid)
    day = cell_value(cells[DATE]) if DATE in cells else ""
    return Line(fid, key, str(day or "")[:_DAY])


def _whole(cell: msgspec.Raw) -> int:
    """The whole number in a cell.

    Raises:
        ValueError: it holds none.
    """
    found = cell_value(cell)
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise ValueError("no id")
    return int(found)


def next_place(
    place: Place, lines: Sequence[Line], limit: int, *, has_entries: bool
) -> Place | None:
    """Where to go on behind a page, None behind the last.

    The last bill of a full page may go on: it is asked for again from its first line.
    """
    if len(lines) < limit:
        return None
    last = lines[-1].fid
    if not has_entries:
        return Place(last)
    done = [line.fid for line in lines if line.fid != last]
    # A bill with more lines than a page holds is read on by its lines.
    return Place(done[-1]) if done else Place(place.after, place.skip + len(lines))


def envelope_of(shape: str, query: Query, body: bytes) -> Envelope:
    """A page as it is kept: the site's bytes, and the names that they lack."""
    context = {_NAMES: ",".join(query.columns), FORM: query.bill.form_id}
    return Envelope(shape, body, context=context)


def gone_envelope(bill: Bill, keys: Iterable[str], seen_at: datetime) -> Envelope:
    """Bills that the site has no longer, as a page of our own."""
    records = [
        {FORM: bill.form_id, KEY: key, SEEN_GONE_AT: seen_at.isoformat()} for key in sorted(keys)
    ]
    return Envelope(f"{bill.entity}{GONE}", msgspec.json.encode(records))


def split_page(envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
    """One record a row; a page that is no list of rows comes back whole and says so."""
    if envelope.shape.endswith(GONE):
        return _split_gone(envelope)
    bill, names = bill_of(envelope.shape), envelope.context.get(_NAMES, "").split(",")
    rows = read_rows(envelope.body)
    if bill is None or rows is None:
        return [RawRecord(envelope.shape, envelope.body, unreadable="no_list")]
    zone = options_of(source).zone
    return [_record(bill, names, row, zone) for row in rows]


def _split_gone(envelope: Envelope) -> list[RawRecord]:
    try:
        records = msgspec.json.decode(envelope.body, type=list[dict[str, str]])
    except (ValueError, RecursionError):
        return [RawRecord(envelope.shape, envelope.body, unreadable="no_list")]
    return [RawRecord(envelope.shape, msgspec.json.encode(record)) for record in records]


def _record(bill: Bill, names: Sequence[str], row: Sequence[msgspec.Raw], zone: str) -> RawRecord:
    if len(names) != len(row):
        return RawRecord(bill.entity, msgspec.json.encode(row), unreadable="wrong_width")
    cells: dict[str, Any] = {name: plain_cell(cell) for name, cell in zip(names, row, strict=True)}
    try:
        key = _line({name: cell for name, cell in cells.items() if name != DATE}).key
    except (ValueError, KeyError, TypeError):
        return RawRecord(bill.entity, msgspec.json.encode(row), unreadable="no_id")
    if zone != _PLAIN_ZONE and MODIFIED in cells:
        cells[MODIFIED] = _with_offset(cells[MODIFIED], zone)
    return RawRecord(bill.entity, msgspec.json.encode({FORM: bill.form_id, KEY: key, **cells}))


def _with_offset(cell: msgspec.Raw, zone: str) -> msgspec.Raw:
    """A local time with its offset said, where the site's zone is another than mappings assume."""
    try:
        local = datetime.fromisoformat(str(cell_value(cell)))
    except ValueError:
        return cell
    return msgspec.Raw(msgspec.json.encode(local.replace(tzinfo=ZoneInfo(zone)).isoformat()))
