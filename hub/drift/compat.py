"""What changed between two contracts, whom it breaks, and the size of the step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hub.drift.changes import Difference, differences
from hub.drift.subsume import Finding, findings

State = Literal["compatible", "breaks", "undecided"]
ChangeState = Literal["compatible", "breaks", "breaks_unlisted", "undecided"]
Step = Literal["MODEL", "REVISION", "ADDITION", "NONE", "UNDECIDED"]
_MODEL_KINDS: Final = ("field_added_required", "field_removed", "type_changed")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether every payload of one contract is valid under the other.

    `witness` is a payload that shows the break, at `pointer`; `unlisted`: only payloads break that carry a
    field which the contract they follow does not name. `undecided` says where the comparison stopped.
    """

    state: State
    reason: str = ""
    pointer: str = ""
    witness: Any = None
    unlisted: bool = False
    undecided: tuple[str, ...] = ()

    def holds(self, *, ignore_unlisted: bool = False) -> bool:
        """Whether nothing breaks and nothing is undecided; on wish fields that are named nowhere do not count."""
        forgiven = ignore_unlisted and self.unlisted and not self.undecided
        return self.state == "compatible" or forgiven


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its kind, a JSON Pointer into the payload, and what it does to either side.

    `breaks_unlisted`: only payloads break that carry a field which their own contract does not name.
    """

    kind: str
    pointer: str
    before: str
    after: str
    reads_new: ChangeState
    reads_old: ChangeState


@dataclass(frozen=True, slots=True)
class Comparison:
    """All of it. `reads_new`: a reader with the old contract gets new payloads; `reads_old`: the other way."""

    changes: tuple[Change, ...]
    reads_new: Verdict
    reads_old: Verdict
    step: Step
    step_reason: str


def compare(old: Mapping[str, Any] | bool, new: Mapping[str, Any] | bool) -> Comparison:
    """Compare two contracts by what JSON Schema says of them.

    Raises:
        ConfigError: one of them is no JSON Schema.
    """
    breaks_old_reader = findings(reader=old, writer=new)
    breaks_new_reader = findings(reader=new, writer=old)
    found = list(differences(old, new))
    changes = tuple(_change(one, breaks_old_reader, breaks_new_reader) for one in found)
    reads_old = _verdict(breaks_new_reader)
    step, reason = _step(found, reads_old, breaks_new_reader)
    return Comparison(changes, _verdict(breaks_old_reader), reads_old, step, reason)


def _verdict(found: Sequence[Finding]) -> Verdict:
    undecided = tuple(f"{f.pointer or '/'}: {f.reason}" for f in found if not f.decided)
    broken = next((f for f in found if f.decided), None)
    if broken is not None:
        return Verdict(
            "breaks", broken.reason, broken.pointer, broken.witness, broken.unlisted, undecided
        )
    if undecided:
        return Verdict("undecided", undecided[0], undecided=undecided)
    return Verdict("compatible")


def _change(
    one: Difference, new_breaks: Sequence[Finding], old_breaks: Sequence[Finding]
) -> Change:
    return Change(
        one.kind,
        one.pointer,
        one.before,
        one.after,
        _state(one, new_breaks),
        _state(one, old_breaks),
    )


def _state(one: Difference, found: Sequence[Finding]) -> ChangeState:
    mine = list(_about(one, found))
    if any(f.decided and not f.unlisted for f in mine):
        return "breaks"
    if any(not f.decided for f in mine) or one.kind == "not_understood":
        return "undecided"
    return "breaks_unlisted" if mine else "compatible"


def _about(one: Difference, found: Sequence[Finding]) -> Iterator[Finding]:
    """The findings that a difference explains: at its place by its keyword, or anywhere in its field."""
    for finding in found:
        inside = (finding.pointer + "/").startswith(one.pointer + "/")
        here = finding.pointer == one.pointer and finding.keyword in one.keywords
        if here or (inside and not one.keywords):
            yield finding


def _step(
    found: Sequence[Difference], reads_old: Verdict, breaks: Sequence[Finding]
) -> tuple[Step, str]:
    """SchemaVer asks what becomes of the payloads that are there: none, some or all of them stay valid."""
    if reads_old.state == "compatible":
        if not found:
            return "NONE", "the contracts say the same"
        return "ADDITION", "every old payload is valid under the new contract"
    named = [f for f in breaks if f.decided and not f.unlisted]
    for one in found:
        if one.kind in _MODEL_KINDS and any(_about(one, named)):
            return "MODEL", f"{one.kind} at {one.pointer or '/'}: old payloads are no longer valid"
    if named:
        return "REVISION", f"some old payloads are no longer valid: {named[0].reason}"
    if reads_old.undecided:
        return "UNDECIDED", reads_old.undecided[0]
    return "REVISION", "old payloads break only by fields that the old contract does not name"
