"""The master data dictionary: the fields of a lead with format, checks and owner, extension fields included.

It is the canonical contract itself; nothing is said here that does not stand there or in the registry.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.mapping.nearest import did_you_mean
from hub.mapping.quality import EVERYWHERE, FieldRule
from hub.mapping.value_checks import ANOMALY_WORDS, CHECKS, SAID_ZH, normal
from hub.registry.extensions import extensions_by_merchant
from hub.registry.files import CANONICAL_LEAD, schema_files
from hub.settings import HubSettings
from hub.steps.lineage import entities_of
from hub.steps.mappings import LiveMappings

EXTENSION = "ext."
_EXTENSION_OWNER = "数据组"
_EXTENSION_FORMATS = {
    "text": "文字",
    "int": "整数",
    "number": "数",
    "bool": "是或否",
    "date": "日期：2026-02-17",
    "instant": "UTC 时间",
    "list": "几个文字的列表",
}


@dataclass(frozen=True, slots=True)
class DictionaryField:
    """One field: what it is called, what it looks like, what is looked at, whose it is.

    `checks` are names of checks that `hub quality fields` runs. `merchant` is set for a field that only this
    merchant has. `also` are fields that give the same; `anomalies` are the field's own anomaly words.
    """

    name: str
    label_zh: str
    type: str
    format: str
    checks: tuple[str, ...]
    owner: str
    pii: str
    identity: bool
    core: bool
    core_label_zh: str = ""
    merchant: str = ""
    anomalies: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    invalid_marks: tuple[str, ...] = ()

    @property
    def checks_zh(self) -> str:
        """The checks in words."""
        return "；".join(SAID_ZH[name] for name in self.checks)


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All fields in the contract's order, extension fields after them; `anomalies` hold for every field."""

    version: str
    fields: tuple[DictionaryField, ...]
    anomalies: tuple[str, ...]

    def core(self) -> tuple[DictionaryField, ...]:
        """The fields that every lead should have."""
        return tuple(field for field in self.fields if field.core)

    def find(self, name: str) -> tuple[DictionaryField, ...]:
        """The field of a name or a Chinese label; an extension field may be several merchants'.

        Raises:
            ConfigError: there is none; names the nearest.
        """
        found = tuple(
            one for one in self.fields if name in (one.name, one.label_zh, one.core_label_zh)
        )
        if not found:
            known = [word for one in self.fields for word in (one.name, one.label_zh)]
            raise ConfigError(f"no field {name!r} in the dictionary{did_you_mean(name, known)}")
        return found

    def rules(self) -> dict[str, FieldRule]:
        """What `hub.mapping.quality` counts by: field → rule; under EVERYWHERE that of all others."""
        common = {normal(word): word for word in self.anomalies}
        rules = {field.name: _rule(field, common) for field in self.fields}
        return {**rules, EVERYWHERE: FieldRule(EVERYWHERE, "", words=common)}


def contract_dictionary(settings: HubSettings) -> Dictionary:
    """The dictionary of the newest canonical contract, without extension fields; reads files only.

    Raises:
        ConfigError: the schemas folder is not there, or the contract names a check that does not exist.
    """
    contract = schema_files(settings).newest_contract(CANONICAL_LEAD)
    core = settings.quality.core
    fields = [_field(name, body) for name, body in contract["properties"].items()]
    if core:
        unknown = sorted(set(core) - {field.name for field in fields})
        if unknown:
            hint = did_you_mean(unknown[0], [field.name for field in fields])
            raise ConfigError(f"quality.core: {unknown[0]!r} is no field of a lead{hint}")
        fields = [replace(field, core=field.name in core) for field in fields]
    return Dictionary(str(contract["$id"]), tuple(fields), tuple(contract.get("x-anomalies", ())))


def read_dictionary(engine: sa.Engine, settings: HubSettings) -> Dictionary:
    """The whole dictionary: with the extension fields of live mappings and of the merchants' registry.

    Raises:
        StoreAwayError: the database is away.
        ConfigError: see `contract_dictionary`.
    """
    dictionary = contract_dictionary(settings)
    mappings = LiveMappings(settings)
    with store_errors(), engine.begin() as conn:
        mappings.refresh(conn)
        registered = extensions_by_merchant(conn)
    found = {
        (merchant, field.name): _extension(
            field.name, field.label_zh, field.type, field.pii, merchant
        )
        for merchant, fields in registered.items()
        for field in fields
    }
    known = {name for _, name in found}
    for name, spec in _declared(settings, mappings):
        if name not in known:
            label, kind = str(spec.get("label", name)), str(spec.get("type", "text"))
            found.setdefault(
                ("", name), _extension(name, label, kind, str(spec.get("pii", "text")), "")
            )
    extensions = tuple(found[key] for key in sorted(found))
    return Dictionary(dictionary.version, (*dictionary.fields, *extensions), dictionary.anomalies)


COLUMNS = ("field", "label", "format", "checks", "owner", "pii", "identity", "core", "merchant")


def dictionary_rows(fields: Iterable[DictionaryField]) -> list[tuple[Any, ...]]:
    """Rows under `COLUMNS`."""
    return [
        (
            one.name, one.core_label_zh or one.label_zh, one.format, one.checks_zh, one.owner,
            "" if one.pii == "none" else one.pii, "✓" if one.identity else "",
            "✓" if one.core else "", one.merchant,
        )
        for one in fields
    ]  # fmt: skip


def dictionary_csv(fields: Sequence[DictionaryField]) -> bytes:
    """The dictionary as CSV that a spreadsheet opens as UTF-8; starts with a byte-order mark."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(("字段", "名称", "格式", "校验", "负责人", "个人信息", "身份", "核心", "商家"))
    writer.writerows(dictionary_rows(fields))
    return held.getvalue().encode("utf-8-sig")


def as_json(field: DictionaryField) -> dict[str, Any]:
    """A field for programs."""
    return asdict(field)


def _declared(
    settings: HubSettings, mappings: LiveMappings
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and document of each extension field that a live mapping of a configured source declares."""
    for source in settings.all_sources().values():
        for entity in entities_of(source):
            document = mappings.document(source.merchant, source.platform, entity) or {}
            yield from document.get("extensions", {}).items()


def _field(name: str, body: Mapping[str, Any]) -> DictionaryField:
    checks = tuple(body.get("x-checks", ()))
    unknown = [check for check in checks if check != ANOMALY_WORDS and check not in CHECKS]
    if unknown:
        hint = did_you_mean(unknown[0], CHECKS)
        raise ConfigError(f"{CANONICAL_LEAD}: {name}: no check {unknown[0]!r}{hint}")
    return DictionaryField(
        name=name,
        label_zh=str(body.get("x-label-zh", name)),
        type="/".join(body["enum"]) if "enum" in body else str(body.get("type", "string")),
        format=str(body.get("x-format", "")),
        checks=checks,
        owner=str(body.get("x-owner", "")),
        pii=str(body.get("x-pii", "text")),
        identity=bool(body.get("x-identity")),
        core=bool(body.get("x-core")),
        core_label_zh=str(body.get("x-core-label-zh", "")),
        anomalies=tuple(body.get("x-anomalies", ())),
        also=tuple(body.get("x-also", ())),
        invalid_marks=tuple(body.get("x-invalid-marks", ())),
    )


def _extension(name: str, label: str, kind: str, pii: str, merchant: str) -> DictionaryField:
    return DictionaryField(
        name=EXTENSION + name,
        label_zh=label,
        type=kind,
        format=_EXTENSION_FORMATS.get(kind, kind),
        checks=(ANOMALY_WORDS,) if kind in ("text", "list") else (),
        owner=_EXTENSION_OWNER,
        pii=pii,
        identity=False,
        core=False,
        merchant=merchant,
    )


def _rule(field: DictionaryField, common: Mapping[str, str]) -> FieldRule:
    """A field's own anomaly words stand beside those of all; a field without the check looks at its own only.

    The words of all are for texts that people type: a platform's id may be any.
    """
    own = {normal(word): word for word in field.anomalies}
    has_words = ANOMALY_WORDS in field.checks
    return FieldRule(
        name=field.name,
        label_zh=field.core_label_zh or field.label_zh,
        is_core=field.core,
        checks=tuple(check for check in field.checks if check != ANOMALY_WORDS),
        words={**common, **own} if has_words or own else {},
        also=field.also,
        marks=frozenset(field.invalid_marks),
    )
