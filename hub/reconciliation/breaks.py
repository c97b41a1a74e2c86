"""What does not agree within a deal: legal evidence, invoices, receivables, receipts."""

from __future__ import annotations

from hub.reconciliation.deals import Deal, Ledger
from hub.reconciliation.kinds import BreakKind
from hub.reconciliation.rules import Rules


def check_deal(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    """Every break about one contract as a whole."""
    if deal.is_void:
        _check_void(ledger, rules, deal)
        return
    if not deal.is_live:
        return
    if deal.is_sealed and not deal.is_framework:
        _check_lock(ledger, rules, deal)
        _check_invoiced(ledger, rules, deal)
    _check_sums(ledger, rules, deal)
    _check_receivables(ledger, rules, deal)
    _check_receipts(ledger, rules, deal)


def _check_void(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    used = max(deal.invoiced, deal.received - deal.refunded)
    if used > rules.amount.fen:
        ledger.add_break(
            BreakKind.VOIDED_STILL_USED, deal.contract, deal, used,
            invoiced_fen=deal.invoiced, received_fen=deal.received - deal.refunded,
        )  # fmt: skip


def _check_lock(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    """The triple lock: approved by legal, scan there, receiving account filed."""
    contract, terms = deal.contract, rules.terms
    approval = deal.approval
    if approval is not None and approval.state in ("rejected", "withdrawn"):
        ledger.add_break(BreakKind.APPROVAL_REJECTED, contract, deal, state=approval.state)
    elif approval is not None and approval.state == "approved":
        _check_approved_amount(ledger, rules, deal)
    elif ledger.is_late(contract, contract.on, terms.approval_days):
        ledger.add_break(
            BreakKind.APPROVAL_MISSING, contract, deal, state=approval and approval.state
        )
    if not contract.has_scan and ledger.is_late(contract, contract.on, terms.scan_days):
        ledger.add_break(BreakKind.SCAN_MISSING, contract, deal)
    if not deal.is_filed and ledger.is_late(contract, contract.on, terms.account_days):
        ledger.add_break(BreakKind.ACCOUNT_NOT_FILED, contract, deal)


def _check_approved_amount(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    approval, value = deal.approval, deal.contract.amount
    if approval is None or approval.amount is None or value is None:
        return
    if not rules.amount.is_equal(approval.amount, value):
        ledger.add_break(
            BreakKind.AMOUNT_DIFFERS, approval, deal, abs(approval.amount - value),
            expected_fen=value, found_fen=approval.amount,
        )  # fmt: skip


def _check_invoiced(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    contract = deal.contract
    lacks = deal.value and not deal.invoices
    if lacks and ledger.is_late(contract, contract.on, rules.terms.invoice_days):
        ledger.add_break(BreakKind.CONTRACT_NOT_INVOICED, contract, deal, deal.value)


def _check_sums(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    """Never more than the contract says; a framework agreement says nothing."""
    net = deal.received - deal.refunded
    if net < -rules.amount.fen:
        ledger.add_break(
            BreakKind.REFUND_OVER, deal.contract, deal, -net,
            received_fen=deal.received, refunded_fen=deal.refunded,
        )  # fmt: skip
    value = deal.value
    if deal.is_framework or value is None:
        return
    slack = rules.amount.of(value)
    if deal.invoiced > value + slack:
        ledger.add_break(
            BreakKind.INVOICE_OVER, deal.contract, deal, deal.invoiced - value,
            expected_fen=value, found_fen=deal.invoiced,
        )  # fmt: skip
    if net > value + slack:
        ledger.add_break(
            BreakKind.RECEIPT_OVER, deal.contract, deal, net - value,
            expected_fen=value, found_fen=net,
        )  # fmt: skip


def _check_receivables(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    """Receipts pay what was due first; finance's own 核销 counts where it says more."""
    if not deal.receivables:
        return
    paid = deal.received - deal.refunded
    for one in sorted(deal.receivables, key=lambda r: (r.due or 0, r.number or "", r.id)):
        amount = one.amount or 0
        rest = max(0, amount - max(0, paid))
        paid -= amount
        rest = min(rest, amount - (one.settled or 0))
        is_short = rest > rules.amount.of(amount)
        if is_short and ledger.is_late(one, one.due, rules.terms.receivable_days):
            ledger.add_break(
                BreakKind.RECEIVABLE_OVERDUE, one, deal, rest, expected_fen=amount,
                found_fen=amount - rest,
            )  # fmt: skip


def _check_receipts(ledger: Ledger, rules: Rules, deal: Deal) -> None:
    """Money that came and was never invoiced, once the oldest of it is past its term."""
    net = deal.received - deal.refunded
    if net <= deal.invoiced + rules.amount.of(deal.invoiced):
        return
    covered = deal.invoiced + deal.refunded
    for on, amount in sorted(deal.receipts):
        covered -= amount
        if covered < -rules.amount.fen:
            if ledger.is_late(deal.contract, on, rules.terms.receipt_invoice_days):
                ledger.add_break(
                    BreakKind.RECEIPT_WITHOUT_INVOICE, deal.contract, deal, net - deal.invoiced,
                    expected_fen=net, found_fen=deal.invoiced,
                )  # fmt: skip
            return
