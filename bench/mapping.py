"""Microseconds for one Douyin clue through the compiled mapping, contract included, in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Spread
from bench.payloads import SOURCE, encoded, listed, people, pushed
from bench.report import Check, Section, Table
from hub.connectors.base import connector_for
from hub.mapping.compile import CompiledMapping, compile_mapping
from hub.model.delivery import Envelope
from hub.model.ids import record_id, uuid7
from hub.model.lead import RecordContext
from hub.privacy.keyring import KeyRing, new_keys
from hub.registry.files import SchemaFiles
from hub.settings import DEFAULT_MERCHANT, SourceSettings

_FILES = SchemaFiles(Path(__file__).parent.parent / "schemas")
WITH, WITHOUT = "with contract", "without contract"
_ABOUT = (
    "`CompiledMapping.map` on decoded payloads, {count:,} different ones a run, CPU time; no sealing, no "
    "database. “without contract” is the same mapping compiled without JSON Schema validation."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, over how many payloads."""

    runs: int
    count: int


def measure(plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `mapping`."""
    section = Section("mapping", "Mapping one record", _ABOUT.format(count=plan.count))
    rows = []
    for entity, payloads in _payloads(plan.count).items():
        size = sum(len(encoded(payload)) for payload in payloads) // len(payloads)
        mappings = {word: _compiled(entity, contract=word == WITH) for word in (WITH, WITHOUT)}
        times: dict[str, list[float]] = {word: [] for word in mappings}
        for _ in range(plan.runs):
            for word, mapping in mappings.items():
                times[word].append(_us_each(mapping, entity, payloads, section))
        section.raw |= {f"{entity}, {word}": values for word, values in times.items()}
        spreads = [Spread.of(values) for values in times.values()]
        rows.append([f"`douyin/{entity}`, {size} bytes", *(s.shown(1) for s in spreads)])
        say(f"mapping, {entity}: {spreads[0].median:.1f} µs")
    section.tables.append(Table(["CPU µs a record", WITH, WITHOUT], rows))
    return section


def _payloads(count: int) -> dict[str, list[dict[str, Any]]]:
    """Payloads by entity as the loader decodes them: what was pushed has gone through the connector."""
    source = SourceSettings(platform="douyin", push="clue_push")
    connector = connector_for("douyin")
    split = [
        connector.split(Envelope(shape="clue_push", body=encoded(pushed(person))), source)[0]
        for person in people(count)
    ]
    return {
        "clue": [json.loads(encoded(listed(person))) for person in people(count)],
        "clue_push": [json.loads(record.payload) for record in split],
    }


def _compiled(entity: str, *, contract: bool) -> CompiledMapping:
    """The newest shipped mapping of an entity."""
    names = {(name.platform, name.entity): str(name) for name in _FILES.newest_mappings()}
    document = _FILES.mapping(names["douyin", entity])
    return compile_mapping(
        document, contract=_FILES.contract(document["from"]) if contract else None
    )


def _us_each(
    mapping: CompiledMapping, entity: str, payloads: list[dict[str, Any]], section: Section
) -> float:
    keyring = KeyRing.parse(new_keys())
    now, delivery = datetime.now(UTC), uuid7()
    contexts = [
        RecordContext(
            DEFAULT_MERCHANT, SOURCE, "douyin", entity, "push", record_id(delivery, number), now
        )
        for number in range(len(payloads))
    ]
    leads = 0
    started = time.process_time()
    for payload, context in zip(payloads, contexts, strict=True):
        leads += len(mapping.map(payload, context, keyring.synthetic_id).leads)
    spent = time.process_time() - started
    section.checks.append(Check(f"leads of {entity}", len(payloads), leads))
    return spent / len(payloads) * 1e6
