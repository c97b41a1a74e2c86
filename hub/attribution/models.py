"""Shares of a deal: first, last, linear, position-based. Whole fen; the shares are the value exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_DAY_S = 86_400


class Model(StrEnum):
    """How the touches of a path share a deal."""

    FIRST = "first"
    LAST = "last"
    LINEAR = "linear"
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class Touch:
    """One moment at which the person met us: `at` in epoch seconds, by its own time; `id` makes it unique."""

    id: str
    at: int
    kind: str = "lead"
    channel: str = ""
    campaign: str = ""
    creative: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a path counts, as data.

    `first`, `decision`, `last` and `others` are the parts of a deal that the named positions get; `others`
    is shared evenly by the touches between. A position that a path does not have gives its part to those it
    has, in proportion. The key decision touch is the latest touch of `decision_kinds` that is neither first
    nor last; of two touches only, none is. Touches older than `window_days` before the deal do not count.
    """

    first: int = 42
    decision: int = 33
    last: int = 25
    others: int = 0
    decision_kinds: tuple[str, ...] = ("decision", "trial", "visit", "call", "search")
    window_days: int = 365
    version: str = "1"

    def __post_init__(self) -> None:
        parts = (self.first, self.decision, self.last, self.others)
        if min(parts) < 0 or not (self.first or self.last or self.decision):
            raise ValueError("parts are not negative, and at least one named position has one")


@dataclass(frozen=True, slots=True)
class Share:
    """What one touch gets of a deal. `touch` is None for what no touch can be given.

    `parts` of `whole` is its share before rounding to fen, `why` the positions that it holds.
    """

    touch: Touch | None
    fen: int
    parts: int
    whole: int
    why: tuple[str, ...]


def attribute(
    touches: Sequence[Touch], value_fen: int, at: int, model: Model, rules: Rules = Rules()
) -> list[Share]:
    """The shares of a deal, in order of time; they sum to `value_fen` exactly.

    Args:
        touches: All touches of the person; those after `at` or outside the window do not count.
        value_fen: What the deal is worth; negative where more was refunded than signed.
        at: When the deal was made, epoch seconds.
        model: How to share.
        rules: Parts and window.
    """
    path = path_of(touches, at, rules)
    if not path:
        return [Share(None, value_fen, 1, 1, ("no_touch",))]
    weights, reasons = _weights(path, model, rules)
    whole = sum(weights)
    return [
        Share(touch, fen, parts, whole, why)
        for touch, fen, parts, why in zip(
            path, allocate(value_fen, weights), weights, reasons, strict=True
        )
        if parts
    ]


def path_of(touches: Sequence[Touch], at: int, rules: Rules) -> list[Touch]:
    """The touches that count for a deal of that time, in order of time; each id once."""
    earliest = at - rules.window_days * _DAY_S
    unique = {touch.id: touch for touch in touches if earliest <= touch.at <= at}
    return sorted(unique.values(), key=lambda touch: (touch.at, touch.id))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole parts by weight, by largest remainder; the parts sum to it. Earlier ones win ties.

    Raises:
        ValueError: a weight is negative, or all are zero.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights are not negative, and not all zero")
    sign = -1 if total < 0 else 1
    floors = [abs(total) * weight // whole for weight in weights]
    left = abs(total) - sum(floors)
    by_remainder = sorted(
        range(len(weights)), key=lambda n: (-(abs(total) * weights[n] % whole), n)
    )
    for n in by_remainder[:left]:
        floors[n] += 1
    return [sign * part for part in floors]


def _weights(
    path: Sequence[Touch], model: Model, rules: Rules
) -> tuple[list[int], list[tuple[str, ...]]]:
    last = len(path) - 1
    if model is Model.POSITION:
        return _positions(path, rules)
    if model is Model.LINEAR:
        return [1] * len(path), [("even",)] * len(path)
    chosen = 0 if model is Model.FIRST else last
    weights = [int(n == chosen) for n in range(len(path))]
    return weights, [(model.value,) if weight else () for weight in weights]


def _positions(path: Sequence[Touch], rules: Rules) -> tuple[list[int], list[tuple[str, ...]]]:
    """Parts of each touch, scaled so that `others` divides evenly among those between."""
    last = len(path) - 1
    decision = _decision(path, rules)
    between = [n for n in range(1, last) if n != decision]
    scale = len(between) or 1
    weights, reasons = [0] * len(path), [() for _ in path]  # type: list[int], list[tuple[str, ...]]
    named = [
        ("first", 0, rules.first),
        ("decision", decision, rules.decision),
        ("last", last, rules.last),
    ]
    for name, place, part in named:
        if place is not None and part:
            weights[place] += part * scale
            reasons[place] += (name,)
    for place in between:
        weights[place] += rules.others
        reasons[place] += ("between",) if rules.others else ()
    if not any(weights):  # all parts stood at a position that this path does not have
        return [1] * len(path), [("even",)] * len(path)
    return weights, reasons


def _decision(path: Sequence[Touch], rules: Rules) -> int | None:
    inner = [n for n in range(1, len(path) - 1) if path[n].kind in rules.decision_kinds]
    return inner[-1] if inner else None
