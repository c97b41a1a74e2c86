"""What writes values into a document: single fields, copies in bulk, objects, merged results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hub.errors import RecordError
from hub.mapping.alternatives import Alternatives
from hub.mapping.conditions import Condition
from hub.mapping.notes import Doc, Evaluate, Notes, Write
from hub.mapping.values import Json
from hub.model.outcome import HeldReason


class Copy(NamedTuple):
    """A field that is the text under a key; `plain` is a type that is copied as well, `slow` does the rest."""

    key: str
    member: str
    plain: type | None
    slow: Write


def set_field(target: str, evaluate: Evaluate) -> Write:
    """A writer that puts a rule's value under `target`, if there is one."""

    def write(payload: Doc, doc: Doc, notes: Notes) -> None:
        value = evaluate(payload, notes)
        if value is not None:
            doc[target] = value

    return write


def set_group(group: str, writers: list[Write]) -> Write:
    """A writer that puts what `writers` write into an object under `group`, if it is not empty."""

    def write(payload: Doc, doc: Doc, notes: Notes) -> None:
        inner: Doc = {}
        for each in writers:
            each(payload, inner, notes)
        if inner:
            doc[group] = inner

    return write


def copy_fields(copies: Sequence[Copy]) -> Write:
    """A writer for fields that are only copied: most fields of most payloads."""
    table = tuple(copies)

    def write(payload: Doc, doc: Doc, notes: Notes) -> None:
        get = payload.get
        for key, member, plain, slow in table:
            value = get(key)
            if value is None or value == "":
                continue
            kind = type(value)
            if kind is str and value.isprintable():
                text = value.strip()
                if text:
                    doc[member] = text
            elif kind is plain:
                doc[member] = value
            else:
                slow(payload, doc, notes)

    return write


def merged(writers: Iterable[Write | Copy]) -> list[Write]:
    """Writers with all copies done by one of them, first."""
    copies: list[Copy] = []
    others: list[Write] = []
    for writer in writers:
        if isinstance(writer, Copy):
            copies.append(writer)
        else:
            others.append(writer)
    return [copy_fields(copies), *others] if copies else others


@dataclass(frozen=True, slots=True)
class Spread:
    """Merges what a transform gives into a document; `alternatives` say where from."""

    alternatives: Alternatives
    label: str
    every: bool
    unless: tuple[str, ...]
    when: Condition | None
    mark: str
    required: bool
    gives: frozenset[str]

    def write(self, payload: Doc, doc: Doc, notes: Notes) -> None:
        """Merge the first value, or every one."""
        if any(name in doc for name in self.unless):
            return
        if self.when is not None and not self.when(payload):
            return
        if self.every:
            results = self.alternatives.every(payload, notes)
        else:
            result = self.alternatives.first(payload, notes)
            results = [] if result is None else [result]
        for result in results:
            self._merge(doc, result, notes)
        if results and self.mark:
            notes.marks.add(self.mark)
        if not results and self.required:
            first = self.alternatives.sources[0]
            raise RecordError(HeldReason.MISSING, first.pointer, self.label)

    def _merge(self, doc: Doc, result: Doc, notes: Notes) -> None:
        for name, value in result.items():
            if name not in self.gives:
                continue
            if name == "marks":
                notes.marks.update(value)
            elif name not in doc:
                doc[name] = value
            else:
                _join(doc, name, value)


def _join(doc: Doc, name: str, value: Json) -> None:
    known = doc[name]
    if name == "mobile_e164" and value != known:
        _join_phones(doc, [{"value": value, "kind": "mobile"}])
    elif name == "phones":
        _join_phones(doc, value)
    elif type(known) is dict:
        doc[name] = {**value, **known}


def _join_phones(doc: Doc, phones: list[Doc]) -> None:
    known = doc.setdefault("phones", [])
    doc["phones"] = [*known, *(phone for phone in phones if phone not in known)]
