"""The loader's own transforms, as the checks ask them: what they refuse here they would refuse there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from hub.mapping.transforms.base import compile_chain
from hub.mapping.transforms.catalog import installed_transforms

_GENDERS: Final = {
    "男": "male", "先生": "male", "男士": "male", "m": "male", "male": "male", "M": "male", "Male": "male",
    "女": "female", "女士": "female", "小姐": "female", "f": "female", "female": "female", "F": "female",
    "Female": "female",
}  # fmt: skip
INTENT_SCALES: Final[Mapping[str, frozenset[str]]] = {
    "high_mid_low": frozenset({"高", "中", "低", "high", "medium", "mid", "low"}),
    "abc": frozenset("abc"),
    "abcd": frozenset("abcd"),
}
# The `with` of each meaning; what is not here is text.
CHAINS: Final[Mapping[str, Any]] = {
    "phone": "phone_cn",
    "email": ["halfwidth", "email"],
    "id_number": "id_number_cn",
    "submitted_at": "sheet_time",
    "consent.at": "datetime",
    "consent.privacy": "bool",
    "region": "region_cn",
    "budget": "budget_fen",
    "gender": {"lookup": {"table": _GENDERS}},
    "age": "int",
    "need": "split",
    "product_interest": "split",
    "landing": "url_params",
    **{f"utm_{name}": "utm" for name in ("source", "medium", "campaign", "term", "content", "id")},
}
_CHECKED: Final = frozenset(
    {
        "phone",
        "email",
        "id_number",
        "submitted_at",
        "consent.at",
        "region",
        "budget",
        "gender",
        "age",
    }
)
_REMEMBERED: Final = 20_000
_UNUSABLE: Final = object()


@dataclass(slots=True)
class Reader:
    """A transform that remembers what it was asked. `read` gives None for what it cannot use."""

    function: Callable[[Any], Any]
    known: dict[Any, Any] = field(default_factory=dict)

    def read(self, value: str | tuple[str, ...]) -> Any:  # noqa: ANN401 -- what the transform gives
        """What the transform makes of a value, None if it cannot use it."""
        found = self.known.get(value, _UNUSABLE)
        if found is _UNUSABLE:
            try:
                found = self.function(list(value) if type(value) is tuple else value)
            except ValueError:
                found = None
            if len(self.known) < _REMEMBERED:
                self.known[value] = found
        return found

    def fits(self, value: str) -> bool:
        """Whether the transform can use a value."""
        return self.read(value) is not None


def build_reader(chain: Any) -> Reader:  # noqa: ANN401 -- a mapping's `with`
    """A reader of a mapping's `with`."""
    function, _ = compile_chain(chain, installed_transforms(), "import")
    return Reader(function if function is not None else lambda value: value)


@cache
def reader_of(meaning: str) -> Reader | None:
    """The reader of a meaning, None where any text will do."""
    return build_reader(CHAINS[meaning]) if meaning in _CHECKED else None
