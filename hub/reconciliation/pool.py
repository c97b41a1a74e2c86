"""Documents that name no contract: placed by party, amount and date where that leaves one way, else asked.

Nothing here depends on the order of the documents: each stage looks at what all earlier stages left, for all
documents at once, and what two documents both want goes to neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from hub.reconciliation.books import HOME_CURRENCY, Entry, order_of, party_keys
from hub.reconciliation.deals import Deal
from hub.reconciliation.findings import Candidate, Question
from hub.reconciliation.kinds import Asked, Rule
from hub.reconciliation.matching import WITHOUT, Matcher

_LISTED = 20
"""So many candidates are shown with a question."""


class Pool:
    """Empties `matcher.pool`: every document ends as a match, a question or a break."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._rules = matcher.rules
        self._waiting = sorted(matcher.pool, key=order_of)
        self._deals = {entry.id: self._of_party(entry) for entry in self._waiting}
        matcher.pool = []

    def empty(self) -> None:
        """All stages in their order."""
        self._by_amount()
        self._by_sums()
        self._by_instalments()
        for entry in self._waiting:
            able = self._able(entry)
            if able:
                self._ask(entry, Asked.PARTIAL, [(deal,) for deal in able])
            else:
                self._matcher.ledger.add_break(WITHOUT[entry.entity], entry)

    def _of_party(self, entry: Entry) -> list[Deal]:
        """Open deals of the document's party, in its currency, signed within the window; by date and number."""
        by_party = self._matcher.ledger.by_party
        found: dict[str, Deal] = {}
        for key in party_keys(entry):
            for deal in by_party.get(key, ()):
                if deal.currency == (entry.currency or HOME_CURRENCY) and self._in_window(
                    entry, deal
                ):
                    found[deal.number] = deal
        return sorted(found.values(), key=lambda one: (one.contract.on or 0, one.number))

    def _in_window(self, entry: Entry, deal: Deal) -> bool:
        if entry.on is None or deal.contract.on is None:
            return False
        days = entry.on - deal.contract.on
        return -self._rules.before_days <= days <= self._rules.after_days

    def _open(self, entry: Entry, deal: Deal) -> int:
        return self._matcher.open_of(deal, entry.entity)

    def _is_equal(self, entry: Entry, amount: int) -> bool:
        return self._rules.amount.is_equal(entry.amount or 0, amount)

    def _able(self, entry: Entry) -> list[Deal]:
        """Deals that lack at least the document's amount."""
        amount = (entry.amount or 0) - self._rules.amount.fen
        return [deal for deal in self._deals[entry.id] if self._open(entry, deal) >= amount > 0]

    def _fits(self, entry: Entry, deal: Deal) -> bool:
        """Whether the amount is just what the deal lacks, or one of its instalments or invoices."""
        units = [self._open(entry, deal)]
        if entry.entity != "receivable":
            units += [one.amount or 0 for one in deal.receivables]
        if entry.entity == "receipt":
            units += deal.invoices
        return any(self._is_equal(entry, unit) for unit in units if unit > 0)

    def _by_amount(self) -> None:
        """One deal fits: it is that one, if it has room for all that fit only it."""
        wanting: dict[tuple[str, str], list[Entry]] = {}
        left = []
        for entry in self._waiting:
            fitting = [deal for deal in self._able(entry) if self._fits(entry, deal)]
            if len(fitting) == 1:
                wanting.setdefault((entry.entity, fitting[0].number), []).append(entry)
            elif fitting:
                self._ask(entry, Asked.SEVERAL_CONTRACTS, [(deal,) for deal in fitting])
            else:
                left.append(entry)
        for (_, number), entries in wanting.items():
            deal = self._matcher.ledger.deals[number]
            total = sum(entry.amount or 0 for entry in entries)
            has_room = total <= self._open(entries[0], deal) + self._rules.amount.fen
            for entry in entries:
                if has_room:
                    self._match(entry, [deal], Rule.PARTY_AMOUNT_DATE)
                else:
                    self._ask(entry, Asked.SEVERAL_DOCUMENTS, [(deal,)])
        self._waiting = left

    def _by_sums(self) -> None:
        """合并开票、合并回款: the amount is what several deals lack together, and only those."""
        claims: list[tuple[Entry, tuple[Deal, ...]]] = []
        left = []
        for entry in self._waiting:
            lacking = [deal for deal in self._deals[entry.id] if self._open(entry, deal) > 0]
            smaller = [deal for deal in lacking if self._open(entry, deal) <= (entry.amount or 0)]
            if len(smaller) > self._rules.candidates:
                self._ask(entry, Asked.TOO_MANY, [(deal,) for deal in smaller])
                continue
            opens = [self._open(entry, deal) for deal in smaller]
            sums = self._sums(opens, entry.amount or 0)
            if len(sums) == 1:
                claims.append((entry, tuple(smaller[n] for n in sums[0])))
            elif sums:
                self._ask(
                    entry, Asked.SEVERAL_SUMS, [tuple(smaller[n] for n in one) for one in sums]
                )
            else:
                left.append(entry)
        self._waiting = left
        self._settle(claims)

    def _settle(self, claims: Sequence[tuple[Entry, tuple[Deal, ...]]]) -> None:
        """Claims on deals that nobody else claims are matches, the others are questions."""
        wanted: dict[tuple[str, str], int] = {}
        for entry, deals in claims:
            for deal in deals:
                key = (entry.entity, deal.number)
                wanted[key] = wanted.get(key, 0) + 1
        for entry, deals in claims:
            if all(wanted[entry.entity, deal.number] == 1 for deal in deals):
                shares = [self._open(entry, deal) for deal in deals]
                shares[-1] += (entry.amount or 0) - sum(shares)
                self._match(entry, deals, Rule.MERGED, shares)
            else:
                self._ask(entry, Asked.SEVERAL_DOCUMENTS, [deals])

    def _by_instalments(self) -> None:
        """分期: several documents of a party's only able deal add up to what it lacks."""
        groups: dict[tuple[str, str], list[Entry]] = {}
        for entry in self._waiting:
            able = self._able(entry)
            if len(able) == 1:
                groups.setdefault((entry.entity, able[0].number), []).append(entry)
        matched: set[bytes] = set()
        for (_, number), entries in groups.items():
            deal = self._matcher.ledger.deals[number]
            chosen = self._adding_up(entries, self._open(entries[0], deal))
            for entry in chosen:
                self._match(entry, [deal], Rule.INSTALMENTS)
            matched |= {entry.id for entry in chosen}
        self._waiting = [entry for entry in self._waiting if entry.id not in matched]

    def _adding_up(self, entries: Sequence[Entry], amount: int) -> list[Entry]:
        """The documents that add up to `amount`: all of them, or the only ones that do."""
        amounts = [entry.amount or 0 for entry in entries]
        if len(entries) > 1 and self._rules.amount.is_equal(sum(amounts), amount):
            return list(entries)
        if len(entries) > self._rules.candidates:
            return []
        sums = self._sums(amounts, amount)
        return [entries[n] for n in sums[0]] if len(sums) == 1 else []

    def _sums(self, amounts: Sequence[int], wanted: int) -> list[tuple[int, ...]]:
        """Places of two or more amounts that add up to `wanted`; bounded by the rules' candidates and parts."""
        slack = self._rules.amount.of(wanted)
        if len(amounts) < 2 or sum(amounts) < wanted - slack:
            return []
        return [
            places
            for size in range(2, min(self._rules.parts, len(amounts)) + 1)
            for places in combinations(range(len(amounts)), size)
            if abs(sum([amounts[n] for n in places]) - wanted) <= slack
        ]

    def _match(
        self, entry: Entry, deals: Sequence[Deal], rule: Rule, shares: Sequence[int] | None = None
    ) -> None:
        """Place it; the evidence is how far the amounts and days are apart."""
        lacked = sum(self._open(entry, deal) for deal in deals)
        days = (entry.on or 0) - min(deal.contract.on or 0 for deal in deals)
        before = len(self._matcher.findings.matches)
        self._matcher.place(entry, deals, rule, shares=shares)
        for match in self._matcher.findings.matches[before:]:
            match.differences = {"days": days, "open_fen": lacked, "amount_fen": entry.amount}

    def _ask(self, entry: Entry, reason: Asked, candidates: Iterable[Sequence[Deal]]) -> None:
        listed = [
            Candidate(
                tuple(deal.number for deal in deals),
                sum(self._open(entry, deal) for deal in deals),
            )
            for deals in candidates
        ]
        self._matcher.findings.questions.append(Question(entry, reason, tuple(listed[:_LISTED])))
