"""What a metric comes to for a month, contract by contract; what cannot be summed is counted apart. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from hub.reconciliation.metrics import Dictionary, Metric, Span, Term
from hub.reconciliation.months import Month
from hub.reconciliation.papers import UNREADABLE, Aside, Paper, Papers, amended


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one document adds to a figure for one contract (None: it belongs to none that is known), in fen."""

    contract: str | None
    paper: Paper
    fen: int


@dataclass(frozen=True, slots=True)
class Apart:
    """Documents in another currency: how many, and their sum in its smallest unit."""

    documents: int
    amount: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value. `apart` is other currencies, `aside` what must not be summed, by reason."""

    metric: Metric
    month: Month
    fen: int
    documents: int
    apart: Mapping[str, Apart]
    aside: Mapping[str, int]
    contributions: tuple[Contribution, ...]

    def by_contract(self) -> dict[str, int]:
        """Fen by contract, documents without any left out."""
        sums: Counter[str] = Counter()
        for one in self.contributions:
            if one.contract is not None:
                sums[one.contract] += one.fen
        return dict(sums)


def figure(dictionary: Dictionary, name: str, papers: Papers, month: Month) -> Figure:
    """The value of the metric `name` of a month."""
    return figures(dictionary, (name,), papers, month)[name]


def figures(
    dictionary: Dictionary, names: Iterable[str], papers: Papers, month: Month
) -> dict[str, Figure]:
    """The values of several metrics of a month; what one of them needs of another is made once."""
    summed = _Sum(dictionary, papers, month)
    return {name: summed.of(dictionary[name]) for name in names}


class _Sum:
    """One evaluation: figures that others are about are made once."""

    def __init__(self, dictionary: Dictionary, papers: Papers, month: Month) -> None:
        self._dictionary = dictionary
        self._papers = papers
        self._month = month
        self._made: dict[str, Figure] = {}

    def of(self, metric: Metric) -> Figure:
        """The value of a metric."""
        if metric.name not in self._made:
            self._made[metric.name] = self._make(metric)
        return self._made[metric.name]

    def _make(self, metric: Metric) -> Figure:
        contributions: list[Contribution] = []
        apart: dict[str, list[int]] = {}
        aside: Counter[str] = Counter()
        documents = 0
        for term in metric.terms:
            members = self._members(term)
            for paper in self._papers.of(term.entity):
                if not self._fits(term, paper):
                    continue
                reason = _unusable(term, paper)
                if reason is not None:
                    aside[reason] += 1
                    continue
                found = self._contributions(term, paper, members)
                if found and paper.money != metric.currency:
                    apart.setdefault(paper.money, []).append(sum(one.fen for one in found))
                    continue
                documents += bool(found)
                contributions += found
            for reason, paper in self._papers.aside:
                aside[reason] += paper.entity == term.entity and self._is_in(term, paper)
        return Figure(
            metric,
            self._month,
            sum(one.fen for one in contributions),
            documents,
            {money: Apart(len(sums), sum(sums)) for money, sums in sorted(apart.items())},
            {reason: count for reason, count in sorted(aside.items()) if count},
            tuple(contributions),
        )

    def _members(self, term: Term) -> frozenset[str] | None:
        """The contracts that a term is about; None for all."""
        if term.contracts_of is None:
            return None
        return frozenset(self.of(self._dictionary[term.contracts_of]).by_contract())

    def _is_in(self, term: Term, paper: Paper) -> bool:
        on: date | None = getattr(paper, term.date)
        if term.span is Span.ANY or on is None:
            return term.span is Span.ANY
        return on in self._month if term.span is Span.WITHIN else on <= self._month.last

    def _fits(self, term: Term, paper: Paper) -> bool:
        """Whether a paper is one of the term's; one whose state is unreadable would be, so that it is counted aside."""
        if not self._is_in(term, paper):
            return False
        return all(
            condition.holds(getattr(paper, condition.field))
            or (condition.field == "state" and paper.state == UNREADABLE)
            for condition in term.where
        )

    def _contributions(
        self, term: Term, paper: Paper, members: frozenset[str] | None
    ) -> list[Contribution]:
        found = []
        for number, fen in self._papers.shares(paper):
            if members is not None and number not in members:
                continue
            if self._has_facts(term, paper, number):
                value = abs(fen) if term.is_absolute else fen
                found.append(Contribution(number, paper, term.sign * value))
        return found

    def _has_facts(self, term: Term, paper: Paper, number: str | None) -> bool:
        if not term.needs:
            return True
        dossier = self._papers.dossiers.get(number) if number is not None else None
        if dossier is None or not all(dossier.has(fact) for fact in term.needs):
            return False
        # an amendment has a seal of its own
        return not ("sealed" in term.needs and amended(paper) and paper.is_sealed is False)


def _unusable(term: Term, paper: Paper) -> Aside | None:
    """Why a paper must not be summed, None if it may."""
    if paper.state == UNREADABLE:
        return Aside.UNREADABLE
    if paper.amount_fen is None:
        is_promise = paper.entity == "contract" and paper.kind == "framework"
        return None if is_promise else Aside.NO_AMOUNT
    may_be_negative = term.is_absolute or (paper.entity == "contract" and amended(paper))
    return Aside.NEGATIVE if paper.amount_fen < 0 and not may_be_negative else None
