"""A company's month with a truth table: documents as its systems would send them, and what is wrong with them.

The labels are written down where the mistake is made, and know nothing of how reconciliation finds it.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hub.reconciliation.books import Entry, count_of
from hub.reconciliation.kinds import BreakKind as B

TODAY = date(2026, 2, 28)
Doc = dict[str, Any]
Label = tuple[str, str, str]  # kind, entity, number


@dataclass
class Company:
    """Documents, expected breaks, and documents that somebody has to be asked about."""

    seed: int
    docs: list[Doc] = field(default_factory=list)
    breaks: set[Label] = field(default_factory=set)
    questions: set[tuple[str, str]] = field(default_factory=set)
    contracts: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._numbers = itertools.count(1)

    def number(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers):07}"

    def add(self, entity: str, **values: Any) -> Doc:
        doc = {"entity": entity, "source": "books", **values}
        self.docs.append(doc)
        self.contracts += entity == "contract"
        return doc

    def wrong(self, kind: B, doc: Doc) -> None:
        self.breaks.add((kind.value, doc["entity"], doc["number"]))

    def ask(self, *docs: Doc) -> None:
        self.questions |= {(doc["entity"], doc["number"]) for doc in docs}

    def money(self) -> int:
        return self.random.randrange(10_000, 50_000_000) // 100 * 100 + self.random.randrange(
            1, 99
        )

    def day(self) -> date:
        return date(2026, 1, 1) + timedelta(days=self.random.randrange(31))

    def contract(self, amount: int | None = None, **values: Any) -> Doc:
        """A sealed contract with its opportunity and its triple lock; `without` drops parts of that."""
        without = values.pop("without", ())
        amount = self.money() if amount is None else amount
        number, day = values.pop("number", None) or self.number("HT"), values.pop("on_date", None)
        day = day or self.day()
        party = values.pop("party_code", None) or self.number("KH")
        usual = {"state": "active", "is_sealed": True, "scan_hash": "ab12"}
        doc = self.add(
            "contract", number=number, contract_number=number, on_date=day, amount_fen=amount,
            party_code=party, **{**usual, **values},
        )  # fmt: skip
        if "opportunity" not in without:
            self.add(
                "opportunity", number=self.number("SJ"), state="signed", on_date=day,
                amount_fen=amount, contract_number=number, party_code=party,
            )  # fmt: skip
        if "approval" not in without:
            self.add(
                "approval", number=self.number("SP"), contract_number=number, state="approved",
                decided_at=f"{day}T02:00:00.000Z",
            )  # fmt: skip
        if "account" not in without:
            self.add("receiving_account", number=self.number("ZH"), contract_number=number,
                     state="filed")  # fmt: skip
        return doc

    def money_doc(self, entity: str, prefix: str, deal: Doc, amount: int, **values: Any) -> Doc:
        named = {} if values.pop("loose", False) else {"contract_number": deal["number"]}
        later = deal["on_date"] + timedelta(days=self.random.randrange(0, 10))
        given = {"on_date": later, "party_code": deal["party_code"], "amount_fen": amount, **named}
        return self.add(entity, number=self.number(prefix), **{**given, **values})

    def invoice(self, deal: Doc, amount: int | None = None, **values: Any) -> Doc:
        amount = deal["amount_fen"] if amount is None else amount
        return self.money_doc("invoice", "FP", deal, amount, **{"state": "issued", **values})

    def receipt(self, deal: Doc, amount: int | None = None, **values: Any) -> Doc:
        amount = deal["amount_fen"] if amount is None else amount
        return self.money_doc("receipt", "SK", deal, amount, **{"state": "audited", **values})


def _opportunity_of(c: Company, deal: Doc) -> Doc:
    return next(
        d
        for d in reversed(c.docs)
        if d["entity"] == "opportunity" and d.get("contract_number") == deal["number"]
    )


def plain(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    c.receipt(deal)


def instalments(c: Company) -> None:
    deal = c.contract()
    third = deal["amount_fen"] // 3
    for part in (third, third, deal["amount_fen"] - 2 * third):
        due = date(2026, 6, 30) if part != third else deal["on_date"] + timedelta(days=20)
        owed = c.money_doc("receivable", "YS", deal, part, state="audited", due_on=due)
        bill = c.invoice(deal, part, contract_number=None, receivable_number=owed["number"])
        c.receipt(deal, part, contract_number=None, invoice_number=bill["number"])


def merged_invoice(c: Company) -> None:
    party = c.number("KH")
    deals = [c.contract(party_code=party) for _ in range(c.random.choice((2, 3)))]
    total = sum(deal["amount_fen"] for deal in deals)
    c.invoice(deals[0], total, loose=True, on_date=date(2026, 2, 10))
    for deal in deals:
        c.receipt(deal)


def merged_receipt(c: Company) -> None:
    party = c.number("KH")
    deals = [c.contract(party_code=party) for _ in range(2)]
    for deal in deals:
        c.invoice(deal)
    total = sum(deal["amount_fen"] for deal in deals)
    c.receipt(deals[0], total, contract_number="、".join(deal["number"] for deal in deals))


def partial(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    c.receipt(deal, deal["amount_fen"] // 2)


def refunded(c: Company) -> None:
    deal = c.contract()
    blue, paid = c.invoice(deal), c.receipt(deal)
    back = deal["amount_fen"] // 4
    c.invoice(deal, -back, kind="red", red_of=blue["number"], contract_number=None)
    c.money_doc("refund", "TK", deal, back, state="audited", receipt_number=paid["number"])


def red_and_new(c: Company) -> None:
    deal = c.contract()
    blue = c.invoice(deal)
    c.invoice(deal, -deal["amount_fen"], kind="red", red_of=blue["number"], contract_number=None)
    c.invoice(deal, on_date=date(2026, 2, 20))


def framework(c: Company) -> None:
    party = c.number("KH")
    frame = c.contract(party_code=party, kind="framework", without=("approval", "account"))
    _opportunity_of(c, frame)["state"] = "negotiation"
    c.invoice(c.contract(party_code=party, parent_number=frame["number"]))


def cross_period(c: Company) -> None:
    deal = c.contract(on_date=date(2026, 1, 30))
    c.invoice(deal, on_date=date(2026, 2, 3))
    c.receipt(deal, on_date=date(2026, 2, 25))


def amended(c: Company) -> None:
    deal = c.contract()
    more = 100_000
    c.add("contract", number=c.number("BC"), kind="amendment", amends_number=deal["number"],
          state="active", amount_fen=more, on_date=deal["on_date"], party_code=deal["party_code"])  # fmt: skip
    _opportunity_of(c, deal)["amount_fen"] += more
    c.invoice(deal, deal["amount_fen"] + more)


def loose_equal(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal, loose=True)
    c.receipt(deal, loose=True)


def loose_instalments(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    part = deal["amount_fen"] // 3
    c.receipt(deal, part, loose=True)
    c.receipt(deal, deal["amount_fen"] - part, loose=True)


def two_systems(c: Company) -> None:
    deal = c.contract()
    bill = c.invoice(deal)
    c.docs.append({**bill, "source": "tax", "contract_number": None})
    c.docs.append({**deal, "source": "oa", "scan_hash": None})


def by_order(c: Company) -> None:
    order = c.number("DD")
    deal = c.contract(order_number=order)
    c.invoice(deal, contract_number=None, request_number=order)
    c.receipt(deal, contract_number=None, order_number=order)


def not_counted(c: Company) -> None:
    c.contract(state="voided", without=("opportunity",))
    deal = c.contract()
    c.invoice(deal, state="voided")
    c.invoice(deal)
    c.receipt(deal, state="draft")
    c.receipt(deal)


def signed_electronically(c: Company) -> None:
    deal = c.contract(is_sealed=None)
    c.add("signing", number=c.number("QS"), contract_number=deal["number"], state="completed",
          flow_id=c.number("flow"))  # fmt: skip


def loose_opportunity(c: Company) -> None:
    deal = c.contract(without=("opportunity",))
    c.add("opportunity", number=c.number("SJ"), state="signed", on_date=deal["on_date"],
          amount_fen=deal["amount_fen"], party_code=deal["party_code"])  # fmt: skip


CLEAN: tuple[Callable[[Company], None], ...] = (
    plain, plain, plain, instalments, merged_invoice, merged_receipt, partial, refunded,
    red_and_new, framework, cross_period, amended, loose_equal, loose_instalments, two_systems,
    by_order, not_counted, signed_electronically, loose_opportunity,
)  # fmt: skip


def _customer_unknown(c: Company) -> None:
    c.wrong(B.CUSTOMER_UNKNOWN, c.contract(without=("opportunity",)))


def _signed_without_contract(c: Company) -> None:
    doc = c.add("opportunity", number=c.number("SJ"), state="signed", amount_fen=c.money(),
                on_date=c.day(), party_code=c.number("KH"))  # fmt: skip
    c.wrong(B.SIGNED_WITHOUT_CONTRACT, doc)


def _signed_unsealed(c: Company) -> None:
    deal = c.contract(is_sealed=False)
    c.wrong(B.SIGNED_UNSEALED, _opportunity_of(c, deal))


def _framework_counted(c: Company) -> None:
    deal = c.contract(kind="framework", without=("approval",))
    c.wrong(B.FRAMEWORK_COUNTED, _opportunity_of(c, deal))


def _stage_amount(c: Company) -> None:
    deal = c.contract()
    opportunity = _opportunity_of(c, deal)
    opportunity["amount_fen"] = deal["amount_fen"] * 2
    c.wrong(B.AMOUNT_DIFFERS, opportunity)


def _approval_missing(c: Company) -> None:
    c.wrong(B.APPROVAL_MISSING, c.contract(without=("approval",)))


def _approval_rejected(c: Company) -> None:
    deal = c.contract()
    c.add("approval", number=c.number("SP"), contract_number=deal["number"], state="rejected",
          decided_at="2026-02-20T02:00:00.000Z")  # fmt: skip
    c.wrong(B.APPROVAL_REJECTED, deal)


def _scan_missing(c: Company) -> None:
    deal = c.contract()
    del deal["scan_hash"]
    c.wrong(B.SCAN_MISSING, deal)


def _account_not_filed(c: Company) -> None:
    c.wrong(B.ACCOUNT_NOT_FILED, c.contract(without=("account",)))


def _amendment_alone(c: Company) -> None:
    doc = c.add("contract", number=c.number("BC"), kind="amendment", amends_number="HT-nowhere-1",
                state="active", amount_fen=c.money(), on_date=c.day(), party_code=c.number("KH"))  # fmt: skip
    c.wrong(B.AMENDMENT_WITHOUT_CONTRACT, doc)


def _voided_used(c: Company) -> None:
    deal = c.contract(state="voided")
    c.invoice(deal)
    c.wrong(B.VOIDED_STILL_USED, deal)


def _party_differs(c: Company) -> None:
    deal = c.contract()
    c.wrong(B.PARTY_DIFFERS, c.invoice(deal, party_code=c.number("KH")))


def _duplicate(c: Company) -> None:
    deal = c.contract()
    bill = c.invoice(deal)
    c.docs.append({**bill, "copy": 1})
    c.wrong(B.DUPLICATE_NUMBER, bill)


def _duplicate_contract(c: Company) -> None:
    deal = c.contract()
    c.docs.append({**deal, "copy": 1})
    c.wrong(B.DUPLICATE_NUMBER, deal)


def _copies_differ(c: Company) -> None:
    deal = c.contract()
    bill = c.invoice(deal)
    c.docs.append({**bill, "source": "tax", "amount_fen": bill["amount_fen"] + 50_000})
    c.wrong(B.COPIES_DIFFER, bill)


def _currency(c: Company) -> None:
    c.wrong(B.CURRENCY_DIFFERS, c.receipt(c.contract(), currency="USD"))


def _negative(c: Company) -> None:
    c.wrong(B.NEGATIVE_AMOUNT, c.receipt(c.contract(), -5_000))
    c.wrong(B.NEGATIVE_AMOUNT, c.invoice(c.contract(), -5_000))


def _amount_missing(c: Company) -> None:
    doc = c.invoice(c.contract())
    del doc["amount_fen"]
    c.wrong(B.AMOUNT_MISSING, doc)


def _unreadable(c: Company) -> None:
    c.wrong(B.STATE_UNREADABLE, c.receipt(c.contract(), state="?"))


def _not_invoiced(c: Company) -> None:
    c.wrong(B.CONTRACT_NOT_INVOICED, c.contract(on_date=date(2025, 12, 10)))


def _invoice_alone(c: Company) -> None:
    doc = c.add("invoice", number=c.number("FP"), state="issued", amount_fen=c.money(),
                on_date=c.day(), party_code=c.number("KH"))  # fmt: skip
    c.wrong(B.INVOICE_WITHOUT_CONTRACT, doc)
    deal = c.contract()
    c.wrong(B.INVOICE_WITHOUT_CONTRACT, c.invoice(deal, contract_number="HT-nowhere-2"))


def _invoice_over(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    c.invoice(deal, 20_000)
    c.wrong(B.INVOICE_OVER, deal)


def _red_alone(c: Company) -> None:
    deal = c.contract()
    doc = c.invoice(deal, -700_00, kind="red", red_of="FP-nowhere-1", contract_number=None)
    c.wrong(B.RED_WITHOUT_BLUE, doc)


def _red_over(c: Company) -> None:
    deal = c.contract()
    blue = c.invoice(deal, 100_000)
    c.wrong(B.RED_OVER, c.invoice(deal, -200_000, kind="red", red_of=blue["number"]))


def _receivable_alone(c: Company) -> None:
    doc = c.add("receivable", number=c.number("YS"), state="audited", amount_fen=c.money(),
                on_date=c.day(), party_code=c.number("KH"), contract_number="HT-nowhere-3")  # fmt: skip
    c.wrong(B.RECEIVABLE_WITHOUT_CONTRACT, doc)


def _overdue(c: Company) -> None:
    deal = c.contract()
    half = deal["amount_fen"] // 2
    rest = deal["amount_fen"] - half
    c.invoice(deal)
    c.money_doc("receivable", "YS", deal, half, state="audited", due_on=date(2026, 2, 10))
    late = c.money_doc("receivable", "YS", deal, rest, state="audited", due_on=date(2026, 2, 20))
    c.receipt(deal, half)
    c.wrong(B.RECEIVABLE_OVERDUE, late)


def _receipt_alone(c: Company) -> None:
    doc = c.add("receipt", number=c.number("SK"), state="audited", amount_fen=c.money(),
                on_date=c.day(), party_code=c.number("KH"))  # fmt: skip
    c.wrong(B.RECEIPT_WITHOUT_CONTRACT, doc)
    deal = c.contract()
    c.wrong(
        B.RECEIPT_WITHOUT_CONTRACT,
        c.receipt(deal, contract_number=None, invoice_number="FP-nowhere-2"),
    )


def _not_billed(c: Company) -> None:
    deal = c.contract(on_date=date(2026, 1, 5))
    c.receipt(deal, on_date=date(2026, 1, 8))
    c.wrong(B.RECEIPT_WITHOUT_INVOICE, deal)


def _receipt_over(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    c.receipt(deal)
    c.receipt(deal, 30_000, on_date=date(2026, 2, 20))
    c.wrong(B.RECEIPT_OVER, deal)


def _refund_alone(c: Company) -> None:
    deal = c.contract()
    doc = c.money_doc("refund", "TK", deal, 5_000, state="audited")
    c.wrong(B.REFUND_WITHOUT_RECEIPT, doc)


def _refund_over(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    paid = c.receipt(deal, 100_000)
    c.money_doc("refund", "TK", deal, 150_000, state="audited", receipt_number=paid["number"])
    c.wrong(B.REFUND_OVER, deal)


WRONG: tuple[Callable[[Company], None], ...] = (
    _customer_unknown, _signed_without_contract, _signed_unsealed, _framework_counted,
    _stage_amount, _approval_missing, _approval_rejected, _scan_missing, _account_not_filed,
    _amendment_alone, _voided_used, _party_differs, _duplicate, _duplicate_contract,
    _copies_differ, _currency, _negative, _amount_missing, _unreadable, _not_invoiced,
    _invoice_alone, _invoice_over, _red_alone, _red_over, _receivable_alone, _overdue,
    _receipt_alone, _not_billed, _receipt_over, _refund_alone, _refund_over,
)  # fmt: skip


def _several_contracts(c: Company) -> None:
    party, amount = c.number("KH"), c.money()
    one, _ = (c.contract(amount, party_code=party) for _ in range(2))
    c.ask(c.receipt(one, loose=True, on_date=date(2026, 2, 20)))


def _several_documents(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    c.ask(c.receipt(deal, loose=True), c.receipt(deal, loose=True))


def _partial_payment(c: Company) -> None:
    deal = c.contract()
    c.invoice(deal)
    c.ask(c.receipt(deal, deal["amount_fen"] // 3, loose=True))


def _several_sums(c: Company) -> None:
    party = c.number("KH")
    deals = [c.contract(n, party_code=party) for n in (10_000_00, 20_000_00, 30_000_00, 40_000_00)]
    for deal in deals:
        c.invoice(deal)
    c.ask(c.receipt(deals[0], 50_000_00, loose=True, on_date=date(2026, 2, 20)))


def _too_many(c: Company) -> None:
    party = c.number("KH")
    deals = [c.contract(1_000_00 + n * 7_00, party_code=party) for n in range(13)]
    c.ask(c.invoice(deals[0], 9_999_99, loose=True, on_date=date(2026, 2, 20)))


ASKED: tuple[Callable[[Company], None], ...] = (
    _several_contracts, _several_documents, _partial_payment, _several_sums, _too_many,
)  # fmt: skip


def a_month(contracts: int, seed: int = 1) -> Company:
    """A company of at least so many contracts: most are right; each mistake occurs at least once."""
    company = Company(seed)
    for _ in range(max(1, contracts // 500)):
        for make in (*WRONG, *ASKED):
            make(company)
    while company.contracts < contracts:
        company.random.choice(CLEAN)(company)
    return company


def entries_of(company: Company) -> Iterator[Entry]:
    """The documents as the core takes them."""
    for place, doc in enumerate(company.docs):
        yield entry_of(doc, place)


def entry_of(doc: Doc, place: int = 0) -> Entry:
    """One document as the core takes it; its id follows from what it is."""
    name = f"{doc['source']}/{doc['entity']}/{doc['number']}/{doc.get('copy', 0)}"
    target = ("amends_number", "red_of", "invoice_number", "receipt_number")
    due = doc.get("due_on")
    return Entry(
        id=hashlib.sha256(name.encode()).digest()[:16],
        entity=doc["entity"],
        source=doc["source"],
        number=doc["number"],
        kind=doc.get("kind"),
        state=doc.get("state"),
        on=count_of(doc["on_date"]) if doc.get("on_date") else None,
        amount=doc.get("amount_fen"),
        currency=doc.get("currency"),
        contract=doc.get("contract_number"),
        order=doc.get("order_number"),
        party=doc.get("party_code"),
        target=next((doc[name] for name in target if doc.get(name)), None),
        receivable=doc.get("receivable_number"),
        request=doc.get("request_number"),
        flow=doc.get("flow_id"),
        due=count_of(due) if due else None,
        decided=doc.get("decided_at"),
        sealed=doc.get("is_sealed"),
        has_scan=bool(doc.get("scan_hash")) or None,
    )
