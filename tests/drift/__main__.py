"""`python -m tests.drift`: precision and recall of each kind over the labelled cases, and what is wrong."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hub.drift.kinds import Kind
from tests.drift.arrivals import ArrivalCase, arrival_cases
from tests.drift.case import Case, Label
from tests.drift.suite import cases

Result = tuple[Case | ArrivalCase, set[Label]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one kind: labels found, found wrongly, and not found."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def all_cases() -> list[Case | ArrivalCase]:
    return [*cases(), *arrival_cases()]


def run() -> list[Result]:
    return [(case, case.found()) for case in all_cases()]


def figures(results: Iterable[Result]) -> dict[Kind, Figures]:
    """Figures of each kind that is expected or was found."""
    right: Counter[Kind] = Counter()
    wrong: Counter[Kind] = Counter()
    missed: Counter[Kind] = Counter()
    for case, found in results:
        right.update(kind for kind, _ in found & case.expected)
        wrong.update(kind for kind, _ in found - case.expected)
        missed.update(kind for kind, _ in case.expected - found)
    kinds = [kind for kind in Kind if right[kind] + wrong[kind] + missed[kind]]
    return {kind: Figures(right[kind], wrong[kind], missed[kind]) for kind in kinds}


def report(results: list[Result]) -> str:
    """The table, and each case that is not as labelled."""
    silent = [case for case, _ in results if not case.expected]
    quiet = sum(not found for case, found in results if not case.expected)
    contracts = {case.contract for case, _ in results if isinstance(case, Case)}
    lines = [
        f"{len(results)} cases over {len(contracts)} contracts and arrivals,"
        f" {len(silent)} of them harmless or too small: {quiet} stayed silent",
        f"{'kind':24}{'labels':>8}{'found':>8}{'wrong':>8}{'precision':>11}{'recall':>8}",
    ]
    for kind, one in figures(results).items():
        lines.append(
            f"{kind.value:24}{one.right + one.missed:8}{one.right:8}{one.wrong:8}"
            f"{one.precision:11.3f}{one.recall:8.3f}"
        )
    for case, found in results:
        for kind, pointer in sorted(case.expected - found):
            lines.append(f"missed: {case.contract}: {case.name}: {kind.value} {pointer}")
        for kind, pointer in sorted(found - case.expected):
            lines.append(f"wrong: {case.contract}: {case.name}: {kind.value} {pointer}")
    return "\n".join(lines)


def main() -> int:
    sys.stdout.write(report(run()) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
