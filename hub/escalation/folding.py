"""More messages than a channel takes: which go alone and which in one digest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def fold(
    waiting: Sequence[T], room: int, is_critical: Callable[[T], bool]
) -> tuple[list[T], list[T]]:
    """Messages that go alone, then those that go together in one digest.

    `waiting` are the messages for one address, oldest first; `room` is how many the channel takes
    now. If half of the room is enough for all, all go alone,
    critical ones first. Otherwise critical ones go alone in that half and everything else goes
    together: a storm leaves room for what comes a second later. Without room nothing goes.
    """
    critical = [one for one in waiting if is_critical(one)]
    others = [one for one in waiting if not is_critical(one)]
    if room <= 0:
        return [], []
    half = max(1, room // 2)
    if len(waiting) <= half:
        return critical + others, []
    alone = critical[: min(half, room - 1)]
    together = critical[len(alone) :] + others
    return (alone, together) if len(together) > 1 else ([*alone, *together], [])
