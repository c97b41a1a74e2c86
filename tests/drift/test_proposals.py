"""Every case of the drift suite gives a proposal that compiles, passes its tests and loses nothing unasked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.drift.compat import compare
from hub.drift.kinds import Kind
from hub.drift.propose import propose
from hub.drift.situation import Proposal, Situation
from tests.drift.case import Case
from tests.drift.payloads import BUILDERS
from tests.drift.suite import cases
from tests.unit.drift.situations import CANONICAL, COMPILE, FILES

OLD, NEW = 50, 150
NEWEST = {f"{n.platform}/{n.entity}": str(n) for n in FILES.newest_mappings()}
CASES = [each for each in cases() if each.expected and each.contract in NEWEST]


@dataclass(frozen=True)
class Found:
    """A finding as the evaluator writes it."""

    kind: str
    pointer: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.kind}{self.pointer}"


def payloads_of(case: Case) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    build = BUILDERS[case.contract]
    old = [case.was(build(n), n) for n in range(case.before - OLD, case.before)]
    new = [case.change(build(n), n) for n in range(case.before, case.before + NEW)]
    return old, new


def situation_of(case: Case) -> Situation:
    detector = case.run()
    moves = dict(detector.moves())
    findings = []
    for (kind, pointer, member), sight in detector.found.items():
        detail = {**sight.detail, **({"member": member} if member else {})}
        if kind == Kind.FIELD_MISSING and pointer in moves:
            kind, detail = Kind.FIELD_MOVED, {**detail, "to": moves[pointer]}
        findings.append(Found(kind, pointer, detail))
    mapping = FILES.mapping(NEWEST[case.contract])
    contract = FILES.contract(mapping["from"])
    old, new = payloads_of(case)
    return Situation(mapping, contract, CANONICAL, findings, [*old, *new], COMPILE)


def answered(situation: Situation) -> Proposal:
    """The proposal with each question answered by its first choice, however many come up."""
    answers: dict[str, str] = {}
    for _ in range(10):
        given = Situation(
            situation.mapping, situation.contract, situation.canonical, situation.findings,
            situation.payloads, situation.compile, answers=dict(answers),
        )  # fmt: skip
        found = propose(given)
        if not found.open_questions:
            return found
        for question in found.questions:
            answers.setdefault(question.id, question.choices[0].name)
    raise AssertionError("the questions never end")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_proposal_stands_on_its_own(case: Case) -> None:
    situation = situation_of(case)
    first, settled = propose(situation), answered(situation)

    for found in (first, settled):
        contract = found.contract or situation.contract
        compiled = COMPILE(found.mapping, contract)
        assert compiled.failing_tests() == []
        reads_old = compare(situation.contract, contract).reads_old
        assert reads_old.state == "compatible" or reads_old.unlisted
        assert set(contract.get("required", ())) <= set(situation.contract.get("required", ()))
        assert len(found.samples) == 10
    assert propose(situation) == first
    json.dumps([first.mapping, first.contract])  # nothing but JSON


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_lead_that_loads_today_is_held_or_loses_a_field(case: Case) -> None:
    """Under the proposal as it stands before any question is answered."""
    situation = situation_of(case)
    found = propose(situation)
    before = COMPILE(situation.mapping, situation.contract)
    after = COMPILE(found.mapping, found.contract or situation.contract)

    # A made id lacks what moved until the proposal follows it: a line says so, and a try refuses it.
    keyed_anew = any("another id" in line.reason for line in found.lines)
    for payload in situation.payloads:
        was, now = before.run(payload), after.run(payload)
        if was.docs:
            assert now.docs
            assert now.ids == was.ids or keyed_anew
            for old, new in zip(was.docs, now.docs, strict=True):
                assert old.keys() - {"extra", "marks"} <= new.keys()


MOVES = [case for case in CASES if any(kind == Kind.FIELD_MOVED for kind, _ in case.expected)]


@pytest.mark.parametrize("case", MOVES, ids=lambda case: case.name)
def test_what_moved_is_read_at_its_new_place(case: Case) -> None:
    """Each lead after the change has every field that it would have had without it."""
    situation = situation_of(case)
    found = answered(situation)
    before = COMPILE(situation.mapping, situation.contract)
    after = COMPILE(found.mapping, found.contract or situation.contract)
    build = BUILDERS[case.contract]

    for number in range(case.before, case.before + 40):
        plain = before.run(case.was(build(number), number))
        changed = after.run(case.change(build(number), number))
        for old, new in zip(plain.docs, changed.docs, strict=True):
            for name in old.keys() - {"extra", "marks", "touchpoints", "ext", "platform_state"}:
                assert new.get(name) is not None, name
