"""Which value of a contact wins where its leads disagree, why, and what lost. Pure; the rules are data.

The result is a function of the set of leads: neither their order nor how they were loaded changes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from hub.identity.survivorship_rules import Criterion, FieldRule, SurvivorshipRules

ONLY_VALUE = "only value"
LEAD_ID = "lead id"


class Standing(StrEnum):
    """How far a value can be relied on, by who vouches for it."""

    VERIFIED = "verified"
    TYPED = "typed"
    FILLED_IN = "filled in"


_STANDINGS = (Standing.FILLED_IN, Standing.TYPED, Standing.VERIFIED)


@dataclass(frozen=True, slots=True)
class Stated:
    """A lead as survivorship sees it. `at` is its own time, else when it came; `doc` its canonical document.

    `verifies` are fields that its source checks itself.
    """

    lead: UUID
    source: str
    platform: str
    at: datetime
    doc: Mapping[str, Any]
    verifies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """One value that a lead states for a field."""

    value: Any
    lead: UUID
    source: str
    at: datetime
    standing: Standing = Standing.TYPED


@dataclass(frozen=True, slots=True)
class Settled:
    """A field's winning value: who states it best, why it won, how many leads say so, and every value that lost.

    `won` is None for a field of several that come together (a city) where what won does not speak of it.
    `why` is the criterion that told the winner from the best of the others. `conflicts` holds the best
    claim of each losing value, strongest first; `stated` counts the leads that fill the field at all.
    """

    field: str
    won: Claim | None
    why: str
    agreeing: int
    stated: int
    conflicts: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Interest:
    """What a person wanted with one lead."""

    lead: UUID
    source: str
    at: datetime
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Profile:
    """A contact as its leads make it: settled fields by name, unions, and what was wanted, oldest first."""

    settled: Mapping[str, Settled] = field(default_factory=dict)
    unions: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)
    interests: tuple[Interest, ...] = ()

    def value(self, name: str) -> Any:  # noqa: ANN401 -- any JSON value
        """The winning value of a field, None if no lead fills it."""
        found = self.settled.get(name)
        return found.won.value if found and found.won else None

    def conflicts(self) -> dict[str, int]:
        """Field → how many different values lost, for fields where any did."""
        return {name: len(one.conflicts) for name, one in self.settled.items() if one.conflicts}


def profile(
    leads: Iterable[Stated], rules: SurvivorshipRules, trust: Sequence[str] = ()
) -> Profile:
    """The profile of a contact.

    Args:
        leads: All its leads, in any order.
        rules: What wins, field by field.
        trust: Sources and platforms, most trusted first; those that are not named come after, as equals.
    """
    ordered = sorted(leads, key=lambda one: (one.at, one.lead))
    order = {name: place for place, name in enumerate(trust)}
    judge = _Judge(rules, order)
    settled: dict[str, Settled] = {}
    for rule in rules.fields:
        for part in _parts(rule, ordered):
            settled.update(judge.settle(part, ordered))
    unions = {name: tuple(_union(name, ordered)) for name in rules.union}
    return Profile(
        settled,
        {name: claims for name, claims in unions.items() if claims},
        tuple(_interests(ordered, rules.interests)),
    )


@dataclass(frozen=True, slots=True)
class _Bid:
    """What one lead bids for a field or for fields that come together."""

    lead: Stated
    value: Mapping[str, Any]
    form: str
    standing: int


class _Judge:
    """Ranks the bids for a field."""

    def __init__(self, rules: SurvivorshipRules, trust: Mapping[str, int]) -> None:
        self._rules = rules
        self._trust = trust

    def settle(self, rule: FieldRule, leads: Sequence[Stated]) -> dict[str, Settled]:
        """Canonical field → what won it, for the fields of one rule that any lead fills."""
        bids = [bid for bid in (self._bid(rule, lead) for lead in leads) if bid]
        if not bids:
            return {}
        counts: dict[str, int] = {}
        for bid in bids:
            counts[bid.form] = counts.get(bid.form, 0) + 1
        measures = [self._measure(criterion, counts) for criterion in rule.by]

        def rank(bid: _Bid) -> tuple[Any, ...]:
            return (*(measure(bid) for measure in measures), bid.lead.at, bid.lead.lead.int)

        ranked = sorted(bids, key=rank, reverse=True)
        winners = _composed(ranked)
        rival = next((bid for bid in ranked[1:] if _differs(bid, winners)), None)
        why = _why(rule, rank(ranked[0]), rank(rival)) if rival else ONLY_VALUE
        return {
            name: self._settled(name, ranked, winners.get(name), why)
            for name in _names(rule, ranked)
        }

    def _settled(
        self, name: str, ranked: Sequence[_Bid], winner: _Bid | None, why: str
    ) -> Settled:
        """One field; what other leads say of it that differs has lost."""
        stating = [bid for bid in ranked if name in bid.value]
        won = self._claim(name, winner) if winner else None
        losing: dict[str, Claim] = {}
        for bid in stating:
            if won is None or bid.value[name] != won.value:
                losing.setdefault(form_of(bid.value[name]), self._claim(name, bid))
        agreeing = sum(won is not None and bid.value[name] == won.value for bid in stating)
        reason = why if losing else ONLY_VALUE
        return Settled(name, won, reason, agreeing, len(stating), tuple(losing.values()))

    def _claim(self, name: str, bid: _Bid) -> Claim:
        lead = bid.lead
        standing = _STANDINGS[bid.standing]
        return Claim(bid.value[name], lead.lead, lead.source, lead.at, standing)

    def _bid(self, rule: FieldRule, lead: Stated) -> _Bid | None:
        doc = lead.doc.get(rule.inside, {}) if rule.inside else lead.doc
        value = {name: doc[name] for name in rule.of if name in doc}
        if not value:
            return None
        if rule.inside:
            value = {f"{rule.inside}.{name}": inner for name, inner in value.items()}
        return _Bid(lead, value, form_of(value), self._standing(rule, lead))

    def _standing(self, rule: FieldRule, lead: Stated) -> int:
        """2 verified, 1 typed, 0 filled in by a rule."""
        names = set(rule.of) if not rule.inside else {rule.inside}
        for mark in lead.doc.get("marks", ()):
            if names & self._rules.filled_in.get(mark, frozenset()):
                return 0
        vouched = lead.verifies | self._rules.verified.get(lead.platform, frozenset())
        return 2 if names & vouched else 1

    def _measure(self, criterion: Criterion, counts: Mapping[str, int]) -> Callable[[_Bid], Any]:
        """How a criterion sees a bid: more is better."""
        match criterion:
            case Criterion.VERIFIED:
                return lambda bid: bid.standing
            case Criterion.TRUST:
                return self._trusted
            case Criterion.RECENCY:
                return lambda bid: bid.lead.at
            case Criterion.COUNT:
                return lambda bid: counts[bid.form]
            case Criterion.COMPLETENESS:
                return self._completeness

    def _trusted(self, bid: _Bid) -> int:
        last = len(self._trust)
        places = (self._trust.get(name, last) for name in (bid.lead.source, bid.lead.platform))
        return -min(places)

    def _completeness(self, bid: _Bid) -> tuple[int, int]:
        return len(bid.value), sum(self._said(value) for value in bid.value.values())

    def _said(self, value: Any) -> int:  # noqa: ANN401 -- any JSON value
        """How much a value says: characters of a text that are no star or honorific, members of an object."""
        if isinstance(value, str):
            text = value.strip()
            for ending in self._rules.honorifics:
                if text.endswith(ending) and len(text) > len(ending):
                    text = text.removesuffix(ending)
                    break
            return sum(not one.isspace() and one not in "*＊" for one in text)
        return len(value) if isinstance(value, dict | list) else 1


def _parts(rule: FieldRule, leads: Sequence[Stated]) -> Iterator[FieldRule]:
    """The rule itself, or one for each member that any lead has in an object whose members win one by one."""
    if not rule.inside:
        yield rule
        return
    names = {name for lead in leads for name in lead.doc.get(rule.inside, {})}
    for name in sorted(names):
        yield FieldRule((name,), rule.by, rule.inside)


def _composed(ranked: Sequence[_Bid]) -> dict[str, _Bid]:
    """Field → the bid that gives its value: the best one's, completed by those that agree with it so far."""
    found = dict.fromkeys(ranked[0].value, ranked[0])
    for bid in ranked[1:]:
        shared = found.keys() & bid.value.keys()
        if shared and all(found[name].value[name] == bid.value[name] for name in shared):
            for name in bid.value:
                found.setdefault(name, bid)
    return found


def _names(rule: FieldRule, bids: Sequence[_Bid]) -> list[str]:
    """The fields that the bids fill, in the order of the rule."""
    filled = {name for bid in bids for name in bid.value}
    ordered = [f"{rule.inside}.{name}" if rule.inside else name for name in rule.of]
    return [name for name in ordered if name in filled]


def _differs(bid: _Bid, winners: Mapping[str, _Bid]) -> bool:
    return any(
        name not in winners or winners[name].value[name] != value
        for name, value in bid.value.items()
    )


def _why(rule: FieldRule, ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> str:
    """The first criterion that tells the best bid from the best one that says something else."""
    names = [*rule.by, Criterion.RECENCY, LEAD_ID]
    compared = zip(names, ours, theirs, strict=True)
    return next((str(name) for name, one, other in compared if one != other), LEAD_ID)


def _union(name: str, leads: Iterable[Stated]) -> Iterator[Claim]:
    """Every different value of a field, each with the first lead that stated it."""
    seen: set[str] = set()
    for lead in leads:
        value = lead.doc.get(name)
        for one in value if isinstance(value, list) else [value]:
            if one is not None and (form := form_of(one)) not in seen:
                seen.add(form)
                yield Claim(one, lead.lead, lead.source, lead.at)


def _interests(leads: Iterable[Stated], names: Sequence[str]) -> Iterator[Interest]:
    for lead in leads:
        values = {name: lead.doc[name] for name in names if name in lead.doc}
        if values:
            yield Interest(lead.lead, lead.source, lead.at, values)


def form_of(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """Equal values have equal forms."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
