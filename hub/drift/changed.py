"""What a proposal does with fields whose values changed: their type, their form, their members, their meaning."""

from __future__ import annotations

from typing import Any

from hub.drift.classes import class_of
from hub.drift.draft import Draft
from hub.drift.kinds import Kind
from hub.drift.places import is_below, path_of, pointer_of, schema_at
from hub.drift.questions import FEN, YUAN, about_unit
from hub.drift.recontract import widened, with_member
from hub.drift.rewrite import rules_reading
from hub.drift.situation import FindingLike
from hub.drift.vocabulary import leaf_of, normal_name

_MONEY = ("money_fen", "budget_fen")
_UNREAD = "unusable:"


def widen_type(draft: Draft, finding: FindingLike) -> None:
    """A type or form that the contract does not have: it takes it, too; whether the rules read it is said."""
    pointer, path = finding.pointer, path_of(finding.pointer)
    draft.changes.retyped.append(pointer)
    kinds = draft.evidence.kinds(pointer) or [str(finding.detail.get("found", ""))]
    known = [kind for kind in kinds if kind in _JSON_KINDS]
    draft.contract, changed = widened(
        draft.contract, pointer, known, draft.evidence.values(pointer)
    )
    if changed:
        draft.say(
            f"contract: {path}: {'; '.join(changed)}",
            "values came that it refused",
            draft.evidence.says(pointer),
        )
    if finding.kind == Kind.TYPE_CHANGED or changed:
        _say_what_is_read(draft, pointer)
    if finding.kind != Kind.TYPE_CHANGED:
        _say_form(draft, finding)
    _ask_unit(draft, pointer)


_JSON_KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")


def add_member(draft: Draft, finding: FindingLike) -> None:
    """A value that the list of values does not have."""
    member = str(finding.detail.get("member") or finding.detail.get("found") or "")
    path = path_of(finding.pointer)
    if not member or member == "other":
        draft.say(
            f"contract: nothing changes for {path}",
            "a value came that the list does not have, and that may not be shown",
            draft.evidence.says(finding.pointer),
        )
        return
    listed = draft.evidence.sheet_entry(finding.pointer).get("members") or {}
    label = str(listed.get(member, "")) if isinstance(listed, dict) else ""
    draft.contract = with_member(draft.contract, finding.pointer, member, label)
    meaning = f"the field sheet says {label}" if label else "its meaning is unknown"
    draft.say(
        f"contract: {path} may be {member}", f"a new value; {meaning}", f"seen {_seen(finding)}"
    )


def note_meaning(draft: Draft, finding: FindingLike) -> None:
    """Figures that changed while the form stayed: no rule can know why."""
    if not finding.pointer:
        return
    readers = ", ".join(rules_reading(draft.mapping, finding.pointer)) or "no rule"
    draft.say(
        f"no rule changes for {path_of(finding.pointer)}",
        f"its values mean something else than before ({finding.kind}); {readers} read it: ask the platform",
        _figures(finding),
    )
    _ask_unit(draft, finding.pointer)


def _figures(finding: FindingLike) -> str:
    before, after = finding.detail.get("n_before"), finding.detail.get("n_after")
    return f"{before} records before, {after} after" if before and after else ""


def _seen(finding: FindingLike) -> str:
    count = getattr(finding, "count", 0)
    return f"{count} times" if count else "lately"


def _say_form(draft: Draft, finding: FindingLike) -> None:
    expected, found = finding.detail.get("expected"), finding.detail.get("found")
    if expected or found:
        draft.say(
            f"{path_of(finding.pointer)} looks different",
            f"was {expected or 'unknown'}, is {found or 'unknown'}",
            draft.evidence.says(finding.pointer),
        )
    if "masked" in str(found) or _mostly_masked(draft, finding.pointer):
        fields = ", ".join(_fields_of(draft, finding.pointer)) or "the fields made of it"
        draft.say(
            f"{path_of(finding.pointer)} is masked: {fields} cannot be filled",
            "a masked number is kept among `phones`, calls nobody and merges nothing; only the platform can undo this",
            draft.evidence.says(finding.pointer),
        )


def _mostly_masked(draft: Draft, pointer: str) -> bool:
    values = draft.evidence.values(pointer)
    masked = sum(class_of(value) == "string:masked" for value in values)
    return masked * 2 > len(values)


def _fields_of(draft: Draft, pointer: str) -> list[str]:
    """Canonical fields that are made of a place."""
    path = path_of(pointer)
    return sorted(
        field
        for field, names in draft.before.sources().items()
        if any(_reads(part, pointer, path) for name in names for part in name.split("+"))
    )


def _reads(name: str, pointer: str, path: str) -> bool:
    """Whether a source reads a place, or something inside it; answers are read from their container."""
    container = name.partition("?")[0]
    return container == path or is_below(pointer_of(container), pointer)


def _say_what_is_read(draft: Draft, pointer: str) -> None:
    """How many of the payloads with the new kind of value still map, and keep every field made of it."""
    fields = set(_fields_of(draft, pointer))
    compiled = draft.compiled()
    total = read = 0
    for payload in draft.payloads_with(pointer):
        result = compiled.run(payload)
        total += 1
        marks = {mark for doc in result.docs for mark in doc.get("marks", ())}
        lost = {mark.removeprefix(_UNREAD) for mark in marks if mark.startswith(_UNREAD)}
        read += bool(result.docs) and not lost & fields
    if total:
        word = "without loss" if read == total else "with loss"
        draft.say(
            f"the rules read {path_of(pointer)} {word}",
            f"{read} of {total} payloads map with all that is made of it",
            ", ".join(sorted(fields)),
        )


def _ask_unit(draft: Draft, pointer: str) -> None:
    """Amounts of another size: yuan or fen is never told by the figures."""
    places = [
        place for place in rules_reading(draft.mapping, pointer) if _money_step(draft, place)
    ]
    if not places or schema_at(draft.contract, pointer) is None:
        return
    wanted = f"{normal_name(leaf_of(pointer))}_unit"
    if any(question.id == wanted for question in draft.answers.asked):
        return
    answer = draft.answers.ask(about_unit(wanted, pointer, places))
    if answer in (YUAN, FEN):
        for place in places:
            _set_unit(draft, place, answer)
        draft.repoints = True
        draft.say(f"{', '.join(places)}: amounts are in {answer}", f"answered: {answer}")


def _rule_at(draft: Draft, place: str) -> Any:  # noqa: ANN401 -- a rule in any of its forms
    section, _, name = place.partition(".")
    inner = draft.mapping.get(section)
    if isinstance(inner, dict):
        return inner.get(name)
    if isinstance(inner, list):
        return next((r for r in inner if isinstance(r, dict) and r.get("name") == name), None)
    return None


def _money_step(draft: Draft, place: str) -> bool:
    rule = _rule_at(draft, place)
    steps = rule.get("with") if isinstance(rule, dict) else None
    listed = steps if isinstance(steps, list) else [steps]
    return any(_name_of(step) in _MONEY for step in listed)


def _name_of(step: Any) -> str:  # noqa: ANN401
    return str(next(iter(step), "")) if isinstance(step, dict) else str(step)


def _set_unit(draft: Draft, place: str, unit: str) -> None:
    rule = _rule_at(draft, place)
    steps = rule["with"] if isinstance(rule["with"], list) else [rule["with"]]
    changed = [{_name_of(s): {"unit": unit}} if _name_of(s) in _MONEY else s for s in steps]
    rule["with"] = changed if isinstance(rule["with"], list) else changed[0]
