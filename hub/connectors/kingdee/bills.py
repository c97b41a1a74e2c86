"""The bills that are pulled: their form, and the fields asked for under the names of the vendor's lists.

A customer's installation may spell a field otherwise, or have added its own: `options.fields` of the
source says so, and a record always stands under the names of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FID: Final = "FID"
NUMBER: Final = "FBillNo"
DATE: Final = "FDATE"
MODIFIED: Final = "FModifyDate"
ENTRY: Final = "FEntryID"
ENTRY_AMOUNT: Final = "FEntryAmount"
REREAD: Final = "_reread"
GONE: Final = "_gone"


@dataclass(frozen=True, slots=True)
class Bill:
    """One kind of bill. `fields` stand on the bill's head; `more` are asked for only where options name them.

    `amount` is the field of the head that says what the bill is worth.
    """

    entity: str
    form_id: str
    amount: str
    fields: tuple[str, ...]
    more: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that options may say something about."""
        return (*self.fields, self.amount, *self.more)


_MORE = ("F_contract_number", "F_order_number", ENTRY, ENTRY_AMOUNT)
_MONEY_HEAD = (
    "FCONTACTUNIT.FNumber",
    "FCONTACTUNIT.FName",
    "FPAYORGID.FNumber",
    "FCURRENCYID.FNumber",
    "FDOCUMENTSTATUS",
    "FCancelStatus",
)

BILLS: Final[Mapping[str, Bill]] = {
    bill.entity: bill
    for bill in (
        Bill(
            "receivable",
            "AR_receivable",
            "FALLAMOUNTFOR",
            (
                *(FID, NUMBER, DATE, "FENDDATE_H", "FCUSTOMERID.FNumber", "FCUSTOMERID.FName"),
                *("FSETTLEORGID.FNumber", "FCURRENCYID.FNumber"),
                *("FDOCUMENTSTATUS", "FCancelStatus", MODIFIED),
            ),
            (*_MORE, "F_written_off"),
        ),
        Bill(
            "receipt",
            "AR_RECEIVEBILL",
            "FRECTOTALAMOUNTFOR",
            (FID, NUMBER, DATE, *_MONEY_HEAD, MODIFIED),
            (*_MORE, "FPOSTDATE", "F_invoice_number", "F_fee"),
        ),
        Bill(
            "refund",
            "AR_REFUNDBILL",
            "FREFUNDTOTALAMOUNTFOR",
            (FID, NUMBER, DATE, *_MONEY_HEAD, MODIFIED),
            (*_MORE, "F_receipt_number"),
        ),
    )
}
STREAMS: Final = (*BILLS, *(f"{entity}{REREAD}" for entity in BILLS))


def bill_of(shape: str) -> Bill | None:
    """The bill that a stream or the shape of a page is about, None if there is none."""
    return BILLS.get(shape.removesuffix(REREAD).removesuffix(GONE))
