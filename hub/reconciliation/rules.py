"""The stated tolerances and terms of reconciliation: `schemas/reconciliation.yaml`, parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import ConfigError

AMENDMENTS = ("change", "total")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two amounts may be apart and still be equal: the greater of `fen` and `percent` of the second."""

    fen: int
    percent: int

    def of(self, amount: int) -> int:
        """The greatest difference from `amount`, in fen."""
        return max(self.fen, abs(amount) * self.percent // 100)

    def is_equal(self, one: int, other: int) -> bool:
        """Whether `one` is as good as `other`."""
        return abs(one - other) <= self.of(other)


@dataclass(frozen=True, slots=True)
class Terms:
    """Days after which what is not there is missing."""

    contract_days: int
    approval_days: int
    scan_days: int
    account_days: int
    invoice_days: int
    receipt_invoice_days: int
    receivable_days: int


@dataclass(frozen=True, slots=True)
class Rules:
    """All of the file."""

    version: str
    amount: Tolerance
    opportunity_amount: Tolerance
    before_days: int
    after_days: int
    candidates: int
    parts: int
    amendment: str
    terms: Terms


def parse_rules(document: Mapping[str, Any]) -> Rules:
    """Rules from the decoded file.

    Raises:
        ConfigError: A key is missing or unknown, or a value is no whole number; the text names it.
    """
    window, subset = _part(document, "window"), _part(document, "subset")
    terms = _part(document, "terms")
    amendment = document.get("amendment")
    if amendment not in AMENDMENTS:
        raise ConfigError(f"reconciliation.yaml: amendment is one of {', '.join(AMENDMENTS)}")
    return Rules(
        version=str(document.get("version", "")),
        amount=_tolerance(document, "amount"),
        opportunity_amount=_tolerance(document, "opportunity_amount"),
        before_days=_whole(window, "before_days"),
        after_days=_whole(window, "after_days"),
        candidates=_whole(subset, "candidates"),
        parts=_whole(subset, "parts"),
        amendment=str(amendment),
        terms=Terms(**{name: _whole(terms, name) for name in Terms.__slots__}),
    )


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    if not isinstance(found, Mapping):
        raise ConfigError(f"reconciliation.yaml: {name} is missing")
    return found


def _tolerance(document: Mapping[str, Any], name: str) -> Tolerance:
    part = _part(document, name)
    return Tolerance(_whole(part, "fen"), _whole(part, "percent"))


def _whole(part: Mapping[str, Any], name: str) -> int:
    value = part.get(name)
    if type(value) is not int or value < 0:
        raise ConfigError(f"reconciliation.yaml: {name} is a whole number, 0 or more")
    return value
