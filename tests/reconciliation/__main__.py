"""Prints the counts of a company's month of 10,000 contracts; exit status 1 if any is wrong."""

from __future__ import annotations

import sys
from collections import Counter

from tests.reconciliation.company import a_month
from tests.reconciliation.suite import compare, found_in


def main(contracts: int = 10_000) -> int:
    company = a_month(contracts)
    found = found_in(company)
    result = compare(company, found)
    entities = Counter(doc["entity"] for doc in company.docs)
    sys.stdout.write(
        f"{', '.join(f'{count:,} {name}' for name, count in sorted(entities.items()))}\n"
        f"{len(found.matches):,} matches:"
        f" {dict(sorted(Counter(m.rule.value for m in found.matches).items()))}\n"
        f"{result.report()}\n"
    )
    return 0 if result.is_right else 1


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:2])))
