"""`make connectors`: the suite of connectors, and a table of what each was put to."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from hub.connectors.base import connectors
from tests.connectors.checks import Check, shown_by
from tests.connectors.elsewhere import ELSEWHERE

SUITE = "tests/connectors"
_WIDTH = 150
_EXCUSED, _LACKING = "n/a", "NO CASE"


class Outcomes:
    """A plugin of pytest: counts of passed and failed tests by connector and check."""

    def __init__(self) -> None:
        self.found: defaultdict[tuple[str, Check], Counter[str]] = defaultdict(Counter)
        self._elsewhere: defaultdict[str, list[tuple[str, Check]]] = defaultdict(list)
        for platform, checks in ELSEWHERE.items():
            for check, nodes in checks.items():
                for node in nodes:
                    self._elsewhere[node].append((platform, check))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Function) -> Any:
        report = yield
        if report.when == "call" or report.outcome != "passed":
            for cell in self._cells(item):
                self.found[cell][report.outcome] += 1
        return report

    def _cells(self, item: pytest.Function) -> set[tuple[str, Check]]:
        """What a test shows of which connectors."""
        node = item.nodeid.partition("[")[0]
        cells = set(self._elsewhere.get(node, ()))
        own = getattr(item.function, "shows", None) or shown_by(item.cls, item.originalname)
        platform = _platform(item)
        if own is not None and platform is not None:
            cells.add((platform, Check(own)))
        return cells


def _platform(item: pytest.Function) -> str | None:
    """The connector that a test of the suite is about."""
    case: Any = item.funcargs.get("case")
    if case is not None:
        return str(case.connector.platform)
    of_suite: Any = getattr(item.cls, "connector", None)
    if of_suite is not None:
        return str(of_suite.platform)
    given = getattr(item, "callspec", None)
    return str(given.params["platform"]) if given and "platform" in given.params else None


def _cell(check: Check, without: Mapping[Check, str], counts: Counter[str]) -> str:
    if counts["failed"]:
        return f"FAILED {counts['failed']}"
    if counts["passed"]:
        return f"passed {counts['passed']}"
    if check in without:
        return _EXCUSED
    return _LACKING


def print_table(outcomes: Outcomes) -> bool:
    """Print the table, every reason, and what is missing; whether nothing is."""
    from tests.connectors.cases import (
        CONNECTORS,  # only now: pytest wants to import the tests itself
    )

    table = Table("connector", *(str(check) for check in Check), box=None, pad_edge=False)
    lines = []
    for platform in sorted(connectors()):
        without = CONNECTORS[platform].without if platform in CONNECTORS else {}
        cells = [_cell(each, without, outcomes.found[platform, each]) for each in Check]
        table.add_row(platform, *cells)
        lines += [
            f"{cell}  {platform}, {check}: {without.get(check, 'register its cases in tests/connectors/cases.py')}"
            for check, cell in zip(Check, cells, strict=True)
            if cell in (_EXCUSED, _LACKING)
        ]
    console = Console(width=_WIDTH, markup=False, highlight=False)
    console.print(table)
    for line in lines:
        console.print(line)
    return not any(line.startswith(_LACKING) for line in lines)


def main() -> int:
    """Run the suite, print the table; 0 if all passed and every connector has every case."""
    outcomes = Outcomes()
    elsewhere = sorted(
        {
            node
            for checks in ELSEWHERE.values()
            for nodes in checks.values()
            for node in nodes
            if not node.startswith(SUITE)
        }
    )
    ended = pytest.main(["-q", "--no-header", SUITE, *elsewhere], plugins=[outcomes])
    is_whole = print_table(outcomes)
    return int(ended) or int(not is_whole)


if __name__ == "__main__":
    sys.exit(main())
