"""Labelled pairs of contracts: what changed, and whom it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def an_object(
    required: tuple[str, ...] = (), *, closed: bool = False, **fields: Any
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": fields}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema


@dataclass(frozen=True)
class Pair:
    """`reads_new`, `reads_old`: ok, breaks, unlisted (breaks only by a field named nowhere), undecided."""

    name: str
    old: Any
    new: Any
    reads_new: str
    reads_old: str
    kinds: tuple[str, ...]
    step: str


def field(before: Any, after: Any, *, required: bool = False) -> tuple[Any, Any]:
    names = ("f",) if required else ()
    return an_object(names, f=before), an_object(names, f=after)


def of(name: str, both: tuple[Any, Any], new: str, old: str, kind: str, step: str) -> Pair:
    return Pair(name, *both, new, old, tuple(kind.split()), step)


STRICT = an_object(("uid",), closed=True, uid=TEXT)
STRICT_AFTER = an_object(("uid", "douyin_id"), closed=True, uid=TEXT, douyin_id=TEXT)
OPEN = an_object(("uid",), uid=TEXT)
OPEN_AFTER = an_object(("uid", "douyin_id"), uid=TEXT, douyin_id=TEXT)
REF = {"$defs": {"t": TEXT}, "type": "object", "properties": {"f": {"$ref": "#/$defs/t"}}}

PAIRS: list[Pair] = [
    of("equal", (OPEN, OPEN), "ok", "ok", "", "NONE"),
    of("only a title", (OPEN, {**OPEN, "title": "线索"}), "ok", "ok", "", "NONE"),
    of("key order", field({"type": "string", "minLength": 1}, {"minLength": 1, "type": "string"}),
       "ok", "ok", "", "NONE"),
    of("founding story, strict reader", (STRICT, STRICT_AFTER), "breaks", "breaks",
       "field_added_required", "MODEL"),
    of("founding story, open reader", (OPEN, OPEN_AFTER), "ok", "breaks", "field_added_required", "MODEL"),
    of("field added, strict", (STRICT, an_object(("uid",), closed=True, uid=TEXT, fan_level=TEXT)),
       "breaks", "ok", "field_added", "ADDITION"),
    of("field added, open", (OPEN, an_object(("uid",), uid=TEXT, fan_level=TEXT)),
       "ok", "unlisted", "field_added", "REVISION"),
    of("field of any type added, open", (OPEN, an_object(("uid",), uid=TEXT, fan_level={})),
       "ok", "ok", "field_added", "ADDITION"),
    of("required field removed, open", (OPEN_AFTER, OPEN), "breaks", "ok", "field_removed", "ADDITION"),
    of("required field removed, strict", (STRICT_AFTER, STRICT), "breaks", "breaks", "field_removed", "MODEL"),
    of("optional field removed, open", (an_object(f=TEXT), an_object()), "unlisted", "ok",
       "field_removed", "ADDITION"),
    of("optional field removed, strict", (an_object(closed=True, f=TEXT), an_object(closed=True)),
       "ok", "breaks", "field_removed", "MODEL"),
    of("became required", (an_object(f=TEXT), an_object(("f",), f=TEXT)), "ok", "breaks",
       "became_required", "REVISION"),
    of("became optional", (an_object(("f",), f=TEXT), an_object(f=TEXT)), "breaks", "ok",
       "became_optional", "ADDITION"),
    of("required without a property", (an_object(), an_object(("f",))), "ok", "breaks",
       "field_added_required", "MODEL"),
    of("null allowed", field(TEXT, {"type": ["string", "null"]}), "breaks", "ok", "type_widened", "ADDITION"),
    of("null refused", field({"type": ["string", "null"]}, TEXT), "ok", "breaks", "type_narrowed", "REVISION"),
    of("id int to str", field(WHOLE, TEXT), "breaks", "breaks", "type_changed", "MODEL"),
    of("object to JSON string", field({"type": "object"}, TEXT), "breaks", "breaks", "type_changed", "MODEL"),
    of("integer to number", field(WHOLE, {"type": "number"}), "breaks", "ok", "type_widened", "ADDITION"),
    of("number to integer", field({"type": "number"}, WHOLE), "ok", "breaks", "type_narrowed", "REVISION"),
    of("number is integers too", field({"type": ["number", "integer"]}, {"type": "number"}), "ok", "ok",
       "", "NONE"),
    of("types overlap", field({"type": ["string", "null"]}, {"type": ["string", "integer"]}),
       "breaks", "breaks", "type_shifted", "REVISION"),
    of("any to text", field({}, TEXT), "ok", "breaks", "type_narrowed", "REVISION"),
    of("array-ised", field(TEXT, {"type": "array", "items": TEXT}), "breaks", "breaks", "type_changed", "MODEL"),
    of("enum grew", field({"enum": ["高", "低"]}, {"enum": ["高", "中", "低"]}), "breaks", "ok",
       "enum_grew", "ADDITION"),
    of("enum shrank", field({"enum": ["高", "中", "低"]}, {"enum": ["高", "低"]}), "ok", "breaks",
       "enum_shrank", "REVISION"),
    of("enum exchanged", field({"enum": ["A"]}, {"enum": ["B"]}), "breaks", "breaks",
       "enum_grew enum_shrank", "REVISION"),
    of("enum reordered", field({"enum": ["A", "B"]}, {"enum": ["B", "A"]}), "ok", "ok", "", "NONE"),
    of("enum added", field(TEXT, {"type": "string", "enum": ["A"]}), "ok", "breaks", "enum_added", "REVISION"),
    of("enum dropped", field({"type": "string", "enum": ["A"]}, TEXT), "breaks", "ok", "enum_dropped", "ADDITION"),
    of("enum member of another type", field({"enum": [1, 2]}, {"enum": [1, 2, "3"]}), "breaks", "ok",
       "type_widened enum_grew", "ADDITION"),
    of("true is not 1", field({"const": 1}, {"const": True}), "breaks", "breaks",
       "type_changed enum_grew enum_shrank", "MODEL"),
    of("both booleans listed", field({"type": "boolean"}, {"enum": [True, False]}), "ok", "ok",
       "enum_added", "ADDITION"),
    of("const dropped", field({"const": "x"}, TEXT), "breaks", "ok", "enum_dropped", "ADDITION"),
    of("closed", (OPEN, STRICT), "ok", "unlisted", "object_closed", "REVISION"),
    of("opened", (STRICT, OPEN), "unlisted", "ok", "object_opened", "ADDITION"),
    of("further fields typed", (OPEN, {**OPEN, "additionalProperties": TEXT}), "ok", "unlisted",
       "object_closed", "REVISION"),
    of("longer text", field({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 9}),
       "breaks", "ok", "constraint_loosened", "ADDITION"),
    of("no empty text", field(TEXT, {"type": "string", "minLength": 1}), "ok", "breaks",
       "constraint_added", "REVISION"),
    of("higher minimum", field({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}),
       "ok", "breaks", "constraint_tightened", "REVISION"),
    of("exclusive instead", field({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0}),
       "breaks", "ok", "constraint_dropped constraint_added", "ADDITION"),
    of("pattern added", field(TEXT, {"type": "string", "pattern": r"^\d{6}$"}), "ok", "breaks",
       "constraint_added", "REVISION"),
    of("pattern changed", field({"type": "string", "pattern": r"^\d{6}$"}, {"type": "string", "pattern": r"^1\d{5}$"}),
       "ok undecided", "undecided", "constraint_changed", "UNDECIDED"),
    of("bound on another type", field({"type": "string"}, {"type": "string", "minimum": 3}), "ok", "ok",
       "constraint_added", "ADDITION"),
    of("array may not be empty", field({"type": "array"}, {"type": "array", "minItems": 1}), "ok", "breaks",
       "constraint_added", "REVISION"),
    of("items changed", field({"type": "array", "items": TEXT}, {"type": "array", "items": WHOLE}),
       "breaks", "breaks", "type_changed", "MODEL"),
    of("nested field became required",
       (an_object(("c",), c=an_object(p=TEXT)), an_object(("c",), c=an_object(("p",), p=TEXT))),
       "ok", "breaks", "became_required", "REVISION"),
    of("renamed, strict", (an_object(("phone",), closed=True, phone=TEXT), an_object(("tel",), closed=True, tel=TEXT)),
       "breaks", "breaks", "field_removed field_added_required", "MODEL"),
    of("forbidden field", (an_object(f=TEXT), an_object(f=False)), "ok", "breaks", "type_narrowed", "REVISION"),
    of("no object without properties", (an_object(), {**an_object(), "minProperties": 1}), "ok", "breaks",
       "constraint_added", "REVISION"),
    of("a reference", (REF, an_object(f=TEXT)), "undecided", "undecided",
       "type_narrowed not_understood", "UNDECIDED"),
    of("equal references", (REF, dict(REF)), "ok", "ok", "", "NONE"),
    of("allOf added", (OPEN, {**OPEN, "allOf": [{"required": ["f"]}]}), "ok", "undecided",
       "not_understood", "UNDECIDED"),
    of("equal allOf, field widened", ({**an_object(f=TEXT), "allOf": [{"required": ["f"]}]},
        {**an_object(f={"type": ["string", "null"]}), "allOf": [{"required": ["f"]}]}),
       "breaks", "ok", "type_widened", "ADDITION"),
    of("patternProperties", (OPEN, {**OPEN, "patternProperties": {"^x": TEXT}}), "ok", "undecided",
       "not_understood", "UNDECIDED"),
    of("if/then added", (OPEN, {**OPEN, "if": {"required": ["f"]}, "then": {"required": ["g"]}}),
       "ok", "undecided", "not_understood not_understood", "UNDECIDED"),
    of("a break beside what is undecided", (OPEN, {**OPEN_AFTER, "not": {"required": ["z"]}}),
       "ok", "breaks", "field_added_required not_understood", "MODEL"),
]  # fmt: skip
