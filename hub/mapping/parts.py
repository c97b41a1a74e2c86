"""Parts of a mapping, each compiled from its section: key, order, fields, touchpoints, interactions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from hub.errors import ConfigError, RecordError
from hub.mapping.business import BUSINESS_FIELDS, LEAD, business_kind
from hub.mapping.document import MappingDocument, only
from hub.mapping.extensions import ExtensionField
from hub.mapping.fields import LEAD_FIELDS, TOUCH_FIELDS, lead_kind
from hub.mapping.nearest import did_you_mean
from hub.mapping.notes import Doc, Notes, Write
from hub.mapping.rules import RuleCompiler
from hub.mapping.values import Json
from hub.mapping.writers import Gated, by_root, merged, set_group
from hub.model.lead import RecordContext
from hub.model.outcome import HeldReason

SyntheticId: TypeAlias = Callable[..., str]
Key: TypeAlias = Callable[[Doc, Notes, SyntheticId], str]
Rank: TypeAlias = Callable[[Doc, Notes, RecordContext], bytes]
Touch: TypeAlias = Callable[[Doc, Doc, Notes], Doc | None]

DEFAULT_KEY_ENTITY = "lead"
_MEMBER = re.compile(r"[a-z][a-z0-9_]*")
_OFFSET = 1 << 63
_WIDTH = 8
_ABSENT = bytes(_WIDTH)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def compile_key(spec: Json, rules: RuleCompiler, name: str, where: str) -> tuple[str, Key]:
    """The entity of the lead key, and a function that gives the external id.

    `{id: source}`, or `{synthetic: [sources]}` where the platform gives no id, or both: then the synthetic
    id stands in for an absent one. `entity` is `lead` unless it says otherwise. `as: platform/entity` makes
    the synthetic ids of that mapping, so that two shapes of one lead meet.
    """
    if not isinstance(spec, dict) or not ("id" in spec or "synthetic" in spec):
        raise ConfigError(f"{where}: {{id: path}} or {{synthetic: [paths]}}")
    only(spec, {"entity", "id", "synthetic", "as"}, where)
    entity = str(spec.get("entity") or DEFAULT_KEY_ENTITY)
    name = str(spec.get("as") or name)
    synthetic = _synthetic(spec["synthetic"], rules, name, where) if "synthetic" in spec else None
    if "id" not in spec:
        return entity, synthetic or _no_key
    rule = spec["id"] if isinstance(spec["id"], dict) else {"from": spec["id"]}
    hold = {"unusable": "hold"} if synthetic else {"required": True}
    evaluate = rules.value({**hold, **rule}, "text", "external_id", f"{where}.id")

    def key(payload: Doc, notes: Notes, synthetic_id: SyntheticId) -> str:
        found = evaluate(payload, notes)
        if found is None and synthetic is not None:
            return synthetic(payload, notes, synthetic_id)
        return str(found)

    return entity, key


def _synthetic(specs: Json, rules: RuleCompiler, name: str, where: str) -> Key:
    if not isinstance(specs, list) or not specs:
        raise ConfigError(f"{where}.synthetic: a list of sources")
    parts = [
        rules.value(spec, "text", "external_id", f"{where}.synthetic[{n}]", stored=False)
        for n, spec in enumerate(specs)
    ]

    def key(payload: Doc, notes: Notes, synthetic_id: SyntheticId) -> str:
        values = [part(payload, notes) for part in parts]
        if not any(values):
            raise RecordError(HeldReason.MISSING, "", "external_id")
        return synthetic_id(name, *(value or "" for value in values))

    return key


def _no_key(_payload: Doc, _notes: Notes, _synthetic_id: SyntheticId) -> str:
    raise RecordError(HeldReason.MISSING, "", "external_id")


def compile_rank(specs: Sequence[Json], rules: RuleCompiler, where: str) -> Rank:
    """A function that gives a revision's rank: the components of `order`, received_at, record id."""
    parts = [
        rules.value(spec, "int", "order", f"{where}[{n}]", stored=False)
        for n, spec in enumerate(specs)
    ]

    def rank(payload: Doc, notes: Notes, context: RecordContext) -> bytes:
        rank = b""
        for part in parts:
            rank += encode_component(part(payload, notes))
        return rank + encode_component(_unix_ms(context.received_at)) + context.record_id.bytes

    return rank


def _unix_ms(instant: datetime) -> int:
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def encode_component(value: int | None) -> bytes:
    """Eight bytes that compare as `value` does; absent is smaller than all else."""
    if value is None:
        return _ABSENT
    shifted = value + _OFFSET
    if not 0 < shifted < 2 * _OFFSET:
        shifted = 1 if shifted <= 0 else 2 * _OFFSET - 1
    return shifted.to_bytes(_WIDTH, "big")


def compile_fields(document: MappingDocument, rules: RuleCompiler) -> list[Write]:
    """Writers for `fields` and `spread`, in the order they are written; members of one object together."""
    plain: list[Gated] = []
    groups: dict[str, list[Gated]] = {}
    for target, spec in document.objects("fields").items():
        where = f"{document.name}: fields.{target}"
        group, _, member = target.rpartition(".")
        kind = _kind(document, target)
        if kind is None or (group and not _MEMBER.fullmatch(member)):
            known = BUSINESS_FIELDS.get(document.target, LEAD_FIELDS)
            raise ConfigError(
                f"{where}: no canonical field{did_you_mean(target, known)};"
                " others go under `extensions`"
            )
        into = groups.setdefault(group, []) if group else plain
        into.append(rules.field(spec, kind, target, where))
    writers = merged(sorted(plain, key=by_root))
    writers.extend(
        set_group(group, merged(sorted(inner, key=by_root))) for group, inner in groups.items()
    )
    return writers + merged(
        compile_spreads(document.items("spread"), rules, f"{document.name}: spread")
    )


def _kind(document: MappingDocument, target: str) -> str | None:
    return lead_kind(target) if document.target == LEAD else business_kind(document.target, target)


def compile_spreads(specs: Sequence[Json], rules: RuleCompiler, where: str) -> list[Gated]:
    """The rules of a `spread`: a list, since a rule may look at what those before it have written."""
    found = []
    for n, spec in enumerate(specs):
        if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
            raise ConfigError(f"{where}[{n}]: an object with name, from and with")
        rule = {key: value for key, value in spec.items() if key != "name"}
        found.append(rules.spread(rule, spec["name"], f"{where}.{spec['name']}"))
    return found


def compile_extensions(
    document: MappingDocument, registered: Sequence[ExtensionField], rules: RuleCompiler
) -> list[Write]:
    """A writer for `ext`: fields of the mapping, and registered ones that the mapping does not name.

    A registered field without a rule is read from the payload's field of its name, else from the answer
    whose label is its Chinese label.
    """
    declared = document.objects("extensions")
    known = {field.name: field for field in registered}
    found = []
    for name, spec in declared.items():
        where = f"{document.name}: extensions.{name}"
        if not isinstance(spec, dict):
            raise ConfigError(f"{where}: an object with type, label and from")
        field = known.get(name) or ExtensionField(
            name,
            str(spec.get("type", "")),
            str(spec.get("label", name)),
            str(spec.get("pii", "text")),
        )
        rule = {key: value for key, value in spec.items() if key not in ("type", "label", "pii")}
        found.append(_extension(field, rule, rules, where))
    for field in registered:
        if field.name not in declared:
            where = f"{document.name}: extension {field.name}"
            found.append(_extension(field, _found_by_name(field, rules), rules, where))
    return [set_group("ext", merged(found))] if found else []


def _extension(field: ExtensionField, rule: Doc, rules: RuleCompiler, where: str) -> Gated:
    if field.type == "instant" and "with" not in rule:
        rule = {**rule, "with": "datetime"}
    return rules.field(rule, field.type, f"ext.{field.name}", where)


def _found_by_name(field: ExtensionField, rules: RuleCompiler) -> Doc:
    sources: list[Json] = [field.name]
    if rules.sources.answers.containers:
        sources.append({"answer": rules.sources.answers.exact(field.label_zh)})
    return {"from": sources}


def compile_touchpoints(document: MappingDocument, rules: RuleCompiler) -> list[Touch]:
    """Functions that give a touchpoint of a finished lead, or None: `{kind, copy, fields, when}`.

    `copy` takes over fields of the lead: a list of names and of `{occurred_at: submitted_at}`. A touchpoint
    without `occurred_at` is none.
    """
    found = []
    for n, spec in enumerate(document.items("touchpoints")):
        where = f"{document.name}: touchpoints[{n}]"
        if not isinstance(spec, dict) or not isinstance(spec.get("kind"), str):
            raise ConfigError(f"{where}: an object with kind, copy, fields")
        only(spec, {"kind", "copy", "fields", "spread", "when"}, where)
        found.append(_touchpoint(spec, rules, where))
    return found


def _touchpoint(spec: Doc, rules: RuleCompiler, where: str) -> Touch:
    kind = spec["kind"]
    copied = _copies(spec.get("copy") or {}, where)
    writers = compile_members(spec, TOUCH_FIELDS, rules, where)
    when = rules.condition(spec.get("when"), f"{where}.when")

    def touch(payload: Doc, doc: Doc, notes: Notes) -> Doc | None:
        if when is not None and not when(payload):
            return None
        made: Doc = {"kind": kind}
        for target, name in copied:
            if name in doc:
                made[target] = doc[name]
        for write in writers:
            write(payload, made, notes)
        return made if "occurred_at" in made else None

    return touch


def _copies(spec: Json, where: str) -> list[tuple[str, str]]:
    """(touchpoint field, lead field) of names and of `{touchpoint field: lead field}`."""
    pairs: list[tuple[str, str]] = []
    for entry in spec if isinstance(spec, list) else [spec]:
        pairs.extend(entry.items() if isinstance(entry, dict) else [(entry, entry)])
    for target, name in pairs:
        if target not in TOUCH_FIELDS or lead_kind(name) is None:
            raise ConfigError(f"{where}.copy: {target}: no field of a touchpoint and a lead")
    return pairs


def compile_members(
    spec: Doc, kinds: Mapping[str, str], rules: RuleCompiler, where: str
) -> list[Write]:
    """Writers for the `fields` and `spread` of a document whose vocabulary is `kinds`."""
    fields, spreads = spec.get("fields") or {}, spec.get("spread") or []
    if not isinstance(fields, dict) or not isinstance(spreads, list):
        raise ConfigError(f"{where}: fields is an object, spread a list")
    only(fields, kinds.keys(), f"{where}.fields")
    found = [
        rules.field(rule, kinds[name], name, f"{where}.fields.{name}")
        for name, rule in fields.items()
    ]
    return merged(
        [*sorted(found, key=by_root), *compile_spreads(spreads, rules, f"{where}.spread")]
    )
