"""Fields that were renamed, moved, nested or put into a list: pairs of a missing and an added one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hub.drift.likeness import FieldFacts, Likeness, likeness, telling_class

__all__ = ["FieldFacts", "Move", "Moves", "find_moves", "match_fields"]

CERTAIN_FROM: Final = 0.6
ASKED_FROM: Final = 0.45
MARGIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Move:
    """What stood at `source` stands at `target` now (JSON Pointers); score 0 to 1, and why."""

    source: str
    target: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves that are certain, and those that a person has to decide: source → candidates, best first."""

    certain: tuple[Move, ...]
    ambiguous: tuple[tuple[Move, ...], ...]


def find_moves(missing: Sequence[FieldFacts], added: Sequence[FieldFacts]) -> list[Move]:
    """The moves that are certain, one-to-one, best first; the same for any order of the arguments."""
    return list(match_fields(missing, added).certain)


def match_fields(missing: Sequence[FieldFacts], added: Sequence[FieldFacts]) -> Moves:
    """Pair missing fields with added ones.

    A pair is certain if it scores at least 0.6 and no other pair of either field comes within 0.1 of it.
    What is nearly so, or only looks like the missing field by its values, is ambiguous: to be asked.
    """
    pairs = sorted(_pairs(missing, added), key=lambda m: (-m.score, m.source, m.target))
    certain: list[Move] = []
    unclear: set[str] = set()
    taken: set[str] = set()
    for move in pairs:
        if (
            move.score < CERTAIN_FROM
            or move.source in unclear
            or {move.source, move.target} & taken
        ):
            continue
        if _rivals(move, pairs, taken):
            unclear.add(move.source)
            continue
        certain.append(move)
        taken |= {move.source, move.target}
    return Moves(tuple(certain), _asked(pairs, taken))


def _pairs(missing: Sequence[FieldFacts], added: Sequence[FieldFacts]) -> list[Move]:
    moves = []
    for old in missing:
        for new in added:
            if old.pointer == new.pointer:
                continue
            found = _likeness(old, new)
            if found.score >= ASKED_FROM:
                moves.append(Move(old.pointer, new.pointer, found.score, found.reasons))
    return moves


def _likeness(old: FieldFacts, new: FieldFacts) -> Likeness:
    found = likeness(old, new)
    told = telling_class(old)
    if told and told == telling_class(new) and 0.0 < found.score < ASKED_FROM:
        return Likeness(ASKED_FROM, found.reasons)
    return found


def _rivals(move: Move, pairs: Sequence[Move], taken: set[str]) -> bool:
    """Whether another pair of the same source or target comes near, and neither of its ends is settled."""
    return any(
        other is not move
        and other.score > move.score - MARGIN
        and (other.source == move.source or other.target == move.target)
        and not {other.source, other.target} & taken
        for other in pairs
    )


def _asked(pairs: Sequence[Move], taken: set[str]) -> tuple[tuple[Move, ...], ...]:
    open_pairs = [move for move in pairs if not {move.source, move.target} & taken]
    sources = dict.fromkeys(move.source for move in open_pairs)
    return tuple(tuple(m for m in open_pairs if m.source == source) for source in sources)
