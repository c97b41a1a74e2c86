"""What a proposal is made from, and what it is: plain values, and a compiler that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from hub.drift.questions import Question

Document: TypeAlias = dict[str, Any]


class FindingLike(Protocol):
    """What a proposal reads of a finding."""

    @property
    def id(self) -> str:
        """The finding's id."""

    @property
    def kind(self) -> str:
        """One of `hub.drift.kinds.Kind`."""

    @property
    def pointer(self) -> str:
        """Where in the payload."""

    @property
    def detail(self) -> Mapping[str, Any]:
        """`to`, `member`, `required`, `found` …"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a mapping makes of a payload: documents of its leads, or why it is held or no lead."""

    docs: tuple[Mapping[str, Any], ...] = ()
    ids: tuple[str, ...] = ()
    held: tuple[str, str] | None = None
    not_a_lead: str | None = None


class Compiled(Protocol):
    """A compiled mapping, as the step hands it in."""

    def run(self, payload: Mapping[str, Any]) -> Result:
        """What it makes of a payload; never raises for the payload's sake."""

    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Canonical field → what it is read from: paths, `container?pattern`, `context.…`, `const`."""

    def failing_tests(self) -> Sequence[tuple[int, Sequence[str]]]:
        """The mapping's own tests that fail: number, differences."""


Compile: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Compiled]


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a proposal depends on: the same situation gives the same proposal.

    `payloads` show the change (and what was before); they are looked at and never shown. `answers` are
    question id → choice. `taken` are names of mappings and contracts that exist already. `compile` is
    given a mapping and its contract and raises ConfigError for what cannot be compiled.
    """

    mapping: Mapping[str, Any]
    contract: Mapping[str, Any]
    canonical: Mapping[str, Any]
    findings: Sequence[FindingLike]
    payloads: Sequence[Mapping[str, Any]]
    compile: Compile
    sheet: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sheet_title: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """One change of the proposal: what, why, and what speaks for it."""

    what: str
    reason: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class SideVerdict:
    """Whether one side breaks, with an invented payload that shows it. `side`: producer, readers, archive."""

    side: str
    state: str
    reason: str
    pointer: str = ""
    witness: Any = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next contract and mapping. `contract` is None where the live one stays as it is.

    `samples` are ten invented payloads as the platform would send them now.
    """

    mapping: Document
    contract: Document | None
    lines: tuple[Line, ...]
    questions: tuple[Question, ...]
    open_questions: tuple[str, ...]
    step: str
    step_reason: str
    verdicts: tuple[SideVerdict, ...]
    samples: tuple[Document, ...]
    findings: tuple[str, ...]

    @property
    def changes_anything(self) -> bool:
        """Whether the mapping or the contract differ from what is live."""
        return self.contract is not None or bool(self.lines)
