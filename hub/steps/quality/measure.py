"""How well the fields of each source are filled, over any stretch of time: counts only, never a value.

Leads are read in batches from one snapshot, so memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from hub.crm.quality import (
    CameLead,
    Scope,
    contacts_of_several,
    leads_of_roots,
    leads_that_came,
    repeated_leads,
)
from hub.database.engine import driver, store_errors
from hub.mapping.quality import (
    FieldCount,
    FieldRule,
    LeadCounter,
    RawPlaces,
    disagreements,
    raw_places,
)
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, QualitySettings
from hub.steps.identity.contact_profile import Profiler
from hub.steps.laws import snapshot
from hub.steps.lineage import entities_of
from hub.steps.mappings import LiveMappings
from hub.steps.quality.dictionary import Dictionary, DictionaryField, read_dictionary

ZONE = ZoneInfo("Asia/Shanghai")
OnProgress = Callable[[int], None]
_EVERY = 1000
_json = msgspec.json.Decoder()


@dataclass(slots=True)
class SourceQuality:
    """One source's leads of a scope. `duplicates`: leads after a person's first of the day.

    `fed` are the fields that its live mappings fill at all: what no rule fills, nobody can.
    """

    merchant: str
    source_key: str
    leads: int = 0
    duplicates: int = 0
    fields: dict[str, FieldCount] = field(default_factory=dict)
    fed: frozenset[str] = frozenset()

    def add(self, other: SourceQuality) -> None:
        """Add what was counted over other leads of the same source."""
        self.leads += other.leads
        self.duplicates += other.duplicates
        self.fed |= other.fed
        for name, count in other.fields.items():
            self.fields.setdefault(name, FieldCount()).add(count)


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One line of the report: a field of a source. Rates are shares of 1, None where there is nothing to share.

    `flags`: `low` (a core field that too few fill), `anomalous` (too many anomalies), `unmapped` (a core field
    that no rule of the source's mappings fills), `unasked` (one that the source is not expected to have),
    `few` (too few leads to say anything).
    """

    merchant: str
    source_key: str
    field: str
    label_zh: str
    is_core: bool
    is_fed: bool
    leads: int
    filled: int
    anomalous: int
    invalid: int
    conflicts: int
    words: Mapping[str, int]
    failed: Mapping[str, int]
    flags: tuple[str, ...] = ()

    @property
    def fill_rate(self) -> float | None:
        """Filled of all leads."""
        return self.filled / self.leads if self.leads else None

    @property
    def anomaly_rate(self) -> float | None:
        """Anomalous of the filled."""
        return self.anomalous / self.filled if self.filled else None


def month_scope(month: str, *, source: str | None = None, merchant: str | None = None) -> Scope:
    """The leads that were submitted in a month of China, such as `2026-02`.

    Raises:
        ValueError: it is no month.
    """
    first = date.fromisoformat(f"{month}-01")
    after = (first + timedelta(days=32)).replace(day=1)
    return Scope(day_start(first), day_start(after), source, merchant, by_own_time=True)


def day_scope(day: date) -> Scope:
    """The leads that came on a day of China."""
    return Scope(day_start(day), day_start(day + timedelta(days=1)))


def day_start(day: date) -> datetime:
    """When a day begins in China."""
    return datetime.combine(day, time(), ZONE)


def measure(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    scope: Scope,
    on_progress: OnProgress | None = None,
) -> list[SourceQuality]:
    """Every source that had leads in a scope, by merchant and source key; `on_progress` gets leads read so far.

    Raises:
        StoreAwayError: the database is away.
        UnsealError: a lead was sealed under a key that is not in the ring.
    """
    measuring = Measuring.prepared(engine, keyring, settings)
    with store_errors(), snapshot(engine) as conn:
        return measuring.measure(conn, scope, on_progress or (lambda _: None))


@dataclass(slots=True)
class Measuring:
    """What counting needs besides leads, read once: rules, places of unusable values, who wins a conflict."""

    keyring: KeyRing
    rules: Mapping[str, FieldRule]
    places: Mapping[str, RawPlaces]
    profiler: Profiler

    @classmethod
    def prepared(cls, engine: sa.Engine, keyring: KeyRing, settings: HubSettings) -> Measuring:
        """All of it as it stands now."""
        return cls(
            keyring,
            read_dictionary(engine, settings).rules(),
            places_of(engine, settings),
            Profiler.prepared(settings),
        )

    def measure(
        self, conn: sa.Connection, scope: Scope, on_progress: OnProgress
    ) -> list[SourceQuality]:
        """Count a scope within the open snapshot."""
        counters: dict[tuple[str, str], LeadCounter] = {}
        for number, lead in enumerate(leads_that_came(driver(conn), scope), 1):
            doc = self._opened(lead.sealed, lead.id)
            self._counter(counters, lead).add(doc, lead.received_at)
            if number % _EVERY == 0:
                on_progress(number)
        repeated = repeated_leads(driver(conn), scope)
        found = {
            key: SourceQuality(
                *key,
                counter.leads,
                repeated.get(key, (0, 0))[1],
                counter.fields,
                self._places(key[1]).fed,
            )
            for key, counter in sorted(counters.items())
        }
        for key, name in self._conflicts(conn, scope):
            if key in found:
                found[key].fields.setdefault(name, FieldCount()).conflicts += 1
        on_progress(sum(one.leads for one in found.values()))
        return list(found.values())

    def _counter(
        self, counters: dict[tuple[str, str], LeadCounter], lead: CameLead
    ) -> LeadCounter:
        key = (lead.merchant, lead.source_key)
        if key not in counters:
            counters[key] = LeadCounter(self.rules, self._places(lead.source_key))
        return counters[key]

    def _places(self, source_key: str) -> RawPlaces:
        return self.places.get(source_key, RawPlaces())

    def _opened(self, sealed: bytes, lead: UUID) -> dict[str, Any]:
        doc: dict[str, Any] = _json.decode(self.keyring.unseal(sealed, lead.bytes))
        return doc

    def _conflicts(
        self, conn: sa.Connection, scope: Scope
    ) -> Iterator[tuple[tuple[str, str], str]]:
        """((merchant, source), field) once for each contact whose leads of a source contradict the contact."""
        for roots in contacts_of_several(driver(conn), scope):
            rows = leads_of_roots(conn, roots)
            for _, group in groupby(rows, key=lambda row: row["root"]):
                leads = list(group)
                merchant = leads[0]["merchant"]
                for source, name in self._contradictions(merchant, leads, scope):
                    yield (merchant, source), name

    def _contradictions(
        self, merchant: str, leads: Sequence[sa.RowMapping], scope: Scope
    ) -> set[tuple[str, str]]:
        docs = [self._opened(lead["sealed"], lead["id"]) for lead in leads]
        settled = self.profiler.profile(merchant, leads, docs).settled
        winners = {name: one.won.value for name, one in settled.items() if one.won}
        ours = [
            (lead["source_key"], doc)
            for lead, doc in zip(leads, docs, strict=True)
            if scope.has(lead)
        ]
        return disagreements(ours, winners)


def places_of(engine: sa.Engine, settings: HubSettings) -> dict[str, RawPlaces]:
    """Source key → what its live mappings fill, and where they leave what they cannot use."""
    mappings = LiveMappings(settings)
    with store_errors(), engine.begin() as conn:
        mappings.refresh(conn)
    found = {}
    for key, source in settings.all_sources().items():
        live = (
            mappings.get(source.merchant, source.platform, entity)
            for entity in entities_of(source)
        )
        found[key] = raw_places(edge for mapping in live if mapping for edge in mapping.lineage())
    return found


def field_lines(
    found: Iterable[SourceQuality], dictionary: Dictionary, settings: HubSettings
) -> list[FieldLine]:
    """Every core field of every source, and every other field that some lead fills, with flags."""
    lines: list[FieldLine] = []
    known = {one.name: one for one in dictionary.fields}
    core = [one.name for one in dictionary.core()]
    order = {name: place for place, name in enumerate(known)}
    # What gives a core field is judged there: a budget in a form's own words is the budget.
    covered = {other for one in dictionary.core() for other in one.also}
    sources = settings.all_sources()
    for source in found:
        others = [
            name
            for name, count in source.fields.items()
            if name not in core and (count.filled or count.conflicts)
        ]
        others.sort(key=lambda name: (order.get(name, len(order)), name))
        configured = sources.get(source.source_key)
        expected = (configured.core if configured else ()) or core
        for name in (*core, *others):
            line = _line(source, name, known.get(name), is_core=name in core)
            judged = () if name in covered else _flags(line, name in expected, settings.quality)
            lines.append(replace(line, flags=tuple(judged)))
    return lines


def _line(
    source: SourceQuality, name: str, described: DictionaryField | None, *, is_core: bool
) -> FieldLine:
    count = source.fields.get(name, FieldCount())
    label = described.core_label_zh or described.label_zh if described else name
    fed_by = {name, *(described.also if described else ())}
    return FieldLine(
        source.merchant, source.source_key, name, label, is_core,
        bool(fed_by & source.fed), source.leads, count.filled, count.anomalous, count.invalid,
        count.conflicts, dict(count.words.most_common()), dict(count.failed.most_common()),
    )  # fmt: skip


def _flags(line: FieldLine, is_expected: bool, limits: QualitySettings) -> Iterator[str]:
    if line.leads < limits.min_leads:
        yield "few"
        return
    if line.is_core and (line.fill_rate or 0) < limits.fill_min:
        if not is_expected:
            yield "unasked"
        else:
            yield "low" if line.is_fed or line.filled else "unmapped"
    if (line.anomaly_rate or 0) > limits.anomaly_max and line.filled >= limits.min_leads:
        yield "anomalous"
