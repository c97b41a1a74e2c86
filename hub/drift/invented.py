"""Invented payloads that show a change, as the platform's own sandbox would send them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hub.drift.classes import class_of
from hub.drift.evidence import Evidence
from hub.drift.moves import Move
from hub.drift.places import is_place, leaves_of, opened, value_at, with_value, without
from hub.drift.sample import NoSampleError, minimal_object
from hub.drift.vocabulary import leaf_of, normal_name

_TEXTS: Final[Mapping[str, str]] = {
    "date-time": "2026-02-17 20:00:00",
    "date": "2026-02-17",
    "email": "demo@example.com",
    "url": "https://example.com/",
    "masked": "199****1111",
    "money": "5000元",
    "percent": "50%",
    "json-object": "{}",
    "json-array": "[]",
}


def base_payload(
    mapping: Mapping[str, Any], contract: Mapping[str, Any], evidence: Evidence
) -> dict[str, Any]:
    """The invented payload of the mapping's first test that gives a lead.

    Without such a test: the contract's fields that payloads have, each with an invented value of its class;
    without payloads the least that is valid.
    """
    for example in mapping.get("tests") or ():
        expect = example.get("expect") or {}
        if "doc" in expect and "held" not in expect and "not_a_lead" not in expect:
            return dict(json.loads(json.dumps(example["payload"])))
    pointers = [f"/{name}" for name in contract.get("properties", {}) if is_place(f"/{name}")]
    known = [pointer for pointer in pointers if evidence.values(pointer)]
    filled: dict[str, Any] = {}
    for pointer in known:
        filled = with_value(filled, pointer, invented_value(evidence, pointer, 1))
    try:
        return minimal_object(contract, filled)
    except NoSampleError:
        return filled


@dataclass(slots=True)
class Changes:
    """What changed in the payloads, by pointer."""

    added: list[str] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    retyped: list[str] = field(default_factory=list)


def shown_in(
    base: Mapping[str, Any], evidence: Evidence, changes: Changes, number: int = 0
) -> dict[str, Any]:
    """A payload like `base` after the change, the `number`th of its kind: phones and new values differ."""
    payload = _renumbered(base, number)
    for move in changes.moves:
        value = value_at(payload, move.source)
        if value is None:
            value = invented_value(evidence, move.source, number)
        payload = with_value(without(payload, move.source), move.target, value)
    for pointer in changes.missing:
        payload = without(payload, pointer)
    for pointer in changes.retyped:
        payload = _retyped(payload, evidence, pointer, number)
    for pointer in changes.added:
        payload = with_value(payload, pointer, invented_value(evidence, pointer, number))
        parent, _, name = pointer.rpartition("/")
        label = evidence.label(pointer)
        if parent and name == "value" and label and evidence.values(f"{parent}/label"):
            payload = with_value(payload, f"{parent}/label", label)
    return payload


def invented_value(evidence: Evidence, pointer: str, number: int) -> Any:  # noqa: ANN401 -- any JSON value
    """A value of the class that most values at a place have; never one of them."""
    classes = Counter(map(class_of, evidence.values(pointer)))
    if not classes:
        return _text(pointer, number)
    top = min(classes, key=lambda name: (-classes[name], name))
    kind, _, form = top.partition(":")
    if kind in ("integer", "number"):
        digits = min(int(form or 1), 15)
        whole = 10 ** (digits - 1) + number if digits > 1 else number % 10
        return whole if kind == "integer" else whole + 0.5
    if kind == "boolean":
        return number % 2 == 0
    if kind == "array":
        return [f"示例{number}"]
    if kind == "object":
        return {}
    if form == "phone":
        return f"1990000{number:04d}"
    if form.startswith("digits:"):
        return str(10 ** (min(int(form[7:]), 20) - 1) + number)
    return _TEXTS.get(form) or _text(pointer, number)


def _text(pointer: str, number: int) -> str:
    name = normal_name(leaf_of(pointer))
    return f"demo_{name}_{number}" if name.isascii() and name.endswith("id") else f"示例{number}"


def _renumbered(base: Mapping[str, Any], number: int) -> dict[str, Any]:
    payload = dict(base)
    for name in payload:
        for pointer in leaves_of(opened(payload[name]), f"/{name}"):
            value = value_at(payload, pointer)
            if class_of(value) == "string:phone" and number:
                payload = with_value(payload, pointer, f"1990000{number:04d}")
    return payload


def _retyped(
    payload: dict[str, Any], evidence: Evidence, pointer: str, number: int
) -> dict[str, Any]:
    """The value in the kind that payloads have now, where that can be said of an invented one."""
    value, kinds = value_at(payload, pointer), evidence.kinds(pointer)
    if value is None or not kinds:
        return payload
    if "string" in kinds and isinstance(value, dict | list):
        return with_value(payload, pointer, json.dumps(value, ensure_ascii=False))
    if "string" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return with_value(payload, pointer, str(value))
    return with_value(payload, pointer, invented_value(evidence, pointer, number))
