"""CRM against the contract: opportunities find their contracts, and what sales count as signed is checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hub.reconciliation.books import HOME_CURRENCY, Entry, party_keys
from hub.reconciliation.deals import Deal, distinct
from hub.reconciliation.findings import Candidate, Match, Question
from hub.reconciliation.kinds import Asked, BreakKind, Rule
from hub.reconciliation.matching import Matcher


class Stages:
    """Ties opportunities to deals: by number, by the contract's own reference, by party and amount."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._ledger = matcher.ledger
        self._rules = matcher.rules
        self.parties: set[str | bytes] = set()

    def add_opportunities(self, entries: Iterable[Entry]) -> None:
        """Tie all; those that are signed and tied to nothing are asked about, or are breaks."""
        loose = []
        for entry in distinct_opportunities(self._matcher, entries):
            self.parties.update(party_keys(entry))
            if not self._tie(entry) and entry.state == "signed":
                loose.append(entry)
        fitting = {entry.id: self._fitting(entry) for entry in loose}
        wanted: dict[str, int] = {}
        for deals in fitting.values():
            if len(deals) == 1:
                wanted[deals[0].number] = wanted.get(deals[0].number, 0) + 1
        for entry in loose:
            self._decide(entry, fitting[entry.id], wanted)

    def _tie(self, entry: Entry) -> bool:
        answered = self._matcher.answered(entry)
        if answered is not None:
            for deal in answered:
                self._match(entry, deal, Rule.ANSWER, None)
            return bool(answered)
        named = self._ledger.named(entry.contract) if entry.contract is not None else None
        if named is not None:
            self._match(entry, named, Rule.CONTRACT_NUMBER, entry.contract)
            return True
        deals = self._ledger.by_opportunity.get(entry.number or "", ())
        for deal in deals:
            self._match(entry, deal, Rule.OPPORTUNITY_NUMBER, entry.number)
        return bool(deals)

    def _match(self, entry: Entry, deal: Deal, rule: Rule, reference: str | None) -> None:
        deal.opportunities.append(entry)
        self._matcher.findings.matches.append(
            Match(entry, deal.number, entry.amount or 0, rule, reference)
        )

    def _fitting(self, entry: Entry) -> list[Deal]:
        """Contracts of the same party, amount and window that no opportunity has yet."""
        if entry.amount is None or entry.contract is not None:
            return []
        found = {
            deal.number: deal
            for key in party_keys(entry)
            for deal in self._ledger.by_party.get(key, ())
            if not deal.opportunities and self._is_like(entry, deal)
        }
        return [found[number] for number in sorted(found)]

    def _is_like(self, entry: Entry, deal: Deal) -> bool:
        if (entry.currency or HOME_CURRENCY) != deal.currency or deal.value is None:
            return False
        if not self._rules.amount.is_equal(entry.amount or 0, deal.value):
            return False
        days = abs((entry.on or 0) - (deal.contract.on or 0))
        return days <= self._rules.after_days

    def _decide(self, entry: Entry, deals: list[Deal], wanted: dict[str, int]) -> None:
        if len(deals) == 1 and wanted[deals[0].number] == 1:
            self._match(entry, deals[0], Rule.PARTY_AMOUNT_DATE, None)
        elif deals:
            reason = Asked.SEVERAL_CONTRACTS if len(deals) > 1 else Asked.SEVERAL_DOCUMENTS
            candidates = tuple(Candidate((deal.number,), deal.value or 0) for deal in deals)
            self._matcher.findings.questions.append(Question(entry, reason, candidates))
        elif self._ledger.is_late(entry, entry.on or 0, self._rules.terms.contract_days):
            self._ledger.add_break(
                BreakKind.SIGNED_WITHOUT_CONTRACT, entry, reference=entry.contract
            )

    def check(self, deal: Deal) -> None:
        """What CRM counts as signed against the contract itself."""
        signed = [one for one in deal.opportunities if one.state == "signed"]
        if not signed:
            return
        if deal.is_framework:
            self._ledger.add_break(BreakKind.FRAMEWORK_COUNTED, signed[0], deal)
            return
        if not deal.is_live:
            return
        if not deal.is_sealed:
            self._ledger.add_break(BreakKind.SIGNED_UNSEALED, signed[0], deal)
            return
        self._check_amount(deal, signed)

    def _check_amount(self, deal: Deal, signed: list[Entry]) -> None:
        """One opportunity may have several contracts: then only their sum could be compared, and it is not."""
        shared = any(
            len(self._ledger.by_opportunity.get(one.number or "", ())) > 1 for one in signed
        )
        amounts = [one.amount for one in signed]
        if shared or deal.value is None or None in amounts:
            return
        total = sum(amount for amount in amounts if amount is not None)
        if not self._rules.opportunity_amount.is_equal(total, deal.value):
            self._ledger.add_break(
                BreakKind.AMOUNT_DIFFERS, signed[0], deal, abs(total - deal.value),
                expected_fen=deal.value, found_fen=total,
            )  # fmt: skip

    def has_customer(self, deal: Deal, known: Collection[bytes]) -> bool:
        """Whether somebody in CRM is this contract's customer."""
        contract = deal.contract
        if deal.opportunities or contract.is_known or contract.id in known:
            return True
        return any(key in self.parties for key in party_keys(contract))


def distinct_opportunities(matcher: Matcher, entries: Iterable[Entry]) -> list[Entry]:
    """One entry an opportunity number."""
    return distinct(entries, matcher.findings, matcher.rules)
