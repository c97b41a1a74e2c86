"""The simulated site's state: its bills, what bookkeepers do to them, and what it refuses next."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hub.connectors.kingdee.simulator.bills import (
    ENTRY_AMOUNT,
    ENTRY_ID,
    SimulatedBill,
    a_bill,
)
from hub.connectors.simulation import Drift, DriftingWorld, Payload

Clock = Callable[[], datetime]
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_CONDITION = re.compile(
    r"(FModifyDate|FDATE)(>=|<=)'(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})'|(FID)(>)(\d+)|(FID) (in) \(([\d,]+)\)"
)


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


def _foreign(row: Payload) -> Payload:
    return {**row, "FCURRENCYID.FNumber": _text("PRE007")} if "FCURRENCYID.FNumber" in row else row


def _unknown_state(row: Payload) -> Payload:
    return {**row, "FDOCUMENTSTATUS": _text("Q")} if "FDOCUMENTSTATUS" in row else row


def _text(value: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


DRIFTS: Mapping[str, Drift] = {
    "foreign-currency": Drift("bills come in a currency whose code is not known", _foreign),
    "state-unknown": Drift("a bill has a state that is in no table", _unknown_state),
}


class World(DriftingWorld):
    """The site. `add_clues` are bills, `clues` all that there are. From any thread."""

    drifts = DRIFTS

    def __init__(self, seed: int = 1, *, clock: Clock = utc_now) -> None:
        super().__init__()
        self.seed = seed
        self.clock = clock
        self.app_id = "234567_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
        self.app_secret = f"kdDemoSecret{seed:04d}"
        self.acct_id, self.user, self.org = "6571000000000a", "leadhub", "100"
        self.largest_page = 2000
        self.requests = 0
        self.made = 0
        self._refusals: list[tuple[int, str]] = []
        self._bills: dict[int, SimulatedBill] = {}
        self._lock = threading.Lock()

    @property
    def clues(self) -> list[SimulatedBill]:
        """Every bill that the site has."""
        with self._lock:
            return list(self._bills.values())

    def add_clues(
        self, count: int, *, created_at: datetime | None = None, every_s: float = 0.0
    ) -> list[SimulatedBill]:
        """`count` new bills, the first entered at `created_at` (default now)."""
        first = created_at or self.clock()
        with self._lock:
            new = [
                a_bill(self.seed, self.made + n, first + timedelta(seconds=n * every_s))
                for n in range(count)
            ]
            self.made += count
            self._bills |= {bill.fid: bill for bill in new}
        return new

    def put(self, bill: SimulatedBill) -> None:
        """Have this bill as it is."""
        with self._lock:
            self._bills[bill.fid] = bill

    def change(self, fid: int, **changes: Any) -> SimulatedBill:  # noqa: ANN401 -- fields of a bill
        """A bookkeeper's act on a bill (`status="Z"` takes its audit back); the time of change moves with it."""
        with self._lock:
            changed = {"modified_at": self.clock(), **changes}
            self._bills[fid] = replace(self._bills[fid], **changed)
            return self._bills[fid]

    def delete(self, fid: int) -> None:
        """Delete a bill: no list tells of it."""
        with self._lock:
            del self._bills[fid]

    def refuse(self, status: int = 519, body: str = '{"errcode":4006}', times: int = 1) -> None:
        """Answer the next requests with this."""
        with self._lock:
            self._refusals += [(status, body)] * times

    def next_refusal(self) -> tuple[int, str] | None:
        """What the request at hand is refused with, None if it is not; counts it."""
        with self._lock:
            self.requests += 1
            return self._refusals.pop(0) if self._refusals else None

    def rows(self, asked: Mapping[str, Any]) -> list[list[msgspec.Raw]]:
        """The page that a query asks for; a row a line where a field of a line is asked for.

        Raises:
            KeyError, ValueError: there is no such field, or the filter cannot be read.
        """
        keys = asked["FieldKeys"].split(",")
        matches = _filter(asked["FilterString"])
        found = [b for b in self.clues if b.form == asked["FormId"] and all(m(b) for m in matches)]
        by_line = any(key in (ENTRY_ID, ENTRY_AMOUNT) for key in keys)
        lines = [
            (bill, line)
            for bill in sorted(found, key=lambda one: one.fid)
            for line in (bill.lines() if by_line else bill.lines()[:1])
        ]
        start, limit = asked["StartRow"], min(asked["Limit"], self.largest_page)
        return [self._row(bill, line, keys) for bill, line in lines[start : start + limit]]

    def _row(
        self, bill: SimulatedBill, line: Mapping[str, msgspec.Raw], keys: list[str]
    ) -> list[msgspec.Raw]:
        shown = self.drifted(dict(line), bill.fid % 100_000)
        return [shown[key] for key in keys]


def _filter(text: str) -> list[Callable[[SimulatedBill], bool]]:
    """The conditions of a filter, all of which must hold.

    Raises:
        ValueError: one cannot be read.
    """
    return [_condition(part) for part in text.split(" and ")]


def _condition(text: str) -> Callable[[SimulatedBill], bool]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError("filter")
    name, operator, value = [group for group in match.groups() if group is not None]
    if operator == "in":
        wanted = {int(number) for number in value.split(",")}
        return lambda bill: bill.fid in wanted
    if operator == ">":
        return lambda bill: bill.fid > int(value)
    bound = datetime.fromisoformat(value).replace(tzinfo=_SHANGHAI)

    def at(bill: SimulatedBill) -> datetime:
        if name == "FModifyDate":
            return bill.modified_at
        return datetime.combine(bill.day, datetime.min.time(), _SHANGHAI)

    if operator == ">=":
        return lambda bill: at(bill) >= bound
    return lambda bill: at(bill) <= bound
