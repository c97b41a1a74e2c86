"""Rules: from a mapping's text to closures that read a payload and write a document.

A rule that cannot use any of its values either holds the record (`unusable: hold`) or leaves the field
absent, marks it and keeps the value under `extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hub.errors import ConfigError, RecordError
from hub.mapping.alternatives import Alternatives
from hub.mapping.conditions import Condition, compile_condition
from hub.mapping.fields import KINDS
from hub.mapping.nearest import expected_one_of
from hub.mapping.notes import Doc, Evaluate, Notes
from hub.mapping.paths import ALL
from hub.mapping.sources import Source, Sources, gate_of
from hub.mapping.transforms.base import Transform, compile_chain
from hub.mapping.values import Clean, Json
from hub.mapping.writers import Gated, Spread, set_field
from hub.model.outcome import HeldReason

_COPIED_KINDS = ("text", "json")
_NUMBER_AS: Mapping[str, Callable[[int], Json]] = {"text": str, "json": int}
_RULE_KEYS = frozenset(
    {"from", "none_if", "with", "default", "mark", "required", "unusable", "when"}
)
_SPREAD_KEYS = frozenset(
    {"from", "with", "mark", "required", "unusable", "when", "take", "unless"}
)


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """Which payload fields a canonical field is made of.

    `label` is the rule's name where it fills several fields: what it cannot use is marked and kept under it.
    """

    target: str
    sources: tuple[str, ...]
    label: str = ""


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
        return self._evaluate(rule, found, kind, target, where)

    def field(self, spec: Json, kind: str, target: str, where: str) -> Gated:
        """What writes a rule's value under the last name of `target`.

        Raises:
            ConfigError: the rule says something that is no rule; names `where`.
        """
        rule = _as_rule(spec, _RULE_KEYS, where)
        found = self._sources_of(rule, where)
        self.lineage.append(LineageEdge(target, tuple(source.name for source in found)))
        member = target.rpartition(".")[2]
        write = set_field(member, self._evaluate(rule, found, kind, target, where))
        if rule.keys() & {"required", "default"}:
            return Gated(None, write)
        root = _common_root(found)
        direct = bool(root) or all(source.key is not None for source in found)
        copied = direct and kind in _COPIED_KINDS and not rule.keys() & {"with", "when", "mark"}
        number = _NUMBER_AS[kind] if copied else None
        keys = tuple(source.paths[0].steps[1] for source in found) if root else gate_of(found)
        absent = _absent_values(rule, where)
        return Gated(keys, write, member, absent, copied, number, root)

    def _evaluate(
        self, rule: Doc, found: list[Source], kind: str, target: str, where: str
    ) -> Evaluate:
        chain, gives = compile_chain(rule.get("with"), self.transforms, where)
        if gives:
            raise ConfigError(
                f"{where}: this transform gives {', '.join(gives)}: use it under `spread`"
            )
        finish = KINDS[kind]
        clean = _unless(
            _absent_values(rule, where), finish if chain is None else _then(chain, finish)
        )
        fallback = self._fallback(rule, target, found[0].pointer, where)
        when = self.condition(rule.get("when"), f"{where}.when")
        alternatives = Alternatives(found, clean, target, hold=_holds(rule, where))
        return _guarded(alternatives.first, fallback, when, _mark(rule, where))

    def spread(self, spec: Json, label: str, where: str) -> Gated:
        """What merges what a transform gives into a document.

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
        self.lineage.extend(LineageEdge(target, names, label) for target in gives)
        options = Spread(
            alternatives=Alternatives(
                found, _unless(_absent_values(rule, where), chain), label, hold=_holds(rule, where)
            ),
            label=label,
            every=_one_of(rule, "take", ("first", "every"), where) == "every",
            unless=tuple(rule.get("unless") or ()),
            when=self.condition(rule.get("when"), f"{where}.when"),
            mark=_mark(rule, where),
            required=bool(rule.get("required")),
            gives=frozenset({*gives, "marks"}),
        )
        return Gated(None if options.required else gate_of(found), options.write)

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


def _common_root(sources: list[Source]) -> str:
    """The object that directly holds the values of all sources, "" if there is none."""
    steps = [source.paths[0].steps if source.paths else () for source in sources]
    roots = {step[0] for step in steps if len(step) == 2 and isinstance(step[1], str)}
    same = len(roots) == 1 and all(
        len(s.paths) == 1 and len(s.paths[0].steps) == 2 for s in sources
    )
    return str(roots.pop()) if same and ALL not in {step[1] for step in steps} else ""


def _guarded(
    first: Evaluate, fallback: Evaluate | None, when: Condition | None, mark: str
) -> Evaluate:
    if fallback is None and when is None and not mark:
        return first

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


def _absent_values(rule: Doc, where: str) -> frozenset[str | int]:
    """The values of `none_if`, each as text and as number: platforms change between "0" and 0."""
    listed = rule.get("none_if") or []
    if not isinstance(listed, list):
        raise ConfigError(f"{where}.none_if: a list of values that mean none")
    texts = {str(value) for value in listed}
    return frozenset(texts | {int(text) for text in texts if text.lstrip("-").isdecimal()})


def _unless(absent: frozenset[str | int], clean: Clean) -> Clean:
    if not absent:
        return clean

    def cleaned(value: Json) -> Json:
        return None if type(value) in (str, int) and value in absent else clean(value)

    return cleaned


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
        raise ConfigError(f"{where}: {expected_one_of(unknown[0], allowed)}")
    return spec


def _one_of(rule: Doc, key: str, allowed: tuple[str, ...], where: str) -> str:
    value = rule.get(key, allowed[0])
    if value not in allowed:
        raise ConfigError(f"{where}.{key}: {expected_one_of(value, allowed)}")
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
