"""The queries that are asked: text like SQL, so built of our own names, dates and whole numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.connectors.kingdee.bills import DATE, ENTRY, FID, MODIFIED, Bill
from hub.connectors.kingdee.options import KingdeeOptions


@dataclass(frozen=True, slots=True)
class Place:
    """How far a list was read: bills up to `after`, and `skip` lines of the one behind it."""

    after: int = 0
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """A list of one kind of bill as this source asks for it."""

    bill: Bill
    options: KingdeeOptions
    conditions: tuple[str, ...]

    @property
    def columns(self) -> Mapping[str, str]:
        """Our name → the installation's."""
        return self.options.columns(self.bill)

    @property
    def has_entries(self) -> bool:
        """Whether a row is a line of a bill, not a bill."""
        return ENTRY in self.columns

    def document(self, place: Place, limit: int) -> dict[str, Any]:
        """What is posted for the page behind `place`.

        Bills are listed by id and asked for behind one: a bill that changes meanwhile leaves the window, and
        would by its place in the list push another one past us.
        """
        columns = self.columns
        fid = columns[FID]
        order = [fid, columns[ENTRY]] if self.has_entries else [fid]
        return {
            "FormId": self.bill.form_id,
            "FieldKeys": ",".join(columns.values()),
            "FilterString": " and ".join((*self.conditions, f"{fid}>{place.after:d}")),
            "OrderString": ",".join(order),
            "TopRowCount": 0,
            "StartRow": place.skip,
            "Limit": limit,
        }


def modified_between(bill: Bill, options: KingdeeOptions, start: datetime, end: datetime) -> Query:
    """Bills changed between two instants, both included; the site reads its own local time."""
    key = options.columns(bill)[MODIFIED]
    zone = ZoneInfo(options.zone)
    # Whole seconds: the end is rounded down, and what changes within that second is met by the overlap.
    first, last = (f"{t.astimezone(zone):%Y-%m-%d %H:%M:%S}" for t in (start, end))
    return Query(bill, options, (f"{key}>='{first}'", f"{key}<='{last}'"))


def dated_from(bill: Bill, options: KingdeeOptions, first: date) -> Query:
    """Bills whose business date is `first` or later."""
    key = options.columns(bill)[DATE]
    return Query(bill, options, (f"{key}>='{first.isoformat()} 00:00:00'",))


def with_ids(bill: Bill, options: KingdeeOptions, ids: Sequence[int]) -> Query:
    """Bills with one of these ids."""
    listed = ",".join(f"{number:d}" for number in sorted(ids))
    return Query(bill, options, (f"{options.columns(bill)[FID]} in ({listed})",))
