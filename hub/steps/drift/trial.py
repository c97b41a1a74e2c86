"""Try a proposal: which leads would change, field by field, masked. Writes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.drift.situation import Proposal
from hub.errors import RecordError
from hub.mapping.compile import CompiledMapping
from hub.mapping.examples import example_context, example_id
from hub.model.ids import lead_id
from hub.model.lead import MappedLead, RecordContext
from hub.privacy.keyring import KeyRing
from hub.privacy.mask import mask_value
from hub.registry.extensions import extensions_by_merchant
from hub.registry.files import SchemaFiles, pii_kinds, schema_files
from hub.settings import HubSettings
from hub.steps.drift.proposal import Gathered, Sample
from hub.steps.mappings import compile_document

GAINED, CHANGED, MOVED, LOST = "gained", "changed", "moved", "lost"
HELD, LIVE, SAMPLE = "held", "live", "sample"
_UNMAPPED = "extra.unmapped."
_ASIDE = frozenset({"marks", "touchpoints"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one lead, before and after, masked; None where it is absent. `what` is one of the four words."""

    field: str
    what: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class LeadChange:
    """One record whose lead would change. `origin` is held, live or sample; `lead` its id, "" for a sample."""

    origin: str
    record: str
    lead: str
    changes: tuple[FieldChange, ...]


@dataclass(slots=True)
class TryResult:
    """What a try found. `staying` counts (reason, pointer) of held records that would stay held."""

    before: str
    after: str
    records: Counter[str] = field(default_factory=Counter)
    would_load: int = 0
    staying: Counter[tuple[str, str]] = field(default_factory=Counter)
    stranded: Counter[tuple[str, str]] = field(default_factory=Counter)
    newly_held: Counter[tuple[str, str]] = field(default_factory=Counter)
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    leads: list[LeadChange] = field(default_factory=list)
    changed_leads: int = 0
    losing_leads: int = 0
    other_ids: int = 0
    sample_problems: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def loses(self) -> bool:
        """Whether a lead would lose a value, or become another lead, or not load any more."""
        return bool(self.losing_leads or self.other_ids or self.newly_held)

    def losses(self) -> str:
        """What would be lost, in one line."""
        fields = [f"{name} ({c[LOST]})" for name, c in sorted(self.fields.items()) if c[LOST]]
        parts = []
        if self.losing_leads:
            parts.append(f"{self.losing_leads} leads would lose a value: {', '.join(fields)}")
        if self.other_ids:
            parts.append(f"{self.other_ids} leads would get another id")
        if self.newly_held:
            parts.append(f"{self.newly_held.total()} records that load today would be held")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class _Pair:
    """One record mapped twice."""

    old: tuple[MappedLead, ...]
    new: tuple[MappedLead, ...]
    old_held: tuple[str, str] | None
    new_held: tuple[str, str] | None


def try_proposal(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    gathered: Gathered,
    proposal: Proposal,
    *,
    show: int = 20,
) -> TryResult:
    """Map held records, the newest live ones and ten invented samples under both versions and compare.

    `show`: of how many leads every change is kept; all are counted.
    """
    attempt = _Try(engine, keyring, settings, gathered, proposal, show)
    for origin, samples in ((HELD, gathered.held), (LIVE, gathered.newest)):
        for sample in samples:
            attempt.record(origin, sample)
    for number, payload in enumerate(proposal.samples):
        attempt.sample(number, payload)
    return attempt.result


class _Try:
    def __init__(
        self,
        engine: sa.Engine,
        keyring: KeyRing,
        settings: HubSettings,
        gathered: Gathered,
        proposal: Proposal,
        show: int,
    ) -> None:
        with store_errors(), engine.begin() as conn:
            self._extensions = extensions_by_merchant(conn)
        self._files: SchemaFiles = schema_files(settings)
        self._keyring, self._gathered, self._show = keyring, gathered, show
        self._pii = pii_kinds(settings) | _extension_kinds(gathered.live.mapping, proposal.mapping)
        self._contracts = (gathered.contract, proposal.contract or gathered.contract)
        self._documents: tuple[Mapping[str, Any], Mapping[str, Any]] = (
            gathered.live.mapping,
            proposal.mapping,
        )
        self._covered = set(proposal.findings)
        self._compiled: dict[str, tuple[CompiledMapping, CompiledMapping]] = {}
        self._paths = _read_paths(self._compiled_for("")[1])
        self.result = TryResult(gathered.live.name, str(proposal.mapping["mapping"]))

    def record(self, origin: str, sample: Sample) -> None:
        """Map one record of the archive twice and note the difference."""
        row = sample.record
        context = RecordContext(
            row.merchant, row.source_key, self._gathered.finding.platform, row.entity, row.via, row.id,
            row.received_at,
        )  # fmt: skip
        pair = self._mapped(sample.payload, context, self._keyring.synthetic_id)
        self.result.records[origin] += 1
        if origin == HELD:
            self._note_held(sample, pair)
        elif pair.new_held is not None and pair.old_held is None:
            self.result.newly_held[pair.new_held] += 1
        self._note_leads(origin, str(row.id), pair, context)

    def sample(self, number: int, payload: Mapping[str, Any]) -> None:
        """Map an invented payload, as the platform would send it now."""
        context = example_context(self._compiled_for("")[1], number)
        pair = self._mapped(payload, context, example_id)
        self.result.records[SAMPLE] += 1
        if pair.new_held is not None:
            self.result.sample_problems[pair.new_held] += 1
        self._note_leads(SAMPLE, f"sample {number + 1}", pair, context)

    def _compiled_for(self, merchant: str) -> tuple[CompiledMapping, CompiledMapping]:
        if merchant not in self._compiled:
            fields = self._extensions.get(merchant, ())
            old, new = (
                compile_document(document, self._files, fields, contract=contract)
                for document, contract in zip(self._documents, self._contracts, strict=True)
            )
            self._compiled[merchant] = (old, new)
        return self._compiled[merchant]

    def _mapped(
        self, payload: Mapping[str, Any], context: RecordContext, synthetic: Callable[..., str]
    ) -> _Pair:
        old, new = self._compiled_for(context.merchant)
        before, was_held = _run(old, payload, context, synthetic)
        after, is_held = _run(new, payload, context, synthetic)
        return _Pair(before, after, was_held, is_held)

    def _note_held(self, sample: Sample, pair: _Pair) -> None:
        if pair.new_held is None:
            self.result.would_load += 1
            return
        self.result.staying[pair.new_held] += 1
        row = sample.record
        # A record that waits for another reason than this change is not stranded by it.
        if row.finding in self._covered or (row.finding is None and row.reason == "contract"):
            self.result.stranded[pair.new_held] += 1

    def _note_leads(self, origin: str, record: str, pair: _Pair, context: RecordContext) -> None:
        before = {lead.ordinal: lead for lead in pair.old}
        for lead in pair.new:
            old = before.get(lead.ordinal)
            if old is not None and old.external_id != lead.external_id:
                self.result.other_ids += 1
            found = list(_differences(old.doc if old else {}, lead.doc, self._paths))
            if found:
                self._note(origin, record, lead, found, context)

    def _note(
        self,
        origin: str,
        record: str,
        lead: MappedLead,
        found: Sequence[FieldChange],
        context: RecordContext,
    ) -> None:
        if origin != SAMPLE:
            self.result.changed_leads += 1
            self.result.losing_leads += any(change.what == LOST for change in found)
            for change in found:
                self.result.fields.setdefault(change.field, Counter())[change.what] += 1
        if len(self.result.leads) < self._show or origin == SAMPLE:
            identity = "" if origin == SAMPLE else str(
                lead_id(context.merchant, context.source_key, lead.key_entity, lead.external_id, lead.ordinal)
            )  # fmt: skip
            shown = tuple(self._masked(change) for change in found)
            self.result.leads.append(LeadChange(origin, record, identity, shown))

    def _masked(self, change: FieldChange) -> FieldChange:
        group = change.field.partition(".")[0]
        kind = self._pii.get(change.field) or self._pii.get(group, "text")
        return FieldChange(
            change.field,
            change.what,
            mask_value(kind, change.before),
            mask_value(kind, change.after),
        )


def _run(
    mapping: CompiledMapping,
    payload: Mapping[str, Any],
    context: RecordContext,
    synthetic: Callable[..., str],
) -> tuple[tuple[MappedLead, ...], tuple[str, str] | None]:
    try:
        return mapping.map(dict(payload), context, synthetic).leads, None
    except RecordError as error:
        return (), (str(error.reason), error.path)
    except Exception as error:  # noqa: BLE001 -- as in the loader: a bug on one record holds that record
        return (), ("loader_bug", type(error).__name__)


def _extension_kinds(*mappings: Mapping[str, Any]) -> dict[str, str]:
    """How each extension field is masked; the one that hides more counts if two versions differ."""
    kinds: dict[str, str] = {}
    for mapping in mappings:
        for name, rule in (mapping.get("extensions") or {}).items():
            kind = str(rule.get("pii", "text"))
            if kinds.get(f"ext.{name}", "none") == "none":
                kinds[f"ext.{name}"] = kind
    return kinds


def _read_paths(mapping: CompiledMapping) -> frozenset[str]:
    """The names that a mapping reads, with dots, as far as they lead to no list."""
    names = (
        part for edge in mapping.lineage() for name in edge.sources for part in name.split("+")
    )
    return frozenset(name.partition("?")[0].partition("[")[0] for name in names)


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], read: frozenset[str]
) -> Iterator[FieldChange]:
    """Field by field; a value that stands somewhere else afterwards is moved, not lost.

    What was kept aside is moved, too, if a rule reads it now: a phone is written otherwise in its field.
    """
    before, after = dict(_flat(old)), dict(_flat(new))
    kept = {text for value in after.values() for text in _texts(value)}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if was is None:
            yield FieldChange(name, GAINED, None, now)
        elif set(_texts(was)) <= kept or (now is None and _is_read(name, read)):
            yield FieldChange(name, CHANGED if now is not None else MOVED, was, now)
        else:
            yield FieldChange(name, LOST, was, now)


def _is_read(name: str, read: frozenset[str]) -> bool:
    path = name.removeprefix(_UNMAPPED)
    parts = path.split(".")
    return path != name and any(".".join(parts[:n]) in read for n in range(1, len(parts) + 1))


def _flat(doc: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in doc.items():
        inner = f"{place}{name}"
        if inner in _ASIDE:
            continue
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{inner}.")
        else:
            yield inner, value


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    """The plain values within a value, as text: 3 and "3" are one, and a JSON text is read."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            yield value
            return
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)
