"""How the fields of leads are filled: filled, anomalous, invalid, by the rules of the dictionary. Pure.

Nothing of a value is kept but counts, and anomaly words, which are the dictionary's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.mapping.rules import LineageEdge
from hub.mapping.value_checks import CHECKS, normal, texts_of
from hub.mapping.values import Json

EVERYWHERE = ""
"""Under this name stands the rule of fields that the dictionary does not know: words that mean nothing anywhere."""
_UNUSABLE = "unusable:"
_DEFAULTED = "_defaulted"
# Members of a document that say something about it, or that are counted by their own members.
_NOT_FIELDS = frozenset({"extra", "marks", "touchpoints", "ext"})


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field of the dictionary asks for.

    `checks` are names in CHECKS; `words` are anomaly words in the form of `normal`, each with how it is shown.
    With `also`, the field counts as filled if one of those is: a budget is given by its upper end, or by a
    form's own words. `marks` are marks of a lead that say that what was given for the field is no such thing.
    """

    name: str
    label_zh: str
    is_core: bool = False
    checks: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()


@dataclass(slots=True)
class FieldCount:
    """Counts of one field over some leads. `filled`: something was given for it, usable or not.

    `anomalous` of the filled are an anomaly word or fail a check; `invalid` of those could not be used at all.
    `words` counts anomaly words, `failed` the checks that failed; one value may count in several.
    `conflicts` are contacts whose leads of the source say something else than the contact does.
    """

    filled: int = 0
    anomalous: int = 0
    invalid: int = 0
    conflicts: int = 0
    words: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, other: FieldCount) -> None:
        """Add what was counted over other leads."""
        self.filled += other.filled
        self.anomalous += other.anomalous
        self.invalid += other.invalid
        self.conflicts += other.conflicts
        self.words.update(other.words)
        self.failed.update(other.failed)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "filled": self.filled, "anomalous": self.anomalous, "invalid": self.invalid,
            "conflicts": self.conflicts,
            "words": dict(self.words), "failed": dict(self.failed),
        }  # fmt: skip

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FieldCount:
        """The count that `as_json` gave."""
        plain = {name: int(value) for name, value in body.items() if isinstance(value, int)}
        return cls(**plain, words=Counter(body["words"]), failed=Counter(body["failed"]))


@dataclass(frozen=True, slots=True)
class RawPlaces:
    """Where a mapping leaves what it could not use, and which fields were meant: the lineage, read backwards.

    `fields_of` is a path under `extra.unmapped` → the fields that it feeds, `fields_of_mark` a mark's label
    (`unusable:<label>`) → the same, `fed` every field that some rule fills.
    """

    fields_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields_of_mark: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fed: frozenset[str] = frozenset()


def raw_places(edges: Iterable[LineageEdge]) -> RawPlaces:
    """The places of some mappings' rules."""
    paths: dict[str, dict[str, None]] = {}
    marks: dict[str, dict[str, None]] = {}
    fed: set[str] = set()
    for edge in edges:
        target = _column(edge.target)
        fed.add(target)
        label = edge.label or edge.target
        marks.setdefault(label, {})[target] = None
        for path in (*edge.sources, f"answer:{label}"):
            if "?" not in path:
                paths.setdefault(path, {})[target] = None
    return RawPlaces(_tuples(paths), _tuples(marks), frozenset(fed))


def _column(target: str) -> str:
    """The field that is counted: `store.name` is `store`, `ext.grade` a field of its own."""
    return target if target.startswith("ext.") else target.partition(".")[0]


def _tuples(found: Mapping[str, Mapping[str, None]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(fields) for name, fields in found.items()}


def values_of(doc: Mapping[str, Json]) -> dict[str, Json]:
    """Field → value of a lead, extension fields as `ext.<name>`; what a rule made up is left out."""
    values = {name: value for name, value in doc.items() if name not in _NOT_FIELDS}
    values.update((f"ext.{name}", value) for name, value in doc.get("ext", {}).items())
    for mark in doc.get("marks", ()):
        if mark.endswith(_DEFAULTED):
            values.pop(mark.removesuffix(_DEFAULTED), None)
    return values


class LeadCounter:
    """Counts the fields of one source's leads; hand it each lead once."""

    def __init__(self, rules: Mapping[str, FieldRule], places: RawPlaces) -> None:
        self._rules = rules
        self._fields_of = _meant(places.fields_of, rules)
        self._fields_of_mark = _meant(places.fields_of_mark, rules)
        self._common = rules.get(EVERYWHERE) or FieldRule(EVERYWHERE, "")
        self._also = {other: rule.name for rule in rules.values() for other in rule.also}
        self._by_mark: dict[str, tuple[str, ...]] = {}
        for rule in rules.values():
            for mark in rule.marks:
                self._by_mark[mark] = (*self._by_mark.get(mark, ()), rule.name)
        self.leads = 0
        self.fields: dict[str, FieldCount] = {}

    def add(self, doc: Mapping[str, Json], came: datetime) -> None:
        """Count one lead that came at `came`."""
        self.leads += 1
        values = values_of(doc)
        for name in values.keys() & self._also.keys():
            if self._also[name] not in values:
                values[self._also[name]] = values[name]
        lead = _Lead(doc, came, values, self._raw_of(doc))
        invalid = {*lead.raw, *self._marked(doc)} - values.keys()
        for name in values:
            self._count(name, lead)
        for name in invalid:
            self._count(name, lead, is_invalid=True)

    def _field(self, name: str) -> FieldCount:
        count = self.fields.get(name)
        if count is None:
            count = self.fields[name] = FieldCount()
        return count

    def _count(self, name: str, lead: _Lead, *, is_invalid: bool = False) -> None:
        """One field of one lead; no object is made for it, since this runs for every field of every lead."""
        rule = self._rules.get(name) or self._common
        count = self._field(name)
        count.filled += 1
        is_anomalous = is_invalid
        for word in self._words_in(rule, name, lead) if rule.words else ():
            count.words[word] += 1
            is_anomalous = True
        if name in lead.doc:
            value = lead.doc[name]
            for check in rule.checks:
                if not CHECKS[check](value, lead.doc, lead.came):
                    count.failed[check] += 1
                    is_anomalous = True
        count.anomalous += is_anomalous
        count.invalid += is_invalid

    def _words_in(self, rule: FieldRule, name: str, lead: _Lead) -> set[str]:
        """Anomaly words among what was given for a field, each once."""
        value = lead.values.get(name)
        raw = lead.raw.get(name)
        if raw is None and isinstance(value, str):
            shown = rule.words.get(normal(value))
            return {shown} if shown is not None else set()
        given = [value, *(raw or ())]
        texts = (normal(text) for one in given for text in texts_of(one))
        return {rule.words[text] for text in texts if text in rule.words}

    def _raw_of(self, doc: Mapping[str, Json]) -> dict[str, list[Json]]:
        """Field → what was given for it and could not be used."""
        found: dict[str, list[Json]] = {}
        for path, value in doc.get("extra", {}).get("unmapped", {}).items():
            for name in self._fields_of.get(path, ()):
                found.setdefault(name, []).append(value)
        return found

    def _marked(self, doc: Mapping[str, Json]) -> Iterator[str]:
        """Fields that a mark says could not be used."""
        for mark in doc.get("marks", ()):
            if mark.startswith(_UNUSABLE):
                label = mark.removeprefix(_UNUSABLE)
                yield from self._fields_of_mark.get(label, ())
            else:
                yield from self._by_mark.get(mark, ())


def _meant(
    places: Mapping[str, tuple[str, ...]], rules: Mapping[str, FieldRule]
) -> dict[str, tuple[str, ...]]:
    """The places, each with the core fields that it feeds, else with the first: 随便 for a budget is one answer,
    though a budget has two ends."""
    found = {}
    for place, names in places.items():
        core = tuple(name for name in names if name in rules and rules[name].is_core)
        found[place] = core or names[:1]
    return found


@dataclass(slots=True)
class _Lead:
    """A lead while it is counted: `values` and `raw` are what was given for each field, usable and not."""

    doc: Mapping[str, Json]
    came: datetime
    values: dict[str, Json]
    raw: dict[str, list[Json]]


def disagreements(
    leads: Iterable[tuple[str, Mapping[str, Json]]], winners: Mapping[str, Json]
) -> set[tuple[str, str]]:
    """(source, field) for each field in which a lead of that source says something else than its contact.

    `leads` are source and document of leads of one contact, `winners` the contact's own values by field, a
    member of an object as `store.name`.
    """
    found: set[tuple[str, str]] = set()
    for source, doc in leads:
        for path, value in winners.items():
            name, _, member = path.partition(".")
            said = doc.get(name)
            if member:
                said = said.get(member) if isinstance(said, dict) else None
            if said is not None and said != value:
                found.add((source, _column(path)))
    return found
