"""A company-month: every break is found with its type, none is invented; the long form is `make reconciliation`."""

from __future__ import annotations

import random

import pytest

from hub.reconciliation.books import count_of, link_keys
from hub.reconciliation.findings import Findings
from hub.reconciliation.kinds import BREAK_WORDS, BreakKind
from hub.reconciliation.reconcile import reconcile
from tests.reconciliation.company import TODAY, a_month, entries_of
from tests.reconciliation.suite import compare, found_in, shipped_rules


def plain(found: Findings) -> tuple[object, ...]:
    """What was found, comparable whatever the order it came in."""
    return (
        sorted(
            (m.entry.id, m.contract, m.amount, m.rule.value, m.reference or "", str(m.differences))
            for m in found.matches
        ),
        sorted((b.id("m"), b.facts_hash) for b in found.breaks),
        sorted((q.id("m"), q.reason.value, q.candidates) for q in found.questions),
        sorted(found.waits.items()),
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_break_of_a_small_month_is_found_and_none_invented(seed: int):
    company = a_month(500, seed)
    result = compare(company, found_in(company))

    assert result.is_right, result.report()


@pytest.mark.chaos
@pytest.mark.parametrize("seed", [1, 2])
def test_every_break_of_ten_thousand_contracts_is_found_and_none_invented(seed: int):
    company = a_month(10_000, seed)
    result = compare(company, found_in(company))

    assert company.contracts >= 10_000
    assert result.is_right, result.report()


def test_every_kind_of_break_is_in_the_truth_table():
    assert {kind for kind, _, _ in a_month(500).breaks} == {kind.value for kind in BreakKind}
    assert set(BREAK_WORDS) == set(BreakKind)


def test_the_order_of_documents_changes_nothing():
    entries = list(entries_of(a_month(500)))
    rules, today = shipped_rules(), count_of(TODAY)
    expected = plain(reconcile(entries, rules, today))

    for seed in (1, 2, 3):
        random.Random(seed).shuffle(entries)
        assert plain(reconcile(entries, rules, today)) == expected


def test_each_closed_set_alone_gives_what_all_together_give():
    """That is what lets a run look only at what changed."""
    entries = list(entries_of(a_month(500)))
    rules, today = shipped_rules(), count_of(TODAY)
    whole = plain(reconcile(entries, rules, today))
    groups: dict[str, set[int]] = {}
    for place, entry in enumerate(entries):
        joined = {place}
        for key in link_keys(entry):
            joined |= groups.get(key, set())
        for member in joined:
            for key in link_keys(entries[member]):
                groups[key] = joined
    sets = {frozenset(group) for group in groups.values()}
    parts = [reconcile([entries[n] for n in group], rules, today) for group in sets]
    together = Findings()
    for part in parts:
        together.matches += part.matches
        together.breaks += part.breaks
        together.questions += part.questions
        together.waits |= part.waits

    assert len(sets) > 300
    assert plain(together) == whole


def test_what_is_watched_is_late_on_its_day_and_not_before():
    """Between two watched days nothing changes: the waits tell when to look again."""
    entries = list(entries_of(a_month(500, 4)))
    rules, today = shipped_rules(), count_of(TODAY)
    found = reconcile(entries, rules, today)
    day = min(found.waits.values())

    assert day > today
    before = reconcile(entries, rules, day - 1)
    after = reconcile(entries, rules, day)
    assert plain(before)[1] == plain(found)[1]
    assert plain(after)[1] != plain(found)[1]
