"""The tests inside a mapping document: a payload and what it must give."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hub.errors import ConfigError, RecordError
from hub.mapping.compile import CompiledMapping
from hub.mapping.document import only
from hub.mapping.values import Json
from hub.model.lead import KeyKind, Mapped, MappedDocument, MappedLead, RecordContext

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_EXPECTATIONS = frozenset(
    {
        "account",
        "external_id",
        "keys",
        "doc",
        "exact",
        "absent",
        "not_a_lead",
        "held",
        "leads",
        "documents",
        "interactions",
    }
)


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example: its name and how the result differs from what it expects; no difference is a pass."""

    name: str
    differences: tuple[str, ...]


def run_examples(mapping: CompiledMapping, document: Mapping[str, Any]) -> list[ExampleResult]:
    """Run the `tests` of a document on its compiled form.

    `expect` may say: account, external_id, keys ("MOBILE:+86…"), doc (members that must be equal; all of
    them with `exact: true`), absent (fields that must not be there), leads (how many), interactions
    (their documents), not_a_lead (reason), held {reason, path}.

    Raises:
        ConfigError: an example is not written as one.
    """
    found = []
    for number, example in enumerate(document.get("tests") or ()):
        where = f"{mapping.name}: tests[{number}]"
        if not isinstance(example, dict) or not isinstance(example.get("payload"), dict):
            raise ConfigError(f"{where}: an object with name, payload, expect")
        expect = example.get("expect")
        if not isinstance(expect, dict) or not expect:
            raise ConfigError(f"{where}: `expect` says nothing")
        only(expect, _EXPECTATIONS, f"{where}.expect")
        differences = _run(mapping, example["payload"], expect)
        found.append(ExampleResult(str(example.get("name", number)), tuple(differences)))
    return found


def example_context(mapping: CompiledMapping, number: int = 0) -> RecordContext:
    """The context that examples run in: merchant `default`, received on 2026-01-01."""
    return RecordContext(
        merchant="default",
        source_key=f"{mapping.platform}-example",
        platform=mapping.platform,
        entity=mapping.entity,
        via="pull",
        record_id=UUID(int=number),
        received_at=RECEIVED_AT,
    )


def example_id(*parts: str) -> str:
    """A synthetic id for examples; the real one is keyed."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def _run(mapping: CompiledMapping, payload: Json, expect: Mapping[str, Any]) -> list[str]:
    try:
        mapped = mapping.map(payload, example_context(mapping), example_id)
    except RecordError as error:
        held = {"reason": str(error.reason), "path": error.path}
        return _differ("held", expect.get("held"), held)
    differences = _differ("held", expect.get("held"), None)
    differences += _differ("not_a_lead", expect.get("not_a_lead"), mapped.not_a_lead)
    if "account" in expect:
        differences += _differ("account", expect["account"], mapping.account(payload))
    if mapped.leads:
        differences += _lead_differences(mapped, expect)
    if mapped.documents:
        differences += _document_differences(mapped, expect)
    if "interactions" in expect:
        made = [interaction.doc for interaction in mapped.interactions]
        differences += _differ("interactions", expect["interactions"], made)
    return differences


def _lead_differences(mapped: Mapped, expect: Mapping[str, Any]) -> list[str]:
    lead = mapped.leads[0]
    differences = _differ("leads", expect.get("leads", len(mapped.leads)), len(mapped.leads))
    if "external_id" in expect:
        differences += _differ("external_id", expect["external_id"], lead.external_id)
    if "keys" in expect:
        found = (key for key in lead.keys if key.kind is not KeyKind.NAME)  # no key of a person
        keys = [f"{key.kind.name}:{key.value}" for key in found]
        differences += _differ("keys", expect["keys"], keys)
    return differences + _doc_differences(lead, expect)


def _document_differences(mapped: Mapped, expect: Mapping[str, Any]) -> list[str]:
    first, made = mapped.documents[0], len(mapped.documents)
    differences = _differ("documents", expect.get("documents", made), made)
    if "external_id" in expect:
        differences += _differ("external_id", expect["external_id"], first.external_id)
    return differences + _doc_differences(first, expect)


def _doc_differences(lead: MappedLead | MappedDocument, expect: Mapping[str, Any]) -> list[str]:
    wanted = expect.get("doc") or {}
    names = wanted.keys() | (lead.doc.keys() if expect.get("exact") else ())
    differences = []
    for name in sorted(names):
        differences += _differ(f"doc.{name}", wanted.get(name), lead.doc.get(name))
    for name in expect.get("absent") or ():
        differences += _differ(f"doc.{name}", None, lead.doc.get(name))
    return differences


def _differ(what: str, expected: Json, found: Json) -> list[str]:
    return [] if expected == found else [f"{what}: expected {expected!r}, got {found!r}"]
