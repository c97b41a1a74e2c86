"""The pure core: documents in, matches, breaks and questions out. No clock, no store, no order of input.

A *closed* set of documents holds with every document all that its link keys lead to. The findings about a closed
set are those that a run over all books has about the same documents: that is what makes a run incremental.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hub.reconciliation.books import Entry, by_entity
from hub.reconciliation.breaks import check_deal
from hub.reconciliation.deals import Ledger, unreadable
from hub.reconciliation.findings import Findings
from hub.reconciliation.kinds import BreakKind
from hub.reconciliation.matching import Answers, Matcher
from hub.reconciliation.pool import Pool
from hub.reconciliation.rules import Rules
from hub.reconciliation.stages import Stages


def reconcile(
    entries: Iterable[Entry],
    rules: Rules,
    today: int,
    answers: Answers | None = None,
    known: Collection[bytes] = (),
) -> Findings:
    """Everything that agrees, does not agree, or has to be asked.

    Args:
        entries: All documents of one merchant, or a closed set of them; any order.
        rules: Tolerances and terms.
        today: The business day as a day count; what is not yet due is no break.
        answers: Document id → the contract numbers that a person named ([]: none).
        known: Ids of contracts whose customer CRM knows by other means than an opportunity.
    """
    documents = by_entity(entries)
    findings = Findings()
    ledger = Ledger(documents, rules, findings, today)
    unreadable(documents, ledger.add_break)
    matcher = Matcher(ledger, rules, findings, answers or {})
    matcher.add_receivables(documents["receivable"])
    matcher.add_invoices(documents["invoice"])
    stages = Stages(matcher)
    stages.add_opportunities(documents["opportunity"])
    if matcher.pool:
        Pool(matcher).empty()
    matcher.add_receipts(documents["receipt"])
    if matcher.pool:
        Pool(matcher).empty()
    matcher.add_refunds(documents["refund"], documents["receipt"])
    for deal in ledger.deals.values():
        check_deal(ledger, rules, deal)
        if deal.opportunities:
            stages.check(deal)
        elif deal.is_live and not stages.has_customer(deal, known):
            ledger.add_break(BreakKind.CUSTOMER_UNKNOWN, deal.contract, deal)
    return findings
