"""What a check is and what it found, in words that Dagster, alerts and the command line share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """What a failed check means: an ERROR breaks a promise, a WARN wants a person."""

    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class CheckDeclaration:
    """One check that exists: the asset it belongs to (a key path), its name, what it promises.

    While one that `is_blocking` fails as an error, nothing downstream of its asset is made in the same run.
    """

    asset: tuple[str, ...]
    name: str
    description: str
    is_blocking: bool = False


@dataclass(frozen=True, slots=True)
class CheckTable:
    """A small table of findings; every cell is text or a number."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found. `command` mends or explains a failure; `note` says what broke.

    `since` is when a failure began, as far as the store or an earlier report knows.
    """

    asset: tuple[str, ...]
    name: str
    passed: bool
    severity: Severity
    note: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    table: CheckTable | None = None
    command: str | None = None
    since: datetime | None = None


def canonical_asset(source_key: str) -> tuple[str, ...]:
    """The asset that a source's checks belong to."""
    return ("canonical", source_key)
