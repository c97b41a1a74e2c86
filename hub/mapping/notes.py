"""What the mapping of one record notes beside the values, and the shapes of compiled rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from hub.mapping.values import Json


class Notes:
    """Marks of one record and its left-over values, by path."""

    __slots__ = ("left", "marks")

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self.left: dict[str, Json] = {}

    def unusable(self, target: str, path: str, value: Json, mark: str = "") -> None:
        """Mark `target` as unusable and keep the value as it came under `extra`."""
        self.marks.add(mark or f"unusable:{target}")
        self.left[path] = value


Doc: TypeAlias = dict[Any, Json]
"""A payload (found answers stand in it under numbers) or a canonical document."""

Evaluate: TypeAlias = Callable[[Doc, Notes], Json]
"""A compiled rule: the value for a payload, None if it is absent."""

Write: TypeAlias = Callable[[Doc, Doc, Notes], None]
"""A compiled rule that reads a payload and writes into a document."""
