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
    now. If all have room, all go alone, critical ones first. Otherwise critical ones go alone as
    far as room remains for the digest, and everything else goes together. Without room nothing goes.
    """
    if room <= 0:
        return [], []
    critical = [one for one in waiting if is_critical(one)]
    others = [one for one in waiting if not is_critical(one)]
    if len(waiting) <= room:
        return critical + others, []
    alone = critical[: room - 1]
    return alone, critical[len(alone) :] + others
