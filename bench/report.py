"""What a measurement hands back, and how it is printed: Markdown for people, JSON for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Bar


@dataclass(frozen=True, slots=True)
class Check:
    """A count that must be exact: a fast figure over missing rows is no figure."""

    what: str
    expected: int
    got: int

    @property
    def is_right(self) -> bool:
        """Whether nothing is missing and nothing is too many."""
        return self.expected == self.got


@dataclass(frozen=True, slots=True)
class Table:
    """A table; every cell is text already."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table; the first column is words, the others are figures."""
        marks = [":--", *["--:"] * (len(self.columns) - 1)]
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, marks, *self.rows))


@dataclass(slots=True)
class Section:
    """One measurement: how it was made, what came out. `raw` has the single runs, for JSON."""

    name: str
    title: str
    about: str
    tables: list[Table] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def markdown(self) -> str:
        """The section under a heading of third level."""
        parts = [f"### {self.title}", self.about, *(table.markdown() for table in self.tables)]
        lines = [*(bar.shown() for bar in self.bars), *self.notes, self._checked()]
        return "\n\n".join([*parts, "\n".join(f"- {line}" for line in lines)])

    def _checked(self) -> str:
        wrong = [check for check in self.checks if not check.is_right]
        if not wrong:
            return f"Counts: all {len(self.checks)} are exact."
        told = "; ".join(f"{c.what}: {c.got:,} instead of {c.expected:,}" for c in wrong)
        return f"**WRONG COUNTS**: {told}"


def is_right(sections: Sequence[Section]) -> bool:
    """Whether every count of every section is exact."""
    return all(check.is_right for section in sections for check in section.checks)


def document(machine: Mapping[str, Any], sections: Sequence[Section]) -> dict[str, Any]:
    """Everything with its single runs, JSON-able."""
    return {
        "machine": dict(machine),
        "is_right": is_right(sections),
        "sections": [
            dataclasses.asdict(section)
            | {"bars": [dataclasses.asdict(b) | {"reached": b.is_reached} for b in section.bars]}
            for section in sections
        ],
    }
