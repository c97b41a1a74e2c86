"""Mappings compiled for a proposal: run on payloads without a store, never raising for a payload's sake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.drift.situation import Compile, Compiled, Result
from hub.errors import RecordError
from hub.mapping.compile import CompiledMapping
from hub.mapping.examples import example_context, example_id, run_examples
from hub.registry.files import SchemaFiles
from hub.steps.mappings import compile_document


@dataclass(frozen=True, slots=True)
class CompiledForDrift:
    """One compiled mapping, run in the context that a mapping's own tests run in."""

    mapping: CompiledMapping
    document: Mapping[str, Any]

    def run(self, payload: Mapping[str, Any]) -> Result:
        """What the mapping makes of a payload."""
        try:
            mapped = self.mapping.map(dict(payload), example_context(self.mapping), example_id)
        except RecordError as error:
            return Result(held=(str(error.reason), error.path))
        except Exception as error:  # noqa: BLE001 -- as in the loader: a bug on one payload is that payload's
            return Result(held=("loader_bug", type(error).__name__))
        return Result(
            docs=tuple(lead.doc for lead in mapped.leads),
            ids=tuple(lead.external_id for lead in mapped.leads),
            not_a_lead=mapped.not_a_lead,
        )

    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Canonical field → what it is read from."""
        found: dict[str, tuple[str, ...]] = {}
        for edge in self.mapping.lineage():
            found[edge.target] = (*found.get(edge.target, ()), *edge.sources)
        return found

    def failing_tests(self) -> Sequence[tuple[int, Sequence[str]]]:
        """The document's own tests that fail: number, differences."""
        results = run_examples(self.mapping, self.document)
        return [(n, each.differences) for n, each in enumerate(results) if each.differences]


def compiler(files: SchemaFiles) -> Compile:
    """What compiles a mapping with the contract it is given; equal documents are compiled once."""
    known: dict[str, Compiled] = {}

    def compile_for(mapping: Mapping[str, Any], contract: Mapping[str, Any]) -> Compiled:
        key = json.dumps([mapping, contract], sort_keys=True, ensure_ascii=False)
        if key not in known:
            made = compile_document(mapping, files, contract=contract)
            known[key] = CompiledForDrift(
                made, json.loads(key)[0]
            )  # the caller goes on changing its own
        return known[key]

    return compile_for
