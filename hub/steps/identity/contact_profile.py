"""A contact as its leads make it: which value won, why, what lost, what was wanted, which companies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from hub.crm import companies
from hub.database.engine import driver
from hub.errors import ConfigError
from hub.identity.survivorship import Claim, Profile, Settled, Stated, profile
from hub.identity.survivorship_rules import SurvivorshipRules, parse_rules
from hub.registry.files import schema_files
from hub.settings import HubSettings

RULES_FILE = "survivorship.yaml"
Mask = Callable[[str, Any], Any]
"""Field name and value → the value as a viewer may see it."""


@dataclass(frozen=True, slots=True)
class Profiler:
    """Makes profiles of stored leads under one installation's settings."""

    rules: SurvivorshipRules
    settings: HubSettings

    @classmethod
    def prepared(cls, settings: HubSettings) -> Profiler:
        """With the rules of `schemas_dir`, else the shipped ones.

        Raises:
            ConfigError: the rules make no sense.
        """
        return cls(survivorship_rules(settings), settings)

    def stated(
        self, rows: Iterable[sa.RowMapping], docs: Iterable[Mapping[str, Any]]
    ) -> list[Stated]:
        """Stored leads and their plain documents as survivorship sees them."""
        sources = self.settings.all_sources()
        found = []
        for row, doc in zip(rows, docs, strict=True):
            source = sources.get(row["source_key"])
            found.append(
                Stated(
                    row["id"],
                    row["source_key"],
                    source.platform if source else "",
                    row["submitted_at"] or row["received_at"],
                    doc,
                    frozenset(source.verifies) if source else frozenset(),
                )
            )
        return found

    def profile(
        self, merchant: str, rows: Sequence[sa.RowMapping], docs: Sequence[Mapping[str, Any]]
    ) -> Profile:
        """The profile that these leads of one contact make."""
        return profile(self.stated(rows, docs), self.rules, self.settings.trust_of(merchant))


def survivorship_rules(settings: HubSettings) -> SurvivorshipRules:
    """The rules of survivorship of this installation.

    Raises:
        ConfigError: they are no YAML or make no sense.
    """
    path = schema_files(settings).root / RULES_FILE
    if not path.exists():  # a folder of one's own contracts need not have them
        path = schema_files(HubSettings()).root / RULES_FILE
    return parse_rules(_document(path))


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: the rules of survivorship are an object")
    return document


def profile_view(found: Profile, mask: Mask) -> dict[str, Any]:
    """A profile for a person to read, JSON-able: `values`, `all` values of united fields, `interests`."""
    return {
        "values": {name: _settled(one, mask) for name, one in found.settled.items()},
        "all": {
            name: [_claim(name, claim, mask) for claim in claims]
            for name, claims in found.unions.items()
        },
        "interests": [
            {
                "lead": one.lead,
                "source": one.source,
                "at": one.at,
                **{name: mask(name, value) for name, value in one.values.items()},
            }
            for one in found.interests
        ],
    }


def _settled(one: Settled, mask: Mask) -> dict[str, Any]:
    won = _claim(one.field, one.won, mask) if one.won else {"value": None}
    return {
        **won,
        "why": one.why,
        "agreeing": one.agreeing,
        "stated": one.stated,
        "conflicts": [_claim(one.field, claim, mask) for claim in one.conflicts],
    }


def _claim(name: str, claim: Claim, mask: Mask) -> dict[str, Any]:
    return {
        "value": mask(name, claim.value),
        "standing": claim.standing,
        "source": claim.source,
        "lead": claim.lead,
        "at": claim.at,
    }


def companies_of_leads(
    conn: sa.Connection, merchant: str, rows: Sequence[sa.RowMapping]
) -> list[dict[str, Any]]:
    """The companies that these leads are linked to: company, evidence (strongest first), leads."""
    raw = driver(conn)
    links = list(companies.links_of(raw, [row["id"] for row in rows]).values())
    roots = companies.roots(raw, sorted({one.company_id for one in links if one.company_id}))
    domains = sorted({one.domain for one in links if one.domain and not one.company_id})
    tied = companies.companies_of_domains(raw, merchant, domains) if domains else {}
    found: dict[Any, dict[str, int]] = {}
    for one in links:
        company, how = (roots[one.company_id], one.evidence) if one.company_id else (None, None)
        if company is None and not one.keys and one.domain in tied:
            company, how = tied[one.domain], companies.BY_DOMAIN
        if company is not None and how is not None:
            counts = found.setdefault(company, {})
            counts[how] = counts.get(how, 0) + 1
    return [
        {"company": company, "evidence": sorted(counts), "leads": sum(counts.values())}
        for company, counts in sorted(found.items())
    ]
