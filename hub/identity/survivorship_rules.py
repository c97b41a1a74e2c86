"""The rules of survivorship as data: read from a document (`schemas/survivorship.yaml`), checked, frozen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.errors import ConfigError


class Criterion(StrEnum):
    """What can make one value better than another."""

    VERIFIED = "verified"
    TRUST = "trust"
    RECENCY = "recency"
    COMPLETENESS = "completeness"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field is won, or several (`of`) that come from one lead; `inside`: the members of that object."""

    of: tuple[str, ...]
    by: tuple[Criterion, ...]
    inside: str = ""


@dataclass(frozen=True, slots=True)
class SurvivorshipRules:
    """All rules. `verified`: platform → fields it vouches for; `filled_in`: mark → fields that a rule filled."""

    fields: tuple[FieldRule, ...]
    union: tuple[str, ...]
    interests: tuple[str, ...]
    lead: tuple[str, ...]
    verified: Mapping[str, frozenset[str]]
    filled_in: Mapping[str, frozenset[str]]
    honorifics: tuple[str, ...]

    def named(self) -> list[str]:
        """Every canonical field that the rules speak of, one entry each time they do."""
        won = [
            name for rule in self.fields for name in ([rule.inside] if rule.inside else rule.of)
        ]
        return [*won, *self.union, *self.interests, *self.lead]


def parse_rules(document: Mapping[str, Any]) -> SurvivorshipRules:
    """Rules from their document.

    Raises:
        ConfigError: a part is missing or unknown, a criterion is none, or a field is named twice.
    """
    known = {
        "version", "default", "fields", "union", "interests", "lead", "verified", "filled_in",
        "honorifics",
    }  # fmt: skip
    if unknown := sorted(set(document) - known):
        raise ConfigError(f"survivorship: unknown key {unknown[0]!r} (known: {sorted(known)})")
    try:
        default = _criteria("default", document["default"])
        rules = SurvivorshipRules(
            tuple(_rule(name, body, default) for name, body in document["fields"].items()),
            _texts(document.get("union")),
            _texts(document.get("interests")),
            _texts(document.get("lead")),
            _sets(document.get("verified")),
            _sets(document.get("filled_in")),
            tuple(sorted(_texts(document.get("honorifics")), key=len, reverse=True)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"survivorship: not a document of rules ({error})") from error
    seen: set[str] = set()
    for name in rules.named():
        if name in seen:
            raise ConfigError(f"survivorship: {name} stands there twice")
        seen.add(name)
    return rules


def _rule(name: str, body: Mapping[str, Any], default: Sequence[Criterion]) -> FieldRule:
    if unknown := sorted(set(body) - {"of", "by", "members"}):
        raise ConfigError(f"survivorship: {name}: unknown key {unknown[0]!r}")
    by = _criteria(name, body["by"]) if "by" in body else tuple(default)
    if body.get("members"):
        return FieldRule((), by, inside=name)
    return FieldRule(_texts(body.get("of")) or (name,), by)


def _criteria(where: str, names: Sequence[str]) -> tuple[Criterion, ...]:
    try:
        return tuple(Criterion(name) for name in names)
    except ValueError:
        known = ", ".join(Criterion)
        raise ConfigError(f"survivorship: {where}: a criterion is one of {known}") from None


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- a part of a document
    return tuple(str(one) for one in value or ())


def _sets(value: Mapping[str, Any] | None) -> dict[str, frozenset[str]]:
    return {str(name): frozenset(_texts(fields)) for name, fields in (value or {}).items()}
