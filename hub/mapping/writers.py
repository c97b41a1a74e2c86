"""What writes values into a document: single fields, copies in bulk, objects, merged results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from hub.errors import RecordError
from hub.mapping.alternatives import Alternatives
from hub.mapping.conditions import Condition
from hub.mapping.notes import Doc, Evaluate, Notes, Write
from hub.mapping.values import Json
from hub.model.outcome import HeldReason


class Gated(NamedTuple):
    """A rule that needs running only if one of `keys` is in the payload; no keys: always.

    `root` is the object that holds the keys, if it is not the payload itself. `absent` are values that mean
    no value. With `copied`, printable text is the value as it is, and a number is it through `number`.
    """

    keys: tuple[str | int, ...] | None
    write: Write
    member: str = ""
    absent: frozenset[str | int] = frozenset()
    copied: bool = False
    number: Callable[[int], Json] | None = None
    root: str = ""


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


def by_root(rule: Gated) -> str:
    """Sorts rules of single fields, whose order means nothing, so that `merged` makes few writers."""
    return rule.root


def merged(rules: Iterable[Gated]) -> list[Write]:
    """Writers that do the same as `rules`, in their order, with hardly a call for what is absent."""
    writers: list[Write] = []
    for (root, always), group in groupby(rules, key=lambda rule: (rule.root, rule.keys is None)):
        entries = list(group)
        if always:
            writers.extend(entry.write for entry in entries)
        elif root:
            writers.append(_write_nested(root, entries))
        else:
            writers.append(_write_gated(entries))
    return writers


def _write_gated(entries: Sequence[Gated]) -> Write:
    table: Any = tuple(entry[:6] for entry in entries)

    def write(payload: Doc, doc: Doc, notes: Notes) -> None:
        _run(table, payload.get, payload, doc, notes)

    return write


def _write_nested(root: str, entries: Sequence[Gated]) -> Write:
    table: Any = tuple(entry[:6] for entry in entries)

    def write(payload: Doc, doc: Doc, notes: Notes) -> None:
        inner = payload.get(root)
        if type(inner) is dict:
            _run(table, inner.get, payload, doc, notes)
        elif inner:
            for entry in entries:  # JSON in a string
                entry.write(payload, doc, notes)

    return write


def _run(
    table: Any,  # noqa: ANN401 -- rows of Gated, without the cost of names
    get: Callable[[str | int], Json],
    payload: Doc,
    doc: Doc,
    notes: Notes,
) -> None:
    for keys, rule, member, absent, copied, number in table:
        for key in keys:
            value = get(key)
            if value is None or value == "":
                continue
            kind = type(value)
            if absent and (kind is str or kind is int) and value in absent:
                continue
            if copied and kind is str and value.isprintable() and (text := value.strip()):
                doc[member] = text
            elif number is not None and kind is int:
                doc[member] = number(value)
            else:
                rule(payload, doc, notes)
            break


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
