"""One labelled case: a source, what it sends, how that changes, what has to be found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hub.drift.kinds import Kind
from hub.drift.profile import Profile
from tests.drift import changes as c
from tests.drift.payloads import BUILDERS, Item
from tests.drift.pipeline import Detector

Label = tuple[Kind, str]
BEFORE, AFTER = 800, 320
CLUE, PUSH, STAR = "douyin/clue", "douyin/clue_push", "douyin/star_clue"
STAR_PUSH, EVENT, FORM = "douyin/star_push", "douyin/open_event", "webform/form"


@dataclass(frozen=True, slots=True)
class Case:
    """One change of one source: `was` shapes what comes before, `change` what comes after. No label: stay silent."""

    name: str
    contract: str
    change: c.Change
    expected: frozenset[Label] = frozenset()
    was: c.Change = c.same
    before: int = BEFORE
    after: int = AFTER

    def run(self) -> Detector:
        """The detector once the change has come; its `labels()` are what it found."""
        detector = Detector.of(self.contract)
        detector.memory.baseline = Profile.from_json(_known(self.contract, self.was, self.before))
        detector.seen = self.before
        numbers = range(self.before, self.before + self.after)
        detector.read(self.change(_payload(self.contract, n), n) for n in numbers)
        detector.judge()
        return detector

    def found(self) -> set[Label]:
        """Kind and pointer of what is found."""
        return self.run().labels()


@cache
def _known(contract: str, was: c.Change, before: int) -> dict[str, Any]:
    """What is known of a source after so many payloads."""
    detector = Detector.of(contract)
    detector.read(was(_payload(contract, n), n) for n in range(before))
    detector.learn()
    return detector.memory.baseline.as_json()


@cache
def _payload(contract: str, number: int) -> Item:
    """A payload before any change; changes copy what they touch."""
    return BUILDERS[contract](number)


def case(
    name: str,
    contract: str,
    change: c.Change,
    *labels: Label,
    base: c.Change | None = None,
    **more: Any,
) -> Case:
    """`base` shapes both what comes before and what comes after."""
    if base is None:
        return Case(name, contract, change, frozenset(labels), **more)
    return Case(name, contract, c.all_of(base, change), frozenset(labels), was=base, **more)


def missing(pointer: str) -> Label:
    return Kind.FIELD_MISSING, pointer


def typed(pointer: str) -> Label:
    return Kind.TYPE_CHANGED, pointer


def reformatted(pointer: str) -> Label:
    return Kind.FORMAT_CHANGED, pointer


def moved(pointer: str) -> Label:
    return Kind.FIELD_MOVED, pointer


def required(pointer: str) -> Label:
    return Kind.FIELD_ADDED_REQUIRED, pointer
