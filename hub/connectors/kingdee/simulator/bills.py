"""Invented bills, seeded, so that a run can be repeated; and the cell that each field has on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

FORMS = ("AR_receivable", "AR_RECEIVEBILL", "AR_REFUNDBILL")
# How this installation spells what every customer spells otherwise.
CONTRACT, ENTRY_ID, ENTRY_AMOUNT = "F_HT_NO", "FENTRYID", "FENTRYAMOUNT"
_PREFIX = {"AR_receivable": "YSD", "AR_RECEIVEBILL": "SKD", "AR_REFUNDBILL": "TKD"}
_AMOUNTS = ("FALLAMOUNTFOR", "FRECTOTALAMOUNTFOR", "FREFUNDTOTALAMOUNTFOR")
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_COMPANIES = ("演示公司", "示例科技", "样板商贸", "测试实业")
_FIRST_FID = 100_000


@dataclass(frozen=True, slots=True)
class SimulatedBill:
    """One bill as the site has it now. `entries_fen` are its lines; their sum is the bill."""

    fid: int
    form: str
    bill_no: str
    day: date
    customer: int
    contract: str
    entries_fen: tuple[int, ...]
    modified_at: datetime
    status: str = "C"
    cancelled: bool = False

    @property
    def amount_fen(self) -> int:
        """The sum of its lines."""
        return sum(self.entries_fen)

    @property
    def key(self) -> str:
        """What the hub knows it by."""
        return str(self.fid)

    def lines(self) -> list[dict[str, msgspec.Raw]]:
        """A row for each line: what stands on the head, repeated, and the line's own."""
        head = self._head()
        return [
            {**head, ENTRY_ID: _json(self.fid * 10 + n), ENTRY_AMOUNT: _money(fen)}
            for n, fen in enumerate(self.entries_fen)
        ]

    def _head(self) -> dict[str, msgspec.Raw]:
        code, name = f"CUST{self.customer:03d}", _COMPANIES[self.customer % len(_COMPANIES)]
        local = self.modified_at.astimezone(_SHANGHAI).replace(tzinfo=None)
        cells: dict[str, Any] = {
            "FID": self.fid,
            "FBillNo": self.bill_no,
            "FDATE": f"{self.day.isoformat()}T00:00:00",
            "FENDDATE_H": f"{(self.day + timedelta(days=30)).isoformat()}T00:00:00",
            "FCURRENCYID.FNumber": "PRE001",
            "FDOCUMENTSTATUS": self.status,
            "FCancelStatus": "B" if self.cancelled else "A",
            "FModifyDate": local.isoformat(timespec="milliseconds"),
            CONTRACT: self.contract,
        }
        for unit in ("FCUSTOMERID", "FCONTACTUNIT"):
            cells |= {f"{unit}.FNumber": code, f"{unit}.FName": name}
        for organisation in ("FSETTLEORGID", "FPAYORGID"):
            cells[f"{organisation}.FNumber"] = "100"
        head = {name: _json(value) for name, value in cells.items()}
        return head | dict.fromkeys(_AMOUNTS, _money(self.amount_fen))


def a_bill(seed: int, number: int, modified_at: datetime) -> SimulatedBill:
    """Bill `number` of the run with this seed: receivables and receipts in turn, now and then a refund."""
    chance = Random(f"bill:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    form = FORMS[2] if number % 10 == 9 else FORMS[number % 2]
    lines = chance.choice((1, 1, 1, 2, 3))
    return SimulatedBill(
        fid=_FIRST_FID + number,
        form=form,
        bill_no=f"{_PREFIX[form]}{seed:03d}{number:07d}",
        day=(modified_at.astimezone(_SHANGHAI) - timedelta(days=chance.randrange(0, 20))).date(),
        customer=chance.randrange(200),
        contract=f"HT-{seed:03d}-{chance.randrange(1, 1 + max(1, number)):05d}",
        entries_fen=tuple(chance.randrange(1, 20_000_000) for _ in range(lines)),
        modified_at=modified_at,
        status=chance.choice(("C", "C", "C", "C", "B", "Z")),
    )


def _money(fen: int) -> msgspec.Raw:
    """Yuan with ten decimals, as the site writes them."""
    return msgspec.Raw(f"{fen // 100}.{fen % 100:02d}00000000".encode())


def _json(value: Any) -> msgspec.Raw:  # noqa: ANN401 -- any JSON value
    return msgspec.Raw(msgspec.json.encode(value))
