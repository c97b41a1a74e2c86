"""The rules of attribution as data: weights, names of campaigns, what counts as a touch. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from hub.attribution.models import Model, Rules
from hub.errors import ConfigError

_MONTH = re.compile(r"20\d\d(0[1-9]|1[0-2])")
_PART = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Naming:
    """The grammar of campaign names: `<channel>_<form>_<yyyymm>[_<detail>]`."""

    channels: tuple[str, ...]
    forms: tuple[str, ...]
    longest: int = 64

    def parse(self, name: str) -> CampaignName:
        """The parts of a name.

        Raises:
            ConfigError: it is none; says what is wrong and how one looks.
        """
        parts = name.split("_")
        example = f"like {self.channels[0]}_{self.forms[0]}_202602_q4"
        if len(name) > self.longest:
            raise ConfigError(f"{name}: longer than {self.longest} letters, {example}")
        if len(parts) < 3 or not all(_PART.fullmatch(part) for part in parts):
            raise ConfigError(
                f"{name!r} is no campaign name: <channel>_<form>_<yyyymm>[_<detail>] in a-z, 0-9, {example}"
            )
        channel, form, month = parts[:3]
        for word, known, what in ((channel, self.channels, "channel"), (form, self.forms, "form")):
            if word not in known:
                raise ConfigError(f"{name}: {word!r} is no {what} ({', '.join(known)}), {example}")
        if not _MONTH.fullmatch(month):
            raise ConfigError(f"{name}: {month!r} is no month, {example}")
        return CampaignName(channel, form, month, "_".join(parts[3:]))


@dataclass(frozen=True, slots=True)
class CampaignName:
    """The parts of a campaign's name."""

    channel: str
    form: str
    month: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AttributionRules:
    """All of `attribution.yaml`."""

    version: str
    shares: Rules
    naming: Naming
    same_encounter_s: int = 1800
    report_model: Model = Model.POSITION
    roi_floor_permille: int = 1200
    interactions: Mapping[str, str] = field(default_factory=dict)
    activities: Mapping[str, str] = field(default_factory=dict)
    kind_channels: Mapping[str, str] = field(default_factory=dict)
    platform_channels: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = "direct"
    search_hosts: tuple[str, ...] = ()

    def channel_of(self, kind: str, platform: str) -> str:
        """The channel of a touch that no campaign brought."""
        return (
            self.kind_channels.get(kind) or self.platform_channels.get(platform) or self.otherwise
        )

    def is_search(self, host: str) -> bool:
        """Whether a referrer's host is a search engine's."""
        return any(host == one or host.endswith("." + one) for one in self.search_hosts)


def parse_attribution(document: Mapping[str, Any]) -> AttributionRules:
    """Rules from the document of `attribution.yaml`.

    Raises:
        ConfigError: something is missing, unknown or of the wrong kind; names it.
    """
    known = {"version", "position", "decision_kinds", "window_days", "same_encounter_s",
             "report_model", "roi_floor_permille", "naming", "interactions", "activities",
             "channels", "search_hosts"}  # fmt: skip
    unknown = sorted(set(document) - known)
    if unknown:
        raise ConfigError(
            f"attribution.yaml: {unknown[0]!r} is none of {', '.join(sorted(known))}"
        )
    try:
        return _parsed(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"attribution.yaml: {error}") from error


def _parsed(document: Mapping[str, Any]) -> AttributionRules:
    version = str(document["version"])
    naming, channels = document["naming"], document.get("channels", {})
    return AttributionRules(
        version=version,
        shares=_shares(document, version),
        naming=Naming(
            _words(naming["channels"]), _words(naming["forms"]), int(naming.get("longest", 64))
        ),
        same_encounter_s=int(document.get("same_encounter_s", 1800)),
        report_model=Model(document.get("report_model", "position")),
        roi_floor_permille=int(document.get("roi_floor_permille", 1200)),
        interactions=dict(document.get("interactions", {})),
        activities=dict(document.get("activities", {})),
        kind_channels=dict(channels.get("kinds", {})),
        platform_channels=dict(channels.get("platforms", {})),
        otherwise=str(channels.get("otherwise", "direct")),
        search_hosts=_words(document.get("search_hosts", ())),
    )


def _shares(document: Mapping[str, Any], version: str) -> Rules:
    position = {name: int(part) for name, part in document.get("position", {}).items()}
    unknown = sorted(set(position) - {one.name for one in fields(Rules)})
    if unknown:
        raise ValueError(f"position: {unknown[0]!r} is no position")
    given: dict[str, Any] = {**position, "version": version}
    if "decision_kinds" in document:
        given["decision_kinds"] = _words(document["decision_kinds"])
    if "window_days" in document:
        given["window_days"] = int(document["window_days"])
    return Rules(**given)


def _words(found: Sequence[Any]) -> tuple[str, ...]:
    if isinstance(found, str):
        raise ValueError(f"{found!r} is no list")
    return tuple(str(one) for one in found)
