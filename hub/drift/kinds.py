"""What drift is called: kinds of change, how bad they are, whom they break, one sight of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Kinds of change (design §5). `field_added_required` and `field_moved` are what others turn out to be."""

    FIELD_ADDED = "field_added"
    FIELD_ADDED_REQUIRED = "field_added_required"
    FIELD_MISSING = "field_missing"
    FIELD_MOVED = "field_moved"
    TYPE_CHANGED = "type_changed"
    FORMAT_CHANGED = "format_changed"
    ENUM_UNKNOWN = "enum_unknown"
    MEANING_SHIFTED = "meaning_shifted"
    SILENCE = "silence"
    SURGE = "surge"


class Severity(StrEnum):
    """How much a person is wanted; the words are those of alerts."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Side(StrEnum):
    """Who breaks: `us`, who can no longer read the payload; `readers` of the canonical lead; nobody."""

    NONE = "none"
    US = "us"
    READERS = "readers"


class State(StrEnum):
    """What became of a finding.

    `suspected`: seen, not yet enough to tell anybody; `joined`: a part of another one (detail `part_of`).
    """

    SUSPECTED = "suspected"
    OPEN = "open"
    JOINED = "joined"
    SOLVED = "solved"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Sight:
    """One change as one payload or one window shows it.

    `pointer` is a JSON Pointer into the payload (an array's items stand at 0); `member` the value that an
    `enum_unknown` is about, else "". `detail` is JSON that names nobody: `expected`, `found`, `witness`
    (masked), figures.
    """

    kind: Kind
    pointer: str
    member: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


# Of its source alone: its figures are those of one account.
OF_ONE_SOURCE = frozenset({Kind.MEANING_SHIFTED, Kind.SILENCE, Kind.SURGE})
_BASE = {Kind.FIELD_ADDED_REQUIRED: Kind.FIELD_ADDED, Kind.FIELD_MOVED: Kind.FIELD_MISSING}
_SEVERITY = {
    Kind.FIELD_ADDED: Severity.INFO,
    Kind.ENUM_UNKNOWN: Severity.INFO,
    Kind.SILENCE: Severity.CRITICAL,
}


def finding_id(scope: str, platform: str, entity: str, sight: Sight, source_key: str = "") -> str:
    """The id of the finding that a sight belongs to: the same change has the same id wherever it is seen.

    `scope` is the merchant if it has a mapping of its own, else "".
    """
    kind = _BASE.get(sight.kind, sight.kind)
    source = source_key if kind in OF_ONE_SOURCE else ""
    parts = (scope, platform, entity, source, kind.value, sight.pointer, sight.member)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return "d" + hashlib.blake2s(text.encode(), digest_size=5).hexdigest()


def severity_of(kind: Kind, *, held: int) -> Severity:
    """How bad a finding is, `held` records of it waiting."""
    return Severity.CRITICAL if held else _SEVERITY.get(kind, Severity.WARNING)


def side_of(kind: Kind, *, held: int) -> Side:
    """Whom a finding breaks, `held` records of it waiting."""
    if held:
        return Side.US
    if kind in (Kind.FIELD_ADDED, Kind.FIELD_ADDED_REQUIRED, Kind.ENUM_UNKNOWN, Kind.SURGE):
        return Side.NONE
    return Side.READERS
