"""What the mapping of one record notes beside the values: marks, and what no rule could use."""

from __future__ import annotations

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
