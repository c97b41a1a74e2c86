"""Runs a company's month through the core and compares with its truth table; `python -m tests.reconciliation`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from hub.reconciliation.books import count_of
from hub.reconciliation.findings import Findings
from hub.reconciliation.reconcile import reconcile
from hub.reconciliation.rules import Rules, parse_rules
from tests.reconciliation.company import TODAY, Company, Label, entries_of

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"


def shipped_rules() -> Rules:
    return parse_rules(yaml.safe_load((SCHEMAS / "reconciliation.yaml").read_text("utf-8")))


@dataclass(frozen=True)
class Comparison:
    """What was found against what is true, by kind."""

    expected: frozenset[Label]
    found: frozenset[Label]
    asked: frozenset[tuple[str, str]]
    expected_asked: frozenset[tuple[str, str]]

    @property
    def is_right(self) -> bool:
        return self.expected == self.found and self.asked == self.expected_asked

    def report(self) -> str:
        expected = Counter(kind for kind, _, _ in self.expected)
        right = Counter(kind for kind, _, _ in self.expected & self.found)
        invented = Counter(kind for kind, _, _ in self.found - self.expected)
        lines = [f"{'break':34}{'true':>7}{'found':>7}{'missed':>8}{'invented':>10}"]
        lines += [
            f"{kind:34}{expected[kind]:7}{right[kind]:7}{expected[kind] - right[kind]:8}"
            f"{invented[kind]:10}"
            for kind in sorted({*expected, *invented})
        ]
        asked, true = self.asked, self.expected_asked
        lines.append(
            f"{'(asked)':34}{len(true):7}{len(asked & true):7}{len(true - asked):8}"
            f"{len(asked - true):10}"
        )
        wrong = [("missed", one) for one in sorted(self.expected - self.found)[:10]]
        wrong += [("invented", one) for one in sorted(self.found - self.expected)[:10]]
        lines += [f"{word}: {one}" for word, one in wrong]
        asks = [("not asked", one) for one in sorted(true - asked)[:5]]
        asks += [("asked needlessly", one) for one in sorted(asked - true)[:5]]
        return "\n".join(lines + [f"{word}: {one}" for word, one in asks])


def compare(company: Company, found: Findings) -> Comparison:
    breaks = {(one.kind.value, one.entry.entity, one.entry.number or "") for one in found.breaks}
    asked = {(one.entry.entity, one.entry.number or "") for one in found.questions}
    return Comparison(
        frozenset(company.breaks), frozenset(breaks), frozenset(asked),
        frozenset(company.questions),
    )  # fmt: skip


def found_in(company: Company) -> Findings:
    return reconcile(entries_of(company), shipped_rules(), count_of(TODAY))
