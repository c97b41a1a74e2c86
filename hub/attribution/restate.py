"""What a deal's shares were, what they are now, and why they changed: restatement is a record, never a silent edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.attribution.models import Share

Cell = tuple[str, str, str]
"""Channel, campaign, creative; all empty for what no touch can be given."""


@dataclass(frozen=True, slots=True)
class Restatement:
    """One cell whose fen changed."""

    cell: Cell
    before_fen: int
    after_fen: int

    @property
    def difference_fen(self) -> int:
        """After less before."""
        return self.after_fen - self.before_fen


def by_cell(shares: Sequence[Share]) -> dict[Cell, int]:
    """Fen by channel, campaign and creative."""
    found: dict[Cell, int] = {}
    for share in shares:
        touch = share.touch
        cell = (touch.channel, touch.campaign, touch.creative) if touch else ("", "", "")
        found[cell] = found.get(cell, 0) + share.fen
    return found


def restate(before: Mapping[Cell, int], after: Mapping[Cell, int]) -> list[Restatement]:
    """The cells that changed, in their order; none if the deal stands as it was told."""
    return [
        Restatement(cell, before.get(cell, 0), after.get(cell, 0))
        for cell in sorted({*before, *after})
        if before.get(cell, 0) != after.get(cell, 0)
    ]
