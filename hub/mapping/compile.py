"""From a mapping document to a function: compiled once, run for every record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from hub.errors import ConfigError, RecordError
from hub.mapping import parts
from hub.mapping.answers import Answers
from hub.mapping.business import BUSINESS_FIELDS, LEAD
from hub.mapping.conditions import Condition
from hub.mapping.document import MappingDocument, only, read_document
from hub.mapping.extensions import ExtensionField
from hub.mapping.fields import INTERACTION_FIELDS
from hub.mapping.leftovers import compile_leftovers, known_names
from hub.mapping.nearest import expected_one_of
from hub.mapping.notes import Doc, Evaluate, Notes, Write
from hub.mapping.paths import ALL, Getter, Path, compile_getter, parse_path
from hub.mapping.rules import LineageEdge, RuleCompiler
from hub.mapping.sources import CONTEXT, ITEM, Sources
from hub.mapping.transforms.catalog import installed_transforms
from hub.mapping.transforms.times import format_instant
from hub.mapping.values import Json, as_text
from hub.model.keys import identity_keys
from hub.model.lead import (
    Mapped,
    MappedDocument,
    MappedInteraction,
    MappedLead,
    RecordContext,
    RevisionMode,
)
from hub.model.outcome import HeldReason

OFF_CONTRACT = "off_contract"
_MAX_CONTRACT_MARKS = 10


@dataclass(frozen=True, slots=True)
class _Interaction:
    entity: str
    key: parts.Key
    writers: tuple[Write, ...]
    when: Condition | None
    lead: Evaluate | None


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping as a function. Pure: same payload and context, same result.

    `contract` is the raw contract, `containers` the payload fields that hold answers by label.
    Use one per process or thread; it keeps a bounded memory of the labels it has seen.
    """

    platform: str
    entity: str
    version: str
    name: str
    target: str
    contract: Mapping[str, Any]
    containers: tuple[str, ...]
    _holds_off_contract: bool
    _mode: RevisionMode
    _stream: str
    _account: tuple[Getter, ...]
    _contract: Any
    _contract_fields: frozenset[str]
    _answers: Answers
    _uses_context: bool
    _each: Getter | None
    _item_has_key: bool
    _not_a_lead: tuple[tuple[Condition, str, bool], ...]
    _key_entity: str
    _key: parts.Key
    _rank: parts.Rank
    _writers: tuple[Write, ...]
    _touchpoints: tuple[parts.Touch, ...]
    _leftovers: Callable[[Doc, Notes], Doc]
    _interactions: tuple[_Interaction, ...]
    _lineage: tuple[LineageEdge, ...]

    def account(self, payload: dict[str, Any]) -> str | None:
        """The platform account that the payload names, None if it names none."""
        if type(payload) is not dict:
            return None
        for get in self._account:
            try:
                found = as_text(get(payload))
            except ValueError:
                continue
            if found is not None:
                return found
        return None

    def map(
        self,
        payload: dict[str, Any],
        context: RecordContext,
        synthetic_id: Callable[..., str],
        *,
        is_accepted: bool = False,
    ) -> Mapped:
        """What a record gives: leads and interactions, or the reason why it is no lead.

        `synthetic_id(*parts)` makes an id where the platform gives none. A payload that its contract
        refuses is mapped all the same and marked `off_contract:<field>`, unless the mapping holds such.
        `is_accepted`: the caller knows that its contract accepts it (see `accepts`).

        Raises:
            RecordError: something required is absent or cannot be used; names reason and JSON Pointer.
        """
        if type(payload) is not dict:
            raise RecordError(HeldReason.CONTRACT, "", "the payload is no object")
        notes = Notes()
        fits = is_accepted or self.accepts(payload)
        refused = () if fits else self._refusals(payload, notes)
        if refused and self._holds_off_contract:
            raise RecordError(HeldReason.CONTRACT, refused[0], "the mapping says: hold")
        try:
            return self._map(payload, context, synthetic_id, notes)
        except RecordError as error:
            if error.reason == HeldReason.INVALID_VALUE and error.path in refused:
                raise RecordError(HeldReason.CONTRACT, error.path, error.detail) from error
            raise

    def accepts(self, payload: dict[str, Any]) -> bool:
        """Whether the raw contract accepts a payload."""
        return self._contract is None or bool(self._contract.is_valid(payload))

    def lineage(self) -> tuple[LineageEdge, ...]:
        """Each canonical field with the payload fields that it is made of."""
        return self._lineage

    def _map(
        self, payload: Doc, context: RecordContext, synthetic_id: parts.SyntheticId, notes: Notes
    ) -> Mapped:
        work = self._prepared(payload, context, notes)
        for condition, reason, keeps_interactions in self._not_a_lead:
            if condition(work):
                made = self._made_interactions(work, synthetic_id) if keeps_interactions else ()
                return Mapped(interactions=made, not_a_lead=reason)
        if self._each is None:
            leads: tuple[MappedLead, ...] = (self._lead(work, context, synthetic_id, notes, 0),)
        else:
            leads = self._fan_out(work, context, synthetic_id, notes)
        if self.target != LEAD:
            return Mapped(documents=tuple(self._document(lead) for lead in leads))
        if not self._interactions:
            return Mapped(leads)
        return Mapped(leads, self._made_interactions(work, synthetic_id))

    def _prepared(self, payload: Doc, context: RecordContext, notes: Notes) -> Doc:
        """The payload with what rules read beside it: found answers, the record's context."""
        if not self._answers.containers and not self._uses_context:
            return payload
        work = payload.copy()
        if self._answers.containers:
            work.update(self._answers.find(payload, notes))
        if self._uses_context:
            work[CONTEXT] = {
                "received_at": format_instant(context.received_at),
                "via": context.via,
                "source_key": context.source_key,
                "merchant": context.merchant,
            }
        return work

    def _lead(
        self,
        work: Doc,
        context: RecordContext,
        synthetic_id: parts.SyntheticId,
        notes: Notes,
        ordinal: int,
    ) -> MappedLead:
        external_id = self._key(work, notes, synthetic_id)
        doc: Doc = {}
        for write in self._writers:
            write(work, doc, notes)
        touches = [touch(work, doc, notes) for touch in self._touchpoints]
        if any(touches):
            doc["touchpoints"] = [touch for touch in touches if touch]
        rank = self._rank(work, notes, context)
        left = self._leftovers(work, notes)
        if left:
            doc["extra"] = {"unmapped": left}
        if notes.marks:
            doc["marks"] = sorted(notes.marks)
        keys = identity_keys(doc)
        return MappedLead(
            doc, self._key_entity, external_id, ordinal, rank, self._mode, self._stream, keys
        )

    def _document(self, made: MappedLead) -> MappedDocument:
        """What was mapped, as a business document."""
        return MappedDocument(
            made.doc, self.target, made.external_id, made.ordinal, made.rank, made.mode,
            made.stream, made.keys,
        )  # fmt: skip

    def _fan_out(
        self, work: Doc, context: RecordContext, synthetic_id: parts.SyntheticId, notes: Notes
    ) -> tuple[MappedLead, ...]:
        items = self._each(work) if self._each else None
        if type(items) is not list:
            raise RecordError(HeldReason.MISSING, "", "each")
        leads = []
        for place, item in enumerate(items):
            ordinal = 0 if self._item_has_key else place
            own = Notes()
            own.marks.update(notes.marks)
            own.left.update(notes.left)
            leads.append(self._lead({**work, ITEM: item}, context, synthetic_id, own, ordinal))
        return tuple(leads)

    def _made_interactions(
        self, work: Doc, synthetic_id: parts.SyntheticId
    ) -> tuple[MappedInteraction, ...]:
        made = []
        for ordinal, interaction in enumerate(self._interactions):
            if interaction.when is not None and not interaction.when(work):
                continue
            notes = Notes()
            doc: Doc = {}
            for write in interaction.writers:
                write(work, doc, notes)
            if notes.marks:
                doc["marks"] = sorted(notes.marks)
            key = interaction.key(work, notes, synthetic_id)
            lead = interaction.lead(work, notes) if interaction.lead else None
            made.append(MappedInteraction(doc, interaction.entity, key, ordinal, lead))
        return tuple(made)

    def _refusals(self, payload: Doc, notes: Notes) -> tuple[str, ...]:
        """Pointers that the contract refuses. Only names that the contract knows become marks."""
        pointers = []
        for number, error in enumerate(self._contract.iter_errors(payload)):
            if number >= _MAX_CONTRACT_MARKS:
                break
            steps = [str(step) for step in error.instance_path]
            pointers.append("".join(f"/{step}" for step in steps))
            known = bool(steps) and steps[0] in self._contract_fields
            notes.marks.add(f"{OFF_CONTRACT}:{steps[0]}" if known else OFF_CONTRACT)
        return tuple(pointers)


def compile_mapping(
    document: Mapping[str, Any],
    *,
    contract: Mapping[str, Any] | None,
    extensions: Sequence[ExtensionField] = (),
) -> CompiledMapping:
    """The function that a mapping document describes.

    `contract` is the raw contract that it maps from, `extensions` what the registry adds for a merchant.

    Raises:
        ConfigError: the document cannot be compiled; names the mapping and the rule.
    """
    read = read_document(document)
    _check_target(read)
    sources = Sources(Answers(_containers(read)))
    patch = read.mode is RevisionMode.PATCH
    rules = RuleCompiler(sources, installed_transforms(), patch=patch)
    writers = parts.compile_fields(read, rules) + parts.compile_extensions(read, extensions, rules)
    before = len(sources.roots)
    key_entity, key = parts.compile_key(
        read.sections.get("key"),
        rules,
        f"{read.name.platform}/{read.name.entity}",
        f"{read.name}: key",
    )
    item_has_key = ITEM in sources.roots[before:]
    account = [sources.looked_at(spec, f"{read.name}: account") for spec in read.items("account")]
    touchpoints = parts.compile_touchpoints(read, rules)
    interactions = _interactions(read, rules)
    rank = parts.compile_rank(read.items("order"), rules, f"{read.name}: order")
    each = _each(read)
    return CompiledMapping(
        platform=read.name.platform,
        entity=read.name.entity,
        version=read.name.version,
        name=str(read.name),
        target=read.target,
        contract=contract or {},
        containers=tuple(path.root for path in sources.answers.containers),
        _holds_off_contract=read.holds_off_contract,
        _mode=read.mode,
        _stream=read.stream,
        _account=tuple(account),
        _contract=_validator(read, contract),
        _contract_fields=frozenset((contract or {}).get("properties", {})),
        _answers=sources.answers,
        _not_a_lead=_not_a_lead(read, rules),
        _key_entity=key_entity,
        _key=key,
        _rank=rank,
        _writers=tuple(writers),
        _touchpoints=tuple(touchpoints),
        _interactions=interactions,
        _each=compile_getter(each) if each else None,
        _item_has_key=item_has_key,
        _leftovers=compile_leftovers(
            known_names(_known_paths(read, sources, each)), sources.answers.slots
        ),
        _uses_context=sources.uses_context,
        _lineage=tuple(rules.lineage),
    )


def _check_target(read: MappingDocument) -> None:
    """A business document has neither touchpoints nor interactions, and its entity is one we know."""
    if read.target == LEAD:
        return
    if read.target not in BUSINESS_FIELDS:
        raise ConfigError(
            f"{read.name}: to: {expected_one_of(read.target, [LEAD, *BUSINESS_FIELDS])}"
        )
    for section in ("touchpoints", "interactions", "extensions"):
        if section in read.sections:
            raise ConfigError(f"{read.name}: {section}: only a lead has them")


def _validator(document: MappingDocument, contract: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 -- jsonschema_rs has no types
    if contract is None:
        return None
    try:
        return jsonschema_rs.validator_for(dict(contract))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{document.name}: {document.raw_contract} is no JSON Schema") from error


def _containers(document: MappingDocument) -> tuple[Path, ...]:
    section = document.objects("answers")
    only(section, {"from"}, f"{document.name}: answers")
    where = f"{document.name}: answers.from"
    found = section.get("from") or []
    return tuple(parse_path(p, where) for p in (found if isinstance(found, list) else [found]))


def _not_a_lead(
    document: MappingDocument, rules: RuleCompiler
) -> tuple[tuple[Condition, str, bool], ...]:
    found = []
    for n, spec in enumerate(document.items("not_a_lead")):
        where = f"{document.name}: not_a_lead[{n}]"
        if not isinstance(spec, dict) or not isinstance(spec.get("reason"), str):
            raise ConfigError(f"{where}: {{when: condition, reason: word, interactions: true}}")
        only(spec, {"when", "reason", "interactions"}, where)
        condition = rules.condition(spec.get("when"), f"{where}.when")
        if condition is None:
            raise ConfigError(f"{where}: without `when` no record would be a lead")
        found.append((condition, spec["reason"], spec.get("interactions") is True))
    return tuple(found)


def _each(document: MappingDocument) -> Path | None:
    section = document.sections.get("each")
    if section is None:
        return None
    path = parse_path(section, f"{document.name}: each")
    return path if path.steps[-1] == ALL else parse_path(f"{section}[*]", f"{document.name}: each")


def _interactions(document: MappingDocument, rules: RuleCompiler) -> tuple[_Interaction, ...]:
    found = []
    for n, spec in enumerate(document.items("interactions")):
        where = f"{document.name}: interactions[{n}]"
        if not isinstance(spec, dict):
            raise ConfigError(f"{where}: an object with key and fields")
        only(spec, {"key", "fields", "spread", "when", "lead"}, where)
        lead = (
            rules.value(spec["lead"], "text", "lead", f"{where}.lead", stored=False)
            if "lead" in spec
            else None
        )
        name = f"{document.name.platform}/{document.name.entity}"
        entity, key = parts.compile_key(spec.get("key"), rules, name, f"{where}.key")
        writers = parts.compile_members(spec, INTERACTION_FIELDS, rules, where)
        when = rules.condition(spec.get("when"), f"{where}.when")
        found.append(_Interaction(entity, key, tuple(writers), when, lead))
    return tuple(found)


def _known_paths(document: MappingDocument, sources: Sources, each: Path | None) -> list[Path]:
    """Every path whose value is somewhere else than in `extra`."""
    ignored: list[Json] = document.items("ignore")
    known = [*sources.paths, *(parse_path(p, f"{document.name}: ignore") for p in ignored)]
    known.extend(sources.answers.containers)
    known.append(Path(CONTEXT, (CONTEXT,)))
    if each is not None:
        known.append(each)
    return known
