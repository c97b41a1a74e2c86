"""From findings to the next contract and mapping: deterministic, each line with its reason.

What cannot be decided by names, labels, forms and the vendor's sheet is a question; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub.drift.added import drop_missing, place_added, settle_moves
from hub.drift.changed import add_member, note_meaning, widen_type
from hub.drift.compat import Comparison, compare
from hub.drift.draft import Draft
from hub.drift.invented import base_payload, shown_in
from hub.drift.kinds import Kind
from hub.drift.moves import Move
from hub.drift.places import is_below, is_place, schema_at
from hub.drift.recontract import copied
from hub.drift.situation import Compiled, FindingLike, Proposal, Situation
from hub.drift.verdicts import verdicts

SAMPLES: Final = 10
_ADDED: Final = (Kind.FIELD_ADDED, Kind.FIELD_ADDED_REQUIRED)
_FORMS: Final = (Kind.TYPE_CHANGED, Kind.FORMAT_CHANGED)
_POSITIONS: Final = {"MODEL": 0, "REVISION": 1, "ADDITION": 2, "UNDECIDED": 1}


def propose(situation: Situation) -> Proposal:
    """The next contract and mapping for the findings of one scope, platform and entity.

    Raises:
        ConfigError: an answer belongs to no question or is none of its choices, or the live mapping
            cannot be compiled.
    """
    draft = Draft(situation)
    findings = sorted(situation.findings, key=lambda f: (f.pointer, f.kind, f.id))
    for finding in findings:
        if finding.pointer and not is_place(finding.pointer):
            draft.say(f"nothing changes for {finding.pointer}", "the name itself is data")
    placed = [f for f in findings if is_place(f.pointer)]
    _settle(draft, placed)
    for finding in placed:
        if finding.kind in _FORMS:
            widen_type(draft, finding)
        elif finding.kind == Kind.ENUM_UNKNOWN:
            add_member(draft, finding)
    for finding in findings:
        if finding.kind == Kind.MEANING_SHIFTED:
            note_meaning(draft, finding)
    draft.answers.check_all_known()
    return _finished(draft, tuple(f.id for f in findings))


def _settle(draft: Draft, findings: Sequence[FindingLike]) -> None:
    """Fields that came, went and moved."""
    known = [_known_move(f) for f in findings if f.kind == Kind.FIELD_MOVED and f.detail.get("to")]
    missing = [f.pointer for f in findings if f.kind in (Kind.FIELD_MISSING, Kind.FIELD_MOVED)]
    came = {f.pointer: f for f in findings if f.kind in _ADDED}
    added = [p for p in came if not any(p != q and is_below(p, q) for q in came)]
    gone, rest = settle_moves(draft, missing, added, known)
    drop_missing(draft, gone)
    for pointer in rest:
        if schema_at(draft.situation.contract, pointer) is None:
            place_added(draft, pointer, required=_is_required(draft, came, pointer))
    for pointer in added:
        draft.name_field(pointer)


def _known_move(finding: FindingLike) -> Move:
    reasons = finding.detail.get("reasons") or ("found by the evaluator",)
    score = float(finding.detail.get("score", 1.0))
    return Move(finding.pointer, str(finding.detail["to"]), score, tuple(map(str, reasons)))


def _is_required(draft: Draft, came: Mapping[str, FindingLike], pointer: str) -> bool:
    """Whether the platform says that the field is always there; we never ask for it ourselves."""
    finding = came.get(pointer)
    if finding is not None and (
        finding.kind == Kind.FIELD_ADDED_REQUIRED or finding.detail.get("required")
    ):
        return True
    return bool(draft.evidence.sheet_entry(pointer).get("required"))


def _finished(draft: Draft, findings: tuple[str, ...]) -> Proposal:
    situation = draft.situation
    found = compare(situation.contract, draft.contract)
    contract = _next_contract(draft, found)
    mapping = draft.mapping
    if contract is not None:
        mapping["from"] = contract["$id"]
    changes = mapping != dict(situation.mapping)
    if changes:
        mapping["mapping"] = _next_name(
            str(situation.mapping["mapping"]), "MODEL" if draft.repoints else "ADDITION",
            situation.taken,
        )  # fmt: skip
    old = base_payload(situation.mapping, situation.contract, draft.evidence)
    samples = [shown_in(old, draft.evidence, draft.changes, n) for n in range(1, SAMPLES + 1)]
    compiled = situation.compile(mapping, contract or situation.contract)
    if changes:
        compiled = _with_tests(draft, mapping, contract, compiled, samples[0])
    return Proposal(
        mapping=mapping,
        contract=contract,
        lines=tuple(draft.lines),
        questions=tuple(draft.answers.asked),
        open_questions=draft.answers.open,
        step=found.step,
        step_reason=found.step_reason,
        verdicts=verdicts(found, draft.before, compiled, old, samples[0]),
        samples=tuple(samples),
        findings=findings,
    )


def _next_contract(draft: Draft, found: Comparison) -> dict[str, Any] | None:
    """The draft's contract under its next name, None if it says what the live one says."""
    situation = draft.situation
    if draft.contract == dict(situation.contract):
        return None
    contract = copied(draft.contract)
    name = str(situation.contract.get("$id") or situation.mapping["from"])
    step = found.step if found.step in _POSITIONS else "ADDITION"
    contract["$id"] = _next_name(name, step, situation.taken)
    if situation.sheet_title:
        contract["x-vendor-spec"] = situation.sheet_title
    return contract


def _next_name(name: str, step: str, taken: frozenset[str]) -> str:
    """The name with its version raised by a step, past every version that is taken."""
    place, _, version = name.rpartition("/")
    numbers = [int(part) for part in version.split("-")]
    position = _POSITIONS[step]
    while True:
        numbers = [n + (i == position) if i <= position else 0 for i, n in enumerate(numbers)]
        raised = f"{place}/{'-'.join(map(str, numbers))}"
        if raised not in taken:
            return raised


def _with_tests(
    draft: Draft,
    mapping: dict[str, Any],
    contract: Mapping[str, Any] | None,
    compiled: Compiled,
    sample: Mapping[str, Any],
) -> Compiled:
    """The mapping compiled with one more test, and with old tests changed where what they expect changed."""
    tests = [copied(test) for test in mapping.get("tests") or ()]
    for number, differences in compiled.failing_tests():
        _adapt(tests[number], compiled)
        draft.say(
            f"test {tests[number].get('name', number)!r} of the mapping expects something else now",
            "the rules changed what its payload gives",
            "; ".join(each.partition(":")[0] for each in differences),
        )
    new = _new_test(draft, compiled, sample)
    mapping["tests"] = [*tests, new] if new else tests
    contract = contract or draft.situation.contract
    return draft.situation.compile(mapping, contract)


def _adapt(test: dict[str, Any], compiled: Compiled) -> None:
    """Let a test expect what its invented payload gives now."""
    result = compiled.run(test["payload"])
    expect = test["expect"]
    if result.held is not None:
        test["expect"] = {"held": {"reason": result.held[0], "path": result.held[1]}}
        return
    expect.pop("held", None)
    if not result.docs:
        return
    doc, wanted = result.docs[0], expect.get("doc") or {}
    names = doc if expect.get("exact") else [name for name in wanted if name in doc]
    if "doc" in expect:
        expect["doc"] = {name: doc[name] for name in names}
    if "external_id" in expect:
        expect["external_id"] = result.ids[0]


def _new_test(
    draft: Draft, compiled: Compiled, sample: Mapping[str, Any]
) -> dict[str, Any] | None:
    """An invented payload after the change, with what the new mapping makes of it that the old one did not."""
    result = compiled.run(sample)
    if not result.docs:
        return None
    before = draft.before.run(sample)
    old = before.docs[0] if before.docs else {}
    doc = {name: value for name, value in result.docs[0].items() if old.get(name) != value}
    expect: dict[str, Any] = {"doc": doc} if doc else {"leads": len(result.docs)}
    return {"name": _test_name(draft), "payload": dict(sample), "expect": expect}


def _test_name(draft: Draft) -> str:
    said = ", ".join(
        dict.fromkeys(
            pointer.strip("/").split("/")[0]
            for pointer in (
                *draft.changes.added,
                *(move.target for move in draft.changes.moves),
                *draft.changes.retyped,
            )
        )
    )
    return f"after the change: {said[:80]}" if said else "after the change"
