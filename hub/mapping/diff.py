"""What changed between two JSON documents, place by place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.mapping.values import Json


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, and what stood and stands there (None: nothing)."""

    path: str
    before: Json
    after: Json


def changes(before: Json, after: Json, path: str = "") -> Iterator[Change]:
    """The differences of two documents, deepest place first named; equal documents have none."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            inner = f"{path}.{key}" if path else str(key)
            yield from changes(before.get(key), after.get(key), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from changes(*pair, f"{path}[{number}]")
    else:
        yield Change(path, before, after)
