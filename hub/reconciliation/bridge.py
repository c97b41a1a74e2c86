"""The bridge from one figure to the agreed one: every contract whose amounts differ, and why. Pure.

The left figure plus all items is the right figure, to the fen; what no rule explains is an item of its own. Items that
are differences of 口径 or of timing are explained; the others are disagreements and make up the residual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from hub.reconciliation.figures import Contribution, Figure
from hub.reconciliation.metrics import Span
from hub.reconciliation.months import Month
from hub.reconciliation.papers import (
    FACTS,
    HOME_CURRENCY,
    LOCKS,
    Dossier,
    Papers,
    amended,
)


class Cause(StrEnum):
    """Why two figures differ at one contract."""

    FRAMEWORK = "framework"
    VOIDED = "voided"
    UNSEALED = "unsealed"
    STAGE_MISSING = "stage_missing"
    NO_RECEIPT_DATE = "no_receipt_date"
    LOCK_MISSING = "lock_missing"
    SIGNED_EARLIER = "signed_earlier"
    SIGNED_LATER = "signed_later"
    STAGE_LATER = "stage_later"
    INVOICED_EARLIER = "invoiced_earlier"
    INVOICED_LATER = "invoiced_later"
    RECEIVED_EARLIER = "received_earlier"
    RECEIVED_LATER = "received_later"
    NOT_YET_DUE = "not_yet_due"
    REFUNDED = "refunded"
    CURRENCY_APART = "currency_apart"
    STAGE_WITHOUT_CONTRACT = "stage_without_contract"
    STAGE_AMOUNT = "stage_amount_differs"
    INVOICE_WITHOUT_CONTRACT = "invoice_without_contract"
    RECEIPT_WITHOUT_CONTRACT = "receipt_without_contract"
    NOT_INVOICED = "not_invoiced"
    INVOICE_AMOUNT = "invoice_amount_differs"
    NOT_RECEIVED = "not_received"
    RECEIPT_AMOUNT = "receipt_amount_differs"
    UNEXPLAINED = "unexplained"


CAUSE_WORDS: Mapping[Cause, str] = {
    Cause.FRAMEWORK: "框架协议计入",
    Cause.VOIDED: "合同已作废或未生效",
    Cause.UNSEALED: "合同未盖章",
    Cause.STAGE_MISSING: "商机阶段未到已签约",
    Cause.NO_RECEIPT_DATE: "无预计回款日期",
    Cause.LOCK_MISSING: "三重锁缺项",
    Cause.SIGNED_EARLIER: "合同签于更早月份",
    Cause.SIGNED_LATER: "合同签于更晚月份",
    Cause.STAGE_LATER: "预计成交日期晚于月末",
    Cause.INVOICED_EARLIER: "已在更早月份开票",
    Cause.INVOICED_LATER: "在更晚月份开票",
    Cause.RECEIVED_EARLIER: "已在更早月份回款",
    Cause.RECEIVED_LATER: "在更晚月份回款",
    Cause.NOT_YET_DUE: "分期未到期",
    Cause.REFUNDED: "已退款",
    Cause.CURRENCY_APART: "外币单列",
    Cause.STAGE_WITHOUT_CONTRACT: "已签约商机无合同",
    Cause.STAGE_AMOUNT: "商机金额与合同不一致",
    Cause.INVOICE_WITHOUT_CONTRACT: "发票无合同",
    Cause.RECEIPT_WITHOUT_CONTRACT: "回款无合同",
    Cause.NOT_INVOICED: "应开未开票",
    Cause.INVOICE_AMOUNT: "开票金额与合同不一致",
    Cause.NOT_RECEIVED: "应收未回款",
    Cause.RECEIPT_AMOUNT: "回款金额与合同不一致",
    Cause.UNEXPLAINED: "未能解释",
}
"""What people in finance say."""

DISAGREEMENTS = frozenset(
    {
        Cause.STAGE_WITHOUT_CONTRACT, Cause.STAGE_AMOUNT, Cause.INVOICE_WITHOUT_CONTRACT,
        Cause.RECEIPT_WITHOUT_CONTRACT, Cause.NOT_INVOICED, Cause.INVOICE_AMOUNT,
        Cause.NOT_RECEIVED, Cause.RECEIPT_AMOUNT, Cause.UNEXPLAINED,
    }
)  # fmt: skip
"""Causes that neither 口径 nor timing excuses: what is left over the bridge."""


@dataclass(frozen=True, slots=True)
class Item:
    """One step from the left figure to the right one: signed fen at one contract (None: one document without any)."""

    cause: Cause
    fen: int
    contract: str | None
    number: str | None = None
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bridge:
    """`left` plus all items is `right`."""

    left: Figure
    right: Figure
    items: tuple[Item, ...]

    @property
    def difference(self) -> int:
        """Right minus left, in fen; the sum of the items."""
        return self.right.fen - self.left.fen

    def by_cause(self) -> dict[Cause, tuple[int, int]]:
        """Cause → items and their sum in fen, in the order of `Cause`."""
        counts, sums = Counter[Cause](), Counter[Cause]()
        for item in self.items:
            counts[item.cause] += 1
            sums[item.cause] += item.fen
        return {cause: (counts[cause], sums[cause]) for cause in Cause if counts[cause]}

    @property
    def residual(self) -> int:
        """What timing and 口径 leave over, in fen: the sizes of all disagreements, none set off against another."""
        return sum(abs(item.fen) for item in self.items if item.cause in DISAGREEMENTS)


def build_bridge(left: Figure, right: Figure, papers: Papers, today: date) -> Bridge:
    """Explain every contract at which two figures of one month differ.

    Args:
        left: Any figure.
        right: The figure to arrive at; it counts contracts (`signed_agreed`).
        papers: What both were made from.
        today: Instalments that fall due later are not missing yet.
    """
    return Bridge(left, right, tuple(_Explainer(left, right, papers, today).items()))


@dataclass(slots=True)
class _Gap:
    """What is still to be explained at one contract; items take from it."""

    contract: str | None
    rest: int
    number: str | None = None
    items: list[Item] = field(default_factory=list)

    def take(self, cause: Cause, fen: int, *detail: str) -> None:
        if fen:
            self.items.append(Item(cause, fen, self.contract, self.number, detail))
            self.rest -= fen


class _Explainer:
    """Walks the contracts of both figures, in the order of their numbers."""

    def __init__(self, left: Figure, right: Figure, papers: Papers, today: date) -> None:
        self._left = left
        self._right = right
        self._papers = papers
        self._today = today
        self._basis = left.metric.basis
        self._is_whole = all(term.span is Span.ANY for term in left.metric.terms)
        self._month: Month = left.month

    def items(self) -> Iterator[Item]:
        ours, theirs = self._left.by_contract(), self._right.by_contract()
        for number in sorted(ours.keys() | theirs.keys()):
            mine, other = ours.get(number, 0), theirs.get(number, 0)
            if mine != other:
                gap = _Gap(number, other - mine)
                self._explain(gap, mine, other, is_counted=number in theirs)
                gap.take(Cause.UNEXPLAINED, gap.rest)
                yield from gap.items
        for one in self._left.contributions:
            if one.contract is None:
                yield from self._alone(one, -one.fen)
        for one in self._right.contributions:
            if one.contract is None:
                yield from self._alone(one, one.fen)

    def _alone(self, one: Contribution, fen: int) -> Iterator[Item]:
        if fen:
            cause = _WITHOUT.get(one.paper.entity, Cause.UNEXPLAINED)
            yield Item(cause, fen, None, one.paper.number)

    def _explain(self, gap: _Gap, mine: int, other: int, *, is_counted: bool) -> None:
        dossier = self._papers.dossiers.get(gap.contract or "")
        if dossier is None or not dossier.contracts:
            gap.take(_WITHOUT.get(self._basis, Cause.UNEXPLAINED), gap.rest)
        elif not is_counted:
            cause, detail = self._why_not(dossier)
            gap.take(cause, gap.rest, *detail)
        elif self._basis == "invoice":
            self._money(gap, mine, dossier, _INVOICES)
        elif self._basis in ("receipt", "refund"):
            self._money(gap, mine, dossier, _RECEIPTS)
        elif self._basis == "opportunity":
            gap.take(self._stage(dossier, mine), gap.rest)
        elif any(amended(one) and one.is_sealed is False for one in dossier.contracts):
            gap.take(Cause.UNSEALED, gap.rest)

    def _why_not(self, dossier: Dossier) -> tuple[Cause, tuple[str, ...]]:
        """Why the agreed figure leaves a contract out: the first reason of a fixed order, with every lock."""
        main = dossier.main
        if dossier.is_framework:
            return Cause.FRAMEWORK, ()
        if main is None or not dossier.has("live"):
            return Cause.VOIDED, ()
        if main.money != HOME_CURRENCY:
            return Cause.CURRENCY_APART, (main.money,)
        signed = self._signed(dossier)
        if signed is not None:
            return signed
        for fact, cause in _CONDITIONS:
            if not dossier.has(fact):
                return cause, ()
        missing = tuple(FACTS[lock] for lock in LOCKS if not dossier.has(lock))
        return (Cause.LOCK_MISSING, missing) if missing else (Cause.UNEXPLAINED, ())

    def _signed(self, dossier: Dossier) -> tuple[Cause, tuple[str, ...]] | None:
        """When it was signed, if that was in no document of the month."""
        days = [one.on_date for one in dossier.contracts if one.on_date is not None]
        if not days or any(day in self._month for day in days):
            return None
        earlier = [day for day in days if day < self._month.first]
        if earlier:
            return Cause.SIGNED_EARLIER, (str(max(earlier)),)
        return Cause.SIGNED_LATER, (str(min(days)),)

    def _stage(self, dossier: Dossier, mine: int) -> Cause:
        """Why CRM has another amount than the contract."""
        if mine == 0:
            signed = [stage for stage in dossier.stages if stage.state == "signed"]
            if any(stage.money != HOME_CURRENCY for stage in signed):
                return Cause.CURRENCY_APART
            dates = [stage.expected_sign_on for stage in signed if stage.expected_sign_on]
            if dates and min(dates) > self._month.last:
                return Cause.STAGE_LATER
        return Cause.STAGE_AMOUNT

    def _money(self, gap: _Gap, mine: int, dossier: Dossier, kind: _Money) -> None:
        """Timing first, then instalments not due, refunds, and what is simply not there or another amount."""
        entries = list(getattr(dossier, kind.entries))
        if kind is _RECEIPTS:
            entries += [(on, -fen) for on, fen in dossier.refunds]
        if not self._is_whole:
            gap.take(kind.earlier, sum(f for on, f in entries if on and on < self._month.first))
            gap.take(kind.later, sum(f for on, f in entries if on and on > self._month.last))
        if gap.rest > 0:
            ahead = sum(fen for due, fen in dossier.scheduled if due > self._today)
            gap.take(Cause.NOT_YET_DUE, max(0, min(gap.rest, ahead)))
        if gap.rest > 0:
            given_back = sum(fen for _, fen in dossier.refunds)
            gap.take(Cause.REFUNDED, max(0, min(gap.rest, given_back)))
        other = dossier.other_money.get(kind.entity, ())
        if gap.rest > 0 and other:
            gap.take(Cause.CURRENCY_APART, gap.rest, *sorted(other))
        gap.take(kind.differs if entries or mine else kind.missing, gap.rest)


@dataclass(frozen=True, slots=True)
class _Money:
    """How invoices and receipts differ in the words of a bridge."""

    entity: str
    entries: str
    earlier: Cause
    later: Cause
    missing: Cause
    differs: Cause


_INVOICES = _Money(
    "invoice", "invoices", Cause.INVOICED_EARLIER, Cause.INVOICED_LATER, Cause.NOT_INVOICED,
    Cause.INVOICE_AMOUNT,
)  # fmt: skip
_RECEIPTS = _Money(
    "receipt", "receipts", Cause.RECEIVED_EARLIER, Cause.RECEIVED_LATER, Cause.NOT_RECEIVED,
    Cause.RECEIPT_AMOUNT,
)  # fmt: skip
_CONDITIONS = (
    ("sealed", Cause.UNSEALED),
    ("stage_signed", Cause.STAGE_MISSING),
    ("expected_receipt", Cause.NO_RECEIPT_DATE),
)
_WITHOUT: Mapping[str, Cause] = {
    "opportunity": Cause.STAGE_WITHOUT_CONTRACT,
    "invoice": Cause.INVOICE_WITHOUT_CONTRACT,
    "receipt": Cause.RECEIPT_WITHOUT_CONTRACT,
    "refund": Cause.RECEIPT_WITHOUT_CONTRACT,
}
