"""Exact references: which contract a document itself names. What names none waits in the pool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hub.reconciliation.books import HOME_CURRENCY, Entry, numbers_in
from hub.reconciliation.deals import Deal, Ledger, counts, distinct
from hub.reconciliation.findings import Findings, Match
from hub.reconciliation.kinds import BreakKind, Rule
from hub.reconciliation.rules import Rules

Named = tuple[list[Deal], Rule, str]
Answers = Mapping[bytes, Sequence[str]]

WITHOUT: Mapping[str, BreakKind] = {
    "invoice": BreakKind.INVOICE_WITHOUT_CONTRACT,
    "receipt": BreakKind.RECEIPT_WITHOUT_CONTRACT,
    "receivable": BreakKind.RECEIVABLE_WITHOUT_CONTRACT,
    "opportunity": BreakKind.SIGNED_WITHOUT_CONTRACT,
}
"""What a document without a contract is, by entity."""


class Matcher:
    """Places documents in deals. Call in this order: receivables, invoices, receipts, (pool), refunds."""

    def __init__(self, ledger: Ledger, rules: Rules, findings: Findings, answers: Answers) -> None:
        self.ledger = ledger
        self.rules = rules
        self.findings = findings
        self._answers = answers
        self.pool: list[Entry] = []
        self._numbers: dict[str, dict[str, list[Deal]]] = {
            name: {} for name in ("receivable", "invoice", "receipt")
        }
        self._reds: list[Entry] = []
        self._invoices: set[str | None] = set()

    def add_receivables(self, entries: Iterable[Entry]) -> None:
        """Place receivables that name a contract or an order."""
        for entry in self._usable(entries):
            self._place_named(entry)

    def add_invoices(self, entries: Iterable[Entry]) -> None:
        """Place blue invoices, then red ones with the blue ones that they take back."""
        entries = list(entries)
        self._invoices = {entry.number for entry in entries if entry.kind != "red"}
        blue: dict[str, int] = {}
        for entry in self._usable(entries):
            if entry.kind == "red" or (entry.target is not None and (entry.amount or 0) <= 0):
                self._reds.append(entry)
                continue
            if entry.number is not None:
                blue[entry.number] = entry.amount or 0
            self._place_named(entry)
        for red in self._reds:
            self._place_red(red, blue)

    def add_receipts(self, entries: Iterable[Entry]) -> None:
        """Place receipts that name a contract, an invoice or an order."""
        for entry in self._usable(entries):
            self._place_named(entry)

    def add_refunds(self, entries: Iterable[Entry], receipts: Iterable[Entry]) -> None:
        """Place refunds with the receipts that they give back; one without any is a break."""
        known = {entry.number for entry in receipts}
        for entry in self._usable(entries):
            self._place_refund(entry, known)

    def place(
        self, entry: Entry, deals: Sequence[Deal], rule: Rule, reference: str | None = None,
        shares: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        """Give each deal its share of a document; another currency than the contract's is a break instead."""
        currency = entry.currency or HOME_CURRENCY
        other = next((deal for deal in deals if deal.currency != currency), None)
        if other is not None:
            self.ledger.add_break(
                BreakKind.CURRENCY_DIFFERS, entry, other, expected=other.currency, found=currency
            )
            return
        if entry.number is not None and entry.entity in self._numbers:
            self._numbers[entry.entity][entry.number] = list(deals)
        if len(deals) == 1:
            self._put(entry, deals[0], entry.amount or 0, rule, reference)
            return
        split = shares if shares is not None else self._split(entry, deals)
        for deal, share in zip(deals, split, strict=True):
            self._put(entry, deal, share, rule, reference)

    def open_of(self, deal: Deal, entity: str) -> int:
        """What a deal still lacks of invoices, receipts or receivables, in fen."""
        value = deal.value or 0
        if entity == "invoice":
            return value - deal.invoiced
        if entity == "receipt":
            return value - deal.received + deal.refunded
        return value - deal.due

    def _usable(self, entries: Iterable[Entry]) -> Iterable[Entry]:
        """Documents whose amount counts; the others are breaks, or not due to count."""
        for entry in distinct(entries, self.findings, self.rules):
            if not counts(entry):
                continue
            if entry.amount is None:
                self.ledger.add_break(BreakKind.AMOUNT_MISSING, entry)
            elif entry.amount < 0 and not _may_be_negative(entry):
                self.ledger.add_break(BreakKind.NEGATIVE_AMOUNT, entry)
            else:
                yield entry

    def _place_named(self, entry: Entry) -> None:
        named = self._named(entry)
        if named is None:
            self.pool.append(entry)
            return
        deals, rule, reference = named
        if not deals:
            self.ledger.add_break(WITHOUT[entry.entity], entry, reference=reference or None)
            return
        if rule is not Rule.ANSWER:
            self._check_party(entry, deals)
        self.place(entry, deals, rule, reference)

    def _named(self, entry: Entry) -> Named | None:
        """The deals that a document names, [] if what it names is nowhere, None if it names nothing."""
        answered = self.answered(entry)
        if answered is not None:
            return answered, Rule.ANSWER, ""
        if entry.contract is not None:
            deal = self.ledger.named(entry.contract)
            if deal is not None:
                return [deal], Rule.CONTRACT_NUMBER, entry.contract
            return self._several(entry.contract)
        if entry.entity == "receipt" and entry.target is not None:
            found = self._numbers["invoice"].get(entry.target, [])
            if found or entry.target not in self._invoices:
                return found, Rule.INVOICE_NUMBER, entry.target
        return self._hinted(entry)

    def answered(self, entry: Entry) -> list[Deal] | None:
        """What a person answered; None if nobody did, or if a contract of the answer is gone."""
        answer = self._answers.get(entry.id)
        if answer is None:
            return None
        found = [deal for deal in map(self.ledger.named, answer) if deal is not None]
        return found if len(found) == len(answer) else None

    def _several(self, text: str) -> Named:
        """A merged document names several contracts; it is placed only if all of them are known."""
        parts = numbers_in(text)
        found = [deal for deal in map(self.ledger.named, parts) if deal is not None]
        if not found or len(found) != len(parts):
            return [], Rule.CONTRACT_NUMBER, text
        unique = {deal.number: deal for deal in found}
        deals = sorted(unique.values(), key=lambda one: (one.contract.on or 0, one.number))
        return deals, Rule.SEVERAL_CONTRACTS, text

    def _hinted(self, entry: Entry) -> Named | None:
        """References that may as well be somebody's own numbers: they bind only if they lead somewhere."""
        if entry.receivable is not None:
            found = self._numbers["receivable"].get(entry.receivable)
            if found:
                return found, Rule.RECEIVABLE_NUMBER, entry.receivable
        if entry.request is not None:
            deal = self.ledger.named(entry.request) or self.ledger.of_order(entry.request)
            found = [deal] if deal else self._numbers["receivable"].get(entry.request)
            if found:
                return found, Rule.REQUEST_NUMBER, entry.request
        deal = self.ledger.of_order(entry.order) if entry.order is not None else None
        return ([deal], Rule.ORDER_NUMBER, entry.order or "") if deal else None

    def _place_red(self, red: Entry, blue: dict[str, int]) -> None:
        amount = abs(red.amount or 0)
        if red.target is None and red.contract is not None:
            deal = self.ledger.named(red.contract)
            if deal is not None:
                self._put(red, deal, -amount, Rule.CONTRACT_NUMBER, red.contract)
                return
        if red.target is None or red.target not in self._invoices:
            self.ledger.add_break(BreakKind.RED_WITHOUT_BLUE, red, reference=red.target)
            return
        deals = self._numbers["invoice"].get(red.target)
        if not deals:
            return  # the blue invoice is void, or stands in a break or the pool: that speaks for both
        rest = blue.get(red.target, 0) - amount
        if rest < -self.rules.amount.of(amount):
            self.ledger.add_break(BreakKind.RED_OVER, red, deals[0], -rest, reference=red.target)
            return
        blue[red.target] = rest
        shares = _taken_back(amount, [deal.invoiced for deal in deals])
        for deal, share in zip(deals, shares, strict=True):
            self._put(red, deal, -share, Rule.RED_OF, red.target)

    def _place_refund(self, refund: Entry, known: set[str | None]) -> None:
        amount = refund.amount or 0
        if refund.target is not None:
            deals = self._numbers["receipt"].get(refund.target, [])
            if not deals and refund.target in known:
                return  # the receipt stands in a break or a question: that speaks for both
            rule, reference = Rule.RECEIPT_NUMBER, refund.target
        else:
            deal = self.ledger.named(refund.contract) if refund.contract else None
            deals = [deal] if deal is not None and deal.received > 0 else []
            rule, reference = Rule.CONTRACT_NUMBER, refund.contract or ""
        if not deals:
            self.ledger.add_break(
                BreakKind.REFUND_WITHOUT_RECEIPT, refund, reference=reference or None
            )
            return
        shares = _taken_back(amount, [deal.received - deal.refunded for deal in deals])
        for deal, share in zip(deals, shares, strict=True):
            self._put(refund, deal, -share, rule, reference)

    def _split(self, entry: Entry, deals: Sequence[Deal]) -> list[int]:
        """A merged amount: each contract gets what it lacks, in order of date; the last one gets the rest."""
        rest, shares = entry.amount or 0, []
        for deal in deals[:-1]:
            share = max(0, min(rest, self.open_of(deal, entry.entity)))
            shares.append(share)
            rest -= share
        return [*shares, rest]

    def _put(
        self, entry: Entry, deal: Deal, amount: int, rule: Rule, reference: str | None
    ) -> None:
        entity = entry.entity
        if entity == "invoice":
            deal.invoiced += amount
            if amount > 0:
                deal.invoices.append(amount)
        elif entity == "receipt":
            deal.received += amount
            deal.receipts.append((entry.on or 0, amount))
        elif entity == "refund":
            deal.refunded -= amount
        else:
            deal.due += amount
            deal.receivables.append(entry)
        self.findings.matches.append(Match(entry, deal.number, amount, rule, reference or None))

    def _check_party(self, entry: Entry, deals: Sequence[Deal]) -> None:
        for deal in deals:
            if party_conflicts(entry, deal.contract):
                self.ledger.add_break(
                    BreakKind.PARTY_DIFFERS, entry, deal,
                    expected=deal.contract.party or deal.contract.company,
                    found=entry.party or entry.company,
                )  # fmt: skip
                return


def party_conflicts(one: Entry, other: Entry) -> bool:
    """Whether two documents name their party in the same way, and nothing of it is the same."""
    if one.party is not None and one.party == other.party:
        return False
    ours = {one.company, one.tax} - {None}
    theirs = {other.company, other.tax} - {None}
    if ours & theirs or set(one.blind or ()) & set(other.blind or ()):
        return False
    return (one.party is not None and other.party is not None) or bool(ours and theirs)


def _may_be_negative(entry: Entry) -> bool:
    """Only a red invoice may; it is one by its kind, or by the blue one that it names."""
    return entry.entity == "invoice" and (entry.kind == "red" or entry.target is not None)


def _taken_back(amount: int, of: Sequence[int]) -> list[int]:
    """`amount` over the shares it takes back, the first ones first; the last one gets the rest."""
    rest, shares = amount, []
    for there in of[:-1]:
        share = max(0, min(rest, there))
        shares.append(share)
        rest -= share
    return [*shares, rest]
