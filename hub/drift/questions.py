"""Questions that a proposal asks, because only a person can know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.drift.moves import Move
from hub.drift.places import path_of
from hub.errors import ConfigError

REPOINT: Final = "repoint"
PREFER: Final = "prefer"
KEEP: Final = "keep"
EXTENSION: Final = "extension"
IGNORE: Final = "ignore"
FOLLOW: Final = "follow"
APART: Final = "apart"
YUAN, FEN = "yuan", "fen"


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: the word to give, and what it does."""

    name: str
    does: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question by its id, with every answer; none of them is the default."""

    id: str
    text: str
    choices: tuple[Choice, ...]

    def flag(self) -> str:
        """How to answer on the command line."""
        return f"--answer {self.id}={'|'.join(choice.name for choice in self.choices)}"


class Answers:
    """The answers given, asked one question at a time; remembers what was asked and what is open."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.asked: list[Question] = []

    @property
    def open(self) -> tuple[str, ...]:
        """Ids of the questions without an answer."""
        return tuple(q.id for q in self.asked if q.id not in self._given)

    def ask(self, question: Question) -> str | None:
        """The answer, None if there is none yet.

        Raises:
            ConfigError: the answer is none of the choices.
        """
        self.asked.append(question)
        answer = self._given.get(question.id)
        names = [choice.name for choice in question.choices]
        if answer is not None and answer not in names:
            raise ConfigError(
                f"{question.id}: {answer!r} is no answer; there are {', '.join(names)}"
            )
        return answer

    def free_id(self, wanted: str) -> str:
        """`wanted`, numbered if another question has it."""
        taken = {question.id for question in self.asked}
        names = (wanted, *(f"{wanted}_{n}" for n in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def check_all_known(self) -> None:
        """Nothing, if every answer belongs to a question.

        Raises:
            ConfigError: one does not.
        """
        known = [question.id for question in self.asked]
        for name in self._given:
            if name not in known:
                there = f"there are {', '.join(known)}" if known else "the proposal asks nothing"
                raise ConfigError(f"no question {name!r}; {there}")


def about_meaning(
    field: str, label: str, pointer: str, sources: Sequence[str], siblings: Sequence[str]
) -> Question:
    """Whether a new field takes the place of what fills a canonical field, or stands beside its sibling."""
    new, old = path_of(pointer), ", ".join(sources or siblings)
    choices: tuple[Choice, ...]
    if sources:
        text = (
            f"{label} ({field}) comes from {old} today; the new field {new} says by its name that it is {label}."
            f" They may hold different values. Where does {label} come from?"
        )
        choices = (
            Choice(
                REPOINT,
                f"{label} comes from the new field {new}; the value of {old} is kept beside it",
            ),
            Choice(
                PREFER,
                f"{label} comes from the new field {new}, and from {old} where that is empty",
            ),
            Choice(
                KEEP, f"{label} stays with {old}; the new field {new} becomes an extension field"
            ),
        )
    else:
        text = (
            f"The new field {new} says by its name that it is {label} ({field}), and {old} is another id of the same"
            f" person; they hold different values. What is {new}?"
        )
        choices = (
            Choice(REPOINT, f"{label} comes from the new field {new}; {old} stays where it is"),
            Choice(
                EXTENSION, f"the new field {new} becomes an extension field; {label} stays empty"
            ),
        )
    ignore = Choice(IGNORE, f"no rule; the new field {new} stays under extra.unmapped")
    return Question(field, text, (*choices, ignore))


def about_move(question_id: str, candidates: Sequence[Move]) -> Question:
    """Whether a field that is gone moved to one of several that came, or to one that only looks like it."""
    old = path_of(candidates[0].source)
    names = ", ".join(path_of(move.target) for move in candidates)
    choices = [
        Choice(path_of(move.target), f"{old} moved there ({'; '.join(move.reasons)})")
        for move in candidates
    ]
    text = f"{old} is gone, and {names} may hold what it held. Did it move?"
    return Question(
        question_id, text, (*choices, Choice(APART, f"{old} is gone; nothing took its place"))
    )


def about_unit(question_id: str, pointer: str, places: Sequence[str]) -> Question:
    """Whether amounts changed their unit."""
    path = path_of(pointer)
    return Question(
        question_id,
        f"The amounts in {path} ({', '.join(places)}) changed in size or form. In which unit are they now?",
        (
            Choice(YUAN, "元: read as yuan"),
            Choice(FEN, "分: read as fen"),
            Choice(KEEP, "the rule stays as it is"),
        ),
    )
