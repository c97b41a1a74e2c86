"""A proposal in the making: the documents so far, the lines that say why, the questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.drift import recontract, rewrite
from hub.drift.evidence import Evidence, has_value, slug_of
from hub.drift.infer import infer_contract
from hub.drift.invented import Changes
from hub.drift.places import path_of, pointer_of, schema_at
from hub.drift.questions import Answers
from hub.drift.situation import Compiled, Line, Situation
from hub.drift.vocabulary import Vocabulary


class Draft:
    """Working copies of mapping and contract. Every change leaves a line."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.mapping = recontract.copied(situation.mapping)
        self.contract = recontract.copied(situation.contract)
        self.evidence = Evidence(situation.payloads, situation.contract, situation.sheet)
        self.vocabulary = Vocabulary(situation.canonical)
        self.answers = Answers(situation.answers)
        self.before: Compiled = situation.compile(situation.mapping, situation.contract)
        self.changes = Changes()
        self.lines: list[Line] = []
        self.repoints = False
        self._inferred = infer_contract(situation.payloads)

    def say(self, what: str, reason: str, evidence: str = "") -> None:
        """Add a line."""
        self.lines.append(Line(what, reason, evidence))

    def compiled(self) -> Compiled:
        """The draft as it stands, compiled under the contract as it stands."""
        return self.situation.compile(self.mapping, self.contract)

    def label_of(self, field: str) -> str:
        """The Chinese label of a canonical field."""
        schema = self.situation.canonical.get("properties", {}).get(field, {})
        return str(schema.get("x-label-zh", field))

    def sources_of(self, field: str) -> list[str]:
        """The payload paths that a canonical field is read from today."""
        names = self.before.sources().get(field, ())
        parts = [part for name in names for part in name.split("+")]
        return [p for p in parts if "?" not in p and not p.startswith(("context.", "const"))]

    def name_field(self, pointer: str, *, required: bool = False) -> None:
        """Name an added field, and all in it, in the contract."""
        if schema_at(self.contract, pointer) is not None:
            return
        schema = recontract.field_schema(
            schema_at(self._inferred, pointer),
            label=self.evidence.label(pointer),
            pii=self._pii(pointer),
            required_upstream=required,
        )
        self.contract = recontract.with_field(self.contract, pointer, schema)

    def _pii(self, pointer: str) -> str:
        """How a field is protected: as the canonical field that it means, else by what it holds."""
        meaning = self.vocabulary.meaning(pointer, self.evidence.label(pointer))
        known = self.situation.canonical.get("properties", {})
        kind = known.get(meaning.field, {}).get("x-pii") if meaning else None
        return str(kind or self.evidence.pii(pointer))

    def add_extension(self, pointer: str, reason: str) -> None:
        """A typed extension field for a place."""
        kind = self.evidence.extension_type(pointer)
        path = path_of(pointer)
        if kind is None:
            self.say(
                f"{path}: no rule; it stays under extra.unmapped",
                "a list of objects or a mixture fits no extension type",
                self.evidence.says(pointer),
            )
            return
        extensions: Mapping[str, Any] = self.mapping.get("extensions") or {}
        name = slug_of(pointer, extensions)
        label, pii = self.evidence.label(pointer) or name, self.evidence.pii(pointer)
        rule = {"type": kind, "label": label, "pii": pii, "from": path}
        self.mapping["extensions"] = {**extensions, name: rule}
        found = f"{self.evidence.says(pointer)}; type {kind}, pii {pii}"
        self.say(f"extensions.{name} ({label}) from {path}", reason, found)

    def fill(self, field: str, path: str) -> None:
        """A new rule for a canonical field that has none."""
        self.mapping = rewrite.with_rule(self.mapping, field, path)

    def repoint(self, field: str, path: str, *, only: bool) -> None:
        """The rules of a canonical field read `path` first, or only it."""
        self.mapping = rewrite.with_source(self.mapping, field, path, only=only)
        self.repoints = self.repoints or only

    def keep_state(self, old: str) -> str:
        """Where the value of a path stands now that no rule reads it: platform_state, or extra.unmapped."""
        if rewrite.rules_reading(self.mapping, pointer_of(old)):
            return "another rule"
        fields: Mapping[str, Any] = self.mapping.get("fields") or {}
        name = f"platform_state.{slug_of(pointer_of(old), {})}"
        if name in fields:
            return "extra.unmapped"
        self.mapping["fields"] = {**fields, name: old}
        return name

    def read_share(self, field: str, pointer: str, mapping: Mapping[str, Any]) -> tuple[int, int]:
        """(payloads whose `field` a mapping fills, payloads that have a value at the pointer)."""
        compiled = self.situation.compile(mapping, self.contract)
        having = self.payloads_with(pointer)
        read = sum(any(field in doc for doc in compiled.run(payload).docs) for payload in having)
        return read, len(having)

    def payloads_with(self, pointer: str) -> list[Mapping[str, Any]]:
        """Payloads that have a value at a place."""
        return [p for p in self.situation.payloads if has_value(p, pointer)]
