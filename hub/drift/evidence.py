"""What sample payloads say of their fields: how often, of what kind; values stay inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.drift.classes import class_of, json_kind
from hub.drift.hints import may_be_listed, names_person
from hub.drift.likeness import FieldFacts
from hub.drift.places import leaves_of, opened, parts_of, schema_at, value_at
from hub.drift.vocabulary import is_chinese, leaf_of, normal_name

_LABELS: Final = ("label", "title", "question", "name")
_VALUES: Final = ("value", "answer", "content")
_MOST_WORDS = 12
_MOST_LEAVES = 40
_ID_DIGITS = 8  # a longer number is an id or a phone, not an amount of something
_SHEET_TYPES: Final[Mapping[str, str]] = {
    "int": "int", "integer": "int", "long": "int", "int64": "int", "整数": "int", "整型": "int", "数字": "number",
    "number": "number", "float": "number", "double": "number", "decimal": "number", "小数": "number",
    "bool": "bool", "boolean": "bool", "布尔": "bool", "array": "list", "list": "list", "数组": "list", "列表": "list",
}  # fmt: skip
_OF_KIND: Final[Mapping[str, str]] = {
    "integer": "int",
    "number": "number",
    "boolean": "bool",
    "array": "list",
}


_ABSENT: Final[tuple[Any, ...]] = (None, "", [], {})


def has_value(payload: Mapping[str, Any], pointer: str) -> bool:
    """Whether anything stands at a place: null and what is empty do not count."""
    return value_at(payload, pointer) not in _ABSENT


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sample payloads, the contract and the vendor's sheet, asked about one place at a time."""

    payloads: Sequence[Mapping[str, Any]]
    contract: Mapping[str, Any]
    sheet: Mapping[str, Mapping[str, Any]]

    def values(self, pointer: str) -> list[Any]:
        """What stands at a place, absent values left out."""
        found = (value_at(payload, pointer) for payload in self.payloads)
        return [value for value in found if value not in _ABSENT]

    def says(self, pointer: str) -> str:
        """In how many of the payloads a place has a value, for people."""
        return f"filled in {len(self.values(pointer))} of {len(self.payloads)} payloads looked at"

    def sheet_entry(self, pointer: str) -> Mapping[str, Any]:
        """What the vendor's sheet says of a field: by its path, else by its last name."""
        names = (".".join(parts_of(pointer)), leaf_of(pointer))
        return next((self.sheet[name] for name in names if name in self.sheet), {})

    def label(self, pointer: str) -> str:
        """The Chinese label of a field: the sheet's, the contract's, what stands beside it, its own name."""
        entry, schema = self.sheet_entry(pointer), schema_at(self.contract, pointer)
        if entry.get("label"):
            return str(entry["label"])
        if isinstance(schema, Mapping) and schema.get("x-label-zh"):
            return str(schema["x-label-zh"])
        own = self._label_beside(pointer)
        if own:
            return own
        return leaf_of(pointer) if is_chinese(leaf_of(pointer)) else ""

    def _label_beside(self, pointer: str) -> str:
        """The label in `{label, value}`, if all payloads agree on it."""
        parent, _, name = pointer.rpartition("/")
        if not parent or name not in _VALUES:
            return ""
        for beside in _LABELS:
            texts = {
                value for value in self.values(f"{parent}/{beside}") if isinstance(value, str)
            }
            if len(texts) == 1:
                return texts.pop()
        return ""

    def facts(self, pointer: str) -> FieldFacts:
        """The field for comparison with others."""
        values = self.values(pointer)
        schema = schema_at(self.contract, pointer)
        pii = str(schema.get("x-pii", "")) if isinstance(schema, Mapping) else ""
        filled = len(values) / len(self.payloads) if self.payloads else 0.0
        return FieldFacts(
            pointer, self.label(pointer), Counter(map(class_of, values)), filled, pii
        )

    def leaves(self, pointer: str) -> list[str]:
        """The fields inside an added one, in the order of their names; itself if it is no object."""
        found: dict[str, None] = {}
        for value in self.values(pointer):
            found.update(dict.fromkeys(leaves_of(opened(value), pointer)))
        listed = sorted(found)[:_MOST_LEAVES] or [pointer]
        return [each for each in listed if not self._is_label(each, listed)]

    def _is_label(self, pointer: str, among: Sequence[str]) -> bool:
        parent, _, name = pointer.rpartition("/")
        beside = any(f"{parent}/{value}" in among for value in _VALUES)
        return name in _LABELS and beside and bool(self._label_beside(f"{parent}/value"))

    def kinds(self, pointer: str) -> list[str]:
        """The JSON kinds that stand at a place, sorted; "number" stands for whole ones, too."""
        kinds = {json_kind(value) for value in self.values(pointer)}
        return sorted(kinds - {"integer"} if "number" in kinds else kinds)

    def extension_type(self, pointer: str) -> str | None:
        """The type of an extension field for a place, None where no type fits (lists of objects)."""
        values = self.values(pointer)
        kinds = {json_kind(value) for value in values}
        if not values:
            return _SHEET_TYPES.get(str(self.sheet_entry(pointer).get("type", "")).lower(), "text")
        if "object" in kinds or any(_is_deep(value) for value in values):
            return None
        if kinds == {"integer", "number"}:
            return "number"
        if len(kinds) == 1:
            return _OF_KIND.get(kinds.pop(), "text")
        return "text"

    def words(self, pointer: str) -> list[str]:
        """The few short words that stand at a place, none of them about a person; [] if that is not so."""
        values = self.values(pointer)
        texts = {text for value in values for text in (value if isinstance(value, list) else [value])
                 if isinstance(text, str)}  # fmt: skip
        fits = 0 < len(texts) <= _MOST_WORDS < len(values) and all(map(may_be_listed, texts))
        return sorted(texts) if fits else []

    def pii(self, pointer: str) -> str:
        """`none` only for small numbers, yes/no and short word lists whose name speaks of no person."""
        names = (*parts_of(pointer)[:-1], leaf_of(pointer), self.label(pointer))
        if any(names_person(name) for name in names if name and name not in _VALUES):
            return "text"
        values = self.values(pointer)
        if not values:
            return "text"
        small = all(_is_small(value) for value in values)
        return "none" if small or self.words(pointer) else "text"


def slug_of(pointer: str, taken: Mapping[str, Any]) -> str:
    """The name of an extension field for a place: lower case, letters, digits and _, not taken yet."""
    names = [name for name in parts_of(pointer) if not name.isdigit()]
    if len(names) > 1 and names[-1] in _VALUES:
        names.pop()
    for count in range(1, len(names) + 1):
        slug = "_".join(normal_name(name) for name in names[-count:])
        if slug.isascii() and slug[:1].isalpha() and slug not in taken:
            return slug[:63]
    base = "field" if not slug.isascii() or not slug[:1].isalpha() else slug[:58]
    return next(f"{base}_{n}" for n in range(2, 10_000) if f"{base}_{n}" not in taken)


def _is_deep(value: Any) -> bool:  # noqa: ANN401 -- any JSON value
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def _is_small(value: Any) -> bool:  # noqa: ANN401 -- any JSON value
    if isinstance(value, bool):
        return True
    return isinstance(value, int | float) and len(str(abs(int(value)))) < _ID_DIGITS
