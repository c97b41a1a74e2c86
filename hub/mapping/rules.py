"""Rules: from a mapping's text to closures that read a payload and write a document.

A rule that cannot use any of its values either holds the record (`unusable: hold`) or leaves the field
absent, marks it and keeps the value under `extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from hub.errors import ConfigError, RecordError
from hub.mapping.conditions import Condition, compile_condition
from hub.mapping.fields import KINDS
from hub.mapping.notes import Notes
from hub.mapping.sources import Source, Sources
from hub.mapping.transforms.base import Transform, compile_chain
from hub.mapping.values import Clean, Json, is_absent
from hub.model.outcome import HeldReason

Doc: TypeAlias = dict[str, Json]
Evaluate: TypeAlias = Callable[[Doc, Notes], Json]
Write: TypeAlias = Callable[[Doc, Doc, Notes], None]

_RULE_KEYS = frozenset({"from", "with", "default", "mark", "required", "unusable", "when"})
_SPREAD_KEYS = frozenset(
    {"from", "with", "mark", "required", "unusable", "when", "take", "unless"}
)


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """Which payload fields a canonical field is made of."""

    target: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleCompiler:
    """Compiles the rules of one mapping; `patch` forbids defaults, which would overwrite what is known."""

    sources: Sources
    transforms: Mapping[str, Transform]
    patch: bool = False
    lineage: list[LineageEdge] = field(default_factory=list)

    def condition(self, document: Json, where: str) -> Condition | None:
        """The condition of a `when`, None without one."""
        if document is None:
            return None
        return compile_condition(document, self.sources.looked_at, where)

    def value(
        self, spec: Json, kind: str, target: str, where: str, *, stored: bool = True
    ) -> Evaluate:
        """A function that gives the value of a rule for `target`, None if it is absent.

        Raises:
            ConfigError: the rule says something that is no rule; names `where`.
        """
        rule = _as_rule(spec, _RULE_KEYS, where)
        found = self._sources_of(rule, where, stored=stored)
        chain, gives = compile_chain(rule.get("with"), self.transforms, where)
        if gives and kind != "object":
            raise ConfigError(
                f"{where}: this transform gives {', '.join(gives)}: use it under `spread`"
            )
        finish = KINDS[kind]
        clean = finish if chain is None else _then(chain, finish)
        fallback = self._fallback(rule, target, found[0].pointer, where)
        if stored:
            self.lineage.append(LineageEdge(target, tuple(source.name for source in found)))
        when = self.condition(rule.get("when"), f"{where}.when")
        mark = _mark(rule, where)
        if (
            len(found) == 1
            and when is None
            and fallback is None
            and not mark
            and not _holds(rule, where)
        ):
            return _plain(found[0], clean, target)
        return _full(
            _Alternatives(found, clean, target, _holds(rule, where)), fallback, when, mark
        )

    def spread(self, spec: Json, label: str, where: str) -> Write:
        """A function that merges what a transform gives into a document.

        `take: every` merges every alternative, `unless: [fields]` skips the rule if one of them is there.
        What is already in the document stays; a second mobile joins `phones`.
        """
        rule = _as_rule(spec, _SPREAD_KEYS, where)
        found = self._sources_of(rule, where)
        chain, gives = compile_chain(rule.get("with"), self.transforms, where)
        if chain is None or not gives:
            raise ConfigError(
                f"{where}: `spread` needs a transform that gives fields: phone_cn, url_params …"
            )
        names = tuple(source.name for source in found)
        self.lineage.extend(LineageEdge(target, names) for target in gives)
        options = _Spread(
            alternatives=_Alternatives(found, chain, label, _holds(rule, where)),
            every=_one_of(rule, "take", ("first", "every"), where) == "every",
            unless=tuple(rule.get("unless") or ()),
            when=self.condition(rule.get("when"), f"{where}.when"),
            mark=_mark(rule, where),
            required=bool(rule.get("required")),
            gives=frozenset({*gives, "marks"}),
        )
        return options.write

    def _sources_of(self, rule: Doc, where: str, *, stored: bool = True) -> list[Source]:
        if "from" not in rule:
            raise ConfigError(f"{where}: a rule says where its value comes `from`")
        specs = rule["from"] if isinstance(rule["from"], list) else [rule["from"]]
        if not specs:
            raise ConfigError(f"{where}.from: at least one source")
        return [self.sources.compile(spec, f"{where}.from", stored=stored) for spec in specs]

    def _fallback(self, rule: Doc, target: str, pointer: str, where: str) -> Evaluate | None:
        if "default" in rule:
            if self.patch:
                raise ConfigError(
                    f"{where}: a patch has no defaults; they would overwrite known values"
                )
            return _default(rule["default"], f"{target.replace('.', '_')}_defaulted")
        return _missing(target, pointer) if rule.get("required") else None


@dataclass(frozen=True, slots=True)
class _Alternatives:
    """Sources in order of preference with what cleans their values."""

    sources: list[Source]
    clean: Clean
    target: str
    hold: bool

    def first(self, payload: Doc, notes: Notes) -> Json:
        bad: tuple[Source, Json, ValueError] | None = None
        for source in self.sources:
            raw = source.get(payload)
            if raw is None:
                continue
            try:
                value = self.clean(raw)
            except ValueError as error:
                if bad is None and not is_absent(raw):
                    bad = (source, raw, error)
                continue
            if value is not None:
                return value
        if bad is not None:
            self.refuse(bad, notes)
        return None

    def every(self, payload: Doc, notes: Notes) -> list[Json]:
        parts = [_Alternatives([s], self.clean, self.target, hold=False) for s in self.sources]
        values = [part.first(payload, notes) for part in parts]
        found = [value for value in values if value is not None]
        if self.hold and not found:
            self.first(payload, notes)
        return found

    def refuse(self, bad: tuple[Source, Json, ValueError], notes: Notes) -> None:
        source, raw, error = bad
        if self.hold:
            raise RecordError(HeldReason.INVALID_VALUE, source.pointer, self.target) from error
        path = source.name if source.paths else f"answer:{self.target}"
        notes.unusable(self.target, path, raw, getattr(error, "mark", ""))


@dataclass(frozen=True, slots=True)
class _Spread:
    alternatives: _Alternatives
    every: bool
    unless: tuple[str, ...]
    when: Condition | None
    mark: str
    required: bool
    gives: frozenset[str]

    def write(self, payload: Doc, doc: Doc, notes: Notes) -> None:
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
            raise RecordError(HeldReason.MISSING, first.pointer, self.alternatives.target)

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


def _plain(source: Source, clean: Clean, target: str) -> Evaluate:
    get = source.get
    alternatives = _Alternatives([source], clean, target, hold=False)

    def evaluate(payload: Doc, notes: Notes) -> Json:
        value = get(payload)
        if value is None:
            return None
        try:
            return clean(value)
        except ValueError as error:
            if not is_absent(value):
                alternatives.refuse((source, value, error), notes)
            return None

    return evaluate


def _full(
    alternatives: _Alternatives, fallback: Evaluate | None, when: Condition | None, mark: str
) -> Evaluate:
    first = alternatives.first

    def evaluate(payload: Doc, notes: Notes) -> Json:
        if when is not None and not when(payload):
            return None
        value = first(payload, notes)
        if value is None:
            return None if fallback is None else fallback(payload, notes)
        if mark:
            notes.marks.add(mark)
        return value

    return evaluate


def _default(value: Json, mark: str) -> Evaluate:
    def evaluate(_payload: Doc, notes: Notes) -> Json:
        notes.marks.add(mark)
        return value

    return evaluate


def _missing(target: str, pointer: str) -> Evaluate:
    def evaluate(_payload: Doc, _notes: Notes) -> Json:
        raise RecordError(HeldReason.MISSING, pointer, target)

    return evaluate


def _then(chain: Clean, finish: Clean) -> Clean:
    def clean(value: Json) -> Json:
        value = chain(value)
        return None if value is None else finish(value)

    return clean


def _as_rule(spec: Json, allowed: frozenset[str], where: str) -> Doc:
    if isinstance(spec, str | list):
        return {"from": spec}
    if not isinstance(spec, dict):
        raise ConfigError(f"{where}: a rule is a path, a list of sources, or an object")
    if len(spec) == 1 and not spec.keys() & allowed:
        return {"from": [spec]}  # {answer: …} or {const: …} alone
    unknown = sorted(str(key) for key in spec.keys() - allowed)
    if unknown:
        raise ConfigError(f"{where}: {unknown[0]!r} is none of {', '.join(sorted(allowed))}")
    return spec


def _one_of(rule: Doc, key: str, allowed: tuple[str, ...], where: str) -> str:
    value = rule.get(key, allowed[0])
    if value not in allowed:
        raise ConfigError(f"{where}.{key}: {value!r} is none of {', '.join(allowed)}")
    return str(value)


def _holds(rule: Doc, where: str) -> bool:
    return _one_of(rule, "unusable", ("mark", "hold"), where) == "hold" or bool(
        rule.get("required")
    )


def _mark(rule: Doc, where: str) -> str:
    mark = rule.get("mark", "")
    if not isinstance(mark, str):
        raise ConfigError(f"{where}.mark: a mark is text")
    return mark
