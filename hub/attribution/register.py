"""The campaign register and what it makes of a lead's own words: a campaign, or a finding. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

PLATFORM_IDS = ("campaign_id", "project_id")
"""The fields of a lead by which a platform names its campaign, in the order in which they are asked."""
MACRO_MARK = "macro_unreplaced"
_UTM = ("utm_source", "utm_medium", "utm_campaign")


class FindingKind(StrEnum):
    """What is wrong with a campaign that a lead names."""

    UNKNOWN_UTM = "unknown_utm"
    UNKNOWN_ID = "unknown_platform_id"
    MACRO = "macro_unreplaced"
    OUTSIDE_SLOT = "outside_slot"


@dataclass(frozen=True, slots=True)
class Campaign:
    """One registered campaign; money is fen, days are calendar days of China."""

    utm_campaign: str
    channel: str
    form: str
    utm_source: str
    utm_medium: str
    title: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    planned_fen: int | None = None
    owner: str | None = None

    @property
    def utm(self) -> dict[str, str]:
        """The UTM parameters that stand for it."""
        return {
            "utm_source": self.utm_source,
            "utm_medium": self.utm_medium,
            "utm_campaign": self.utm_campaign,
        }

    def runs_on(self, day: date) -> bool:
        """Whether a day is within its slot; an open end is always."""
        return (self.starts_on is None or self.starts_on <= day) and (
            self.ends_on is None or day <= self.ends_on
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the register puts a touch. `by` is the field that led to `campaign`; `finding` what is wrong with
    what it `claimed`."""

    campaign: Campaign | None = None
    by: str | None = None
    creative: str = ""
    finding: FindingKind | None = None
    claimed: str = ""

    def utm(self, said: Mapping[str, Any]) -> dict[str, str]:
        """The UTM of a touch: what it said itself, and the register's where it said nothing."""
        own = {name: str(said[name]) for name in _UTM if said.get(name)}
        return {**self.campaign.utm, **own} if self.campaign else own


@dataclass(frozen=True, slots=True)
class Register:
    """All campaigns of one merchant.

    Args:
        campaigns: By utm_campaign.
        ids: (source key, field, the platform's id) → utm_campaign.
        creatives: (utm_campaign, creative id) → title.
    """

    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    ids: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    creatives: Mapping[tuple[str, str], str | None] = field(default_factory=dict)

    def place(self, source_key: str, said: Mapping[str, Any], marks: Iterable[str] = ()) -> Placed:
        """The campaign of what a lead, a touchpoint or a document says.

        Its own UTM speaks first (`utm_campaign`, else a registered name under `utm_source`), then the platform's
        ids as they are registered for the source. A name that is not registered is a finding, and so is a macro.
        """
        campaign, by = self._found(source_key, said)
        if campaign is not None:
            return Placed(campaign, by, self._creative(campaign, said))
        if said.get("utm_campaign"):
            return Placed(finding=FindingKind.UNKNOWN_UTM, claimed=str(said["utm_campaign"]))
        if MACRO_MARK in marks:
            return Placed(finding=FindingKind.MACRO)
        for name in PLATFORM_IDS:
            if said.get(name):
                return Placed(finding=FindingKind.UNKNOWN_ID, claimed=f"{name}={said[name]}")
        return Placed()

    def _found(self, source_key: str, said: Mapping[str, Any]) -> tuple[Campaign | None, str]:
        for name in ("utm_campaign", "utm_source"):
            value = said.get(name)
            campaign = self.campaigns.get(str(value).lower()) if value else None
            if campaign is not None:
                return campaign, name
        for name in PLATFORM_IDS:
            key = self.ids.get((source_key, name, str(said.get(name))))
            if key is not None and key in self.campaigns:
                return self.campaigns[key], name
        return None, ""

    def _creative(self, campaign: Campaign, said: Mapping[str, Any]) -> str:
        """The platform's creative, else what utm_content says: of several, the one that is registered."""
        given = [str(said[name]) for name in ("creative_id", "utm_content") if said.get(name)]
        known = [one for one in given if (campaign.utm_campaign, one) in self.creatives]
        return (known or given or [""])[0]
