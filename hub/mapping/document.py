"""Reading a mapping document: its name, its sections, and clear words for what is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from hub.errors import ConfigError
from hub.mapping.nearest import expected_one_of
from hub.mapping.values import Json
from hub.model.lead import RevisionMode

_NAME = re.compile(r"([a-z][a-z0-9_]*)/([a-z][a-z0-9_]*)/(\d+-\d+-\d+)")
_RAW = re.compile(r"raw/[a-z][a-z0-9_]*/[a-z][a-z0-9_]*/\d+-\d+-\d+")
_CANONICAL = re.compile(r"canonical/[a-z][a-z0-9_]*/\d+-\d+-\d+")
_SECTIONS = frozenset(
    (
        *(
            "mapping",
            "from",
            "to",
            "title",
            "description",
            "mode",
            "stream",
            "account",
            "key",
            "order",
            "off_contract",
        ),
        *("answers", "not_a_lead", "each", "fields", "spread", "extensions", "touchpoints"),
        *("interactions", "ignore", "tests"),
    )
)


@dataclass(frozen=True, slots=True)
class MappingName:
    """What a mapping is called: `douyin/clue/1-0-0`."""

    platform: str
    entity: str
    version: str

    def __str__(self) -> str:
        """Platform, entity and version with slashes between."""
        return f"{self.platform}/{self.entity}/{self.version}"


@dataclass(frozen=True, slots=True)
class MappingDocument:
    """A mapping document whose sections have the right shape; what is in them is checked by the compiler."""

    name: MappingName
    raw_contract: str
    canonical: str
    mode: RevisionMode
    stream: str
    holds_off_contract: bool
    sections: Mapping[str, Any]

    @property
    def target(self) -> str:
        """The canonical entity that it maps to: `lead`, `contract` …"""
        return self.canonical.split("/")[1]

    def objects(self, section: str) -> dict[str, Json]:
        """A section that is an object, {} if it is not there."""
        value = self.sections.get(section) or {}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise ConfigError(f"{self.name}: {section}: an object with text keys")
        return value

    def items(self, section: str) -> list[Json]:
        """A section that is a list (or one item), [] if it is not there."""
        value = self.sections.get(section)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]


def parse_name(text: object) -> MappingName:
    """The name written as `text`.

    Raises:
        ConfigError: it is not platform/entity/1-0-0.
    """
    match = _NAME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ConfigError(f"mapping: {text!r} is no name such as douyin/clue/1-0-0")
    return MappingName(*match.groups())


def read_document(document: Mapping[str, Any]) -> MappingDocument:
    """The document with its head read.

    Raises:
        ConfigError: a section is unknown or missing, or the head is wrong; names mapping and section.
    """
    if not isinstance(document, Mapping):
        raise ConfigError(
            "a mapping is an object with `mapping`, `from`, `to`, `key` and `fields`"
        )
    name = parse_name(document.get("mapping"))
    only(document, _SECTIONS, str(name))
    for section, pattern in (("from", _RAW), ("to", _CANONICAL)):
        if not pattern.fullmatch(str(document.get(section, ""))):
            raise ConfigError(f"{name}: {section}: {pattern.pattern.partition('/')[0]}/…/1-0-0")
    try:
        mode = RevisionMode(document.get("mode", "snapshot"))
    except ValueError as error:
        raise ConfigError(f"{name}: mode: snapshot or patch") from error
    off_contract = document.get("off_contract", "load")
    if off_contract not in ("load", "hold"):
        raise ConfigError(f"{name}: off_contract: load (with a mark) or hold")
    return MappingDocument(
        name=name,
        raw_contract=str(document["from"]),
        canonical=str(document["to"]),
        mode=mode,
        stream=str(document.get("stream") or name.entity),
        holds_off_contract=off_contract == "hold",
        sections=document,
    )


def only(document: Mapping[str, Any], allowed: Set[str], where: str) -> None:
    """Check that `document` has no other keys than `allowed`.

    Raises:
        ConfigError: it has; names `where` and the key.
    """
    for key in document:
        if key not in allowed:
            raise ConfigError(f"{where}: {expected_one_of(key, allowed)}")
