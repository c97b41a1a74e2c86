"""From what a contact's leads, calls and activities say to the touches of its path. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from hub.attribution.models import Touch
from hub.attribution.register import FindingKind, Placed, Register
from hub.attribution.rules import AttributionRules

REFERRAL, SEARCH, LEAD = "referral", "search", "lead"
_WEB = frozenset({"first_touch", "last_touch", "visit"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A touch with where it comes from: a lead and its source, or a document; who referred, if anybody did.

    `utm` is what it said of its campaign, with the register's words where it said nothing.
    """

    touch: Touch
    source_key: str
    lead_id: UUID | None = None
    referrer_id: UUID | None = None
    by: str | None = None
    finding: FindingKind | None = None
    utm: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LeadSaid:
    """What is read of a lead: its document, when it came, who referred if a contact is known by it."""

    id: UUID
    source_key: str
    platform: str
    received_at: datetime
    doc: Mapping[str, Any]
    referrer_id: UUID | None = None


class Desk:
    """Makes touches under one register and one set of rules."""

    def __init__(self, register: Register, rules: AttributionRules) -> None:
        self.register = register
        self.rules = rules

    def of_lead(self, lead: LeadSaid) -> Iterator[Seen]:
        """The lead itself and the visits that it brought along. A visit without a campaign and without a search
        engine is none."""
        doc = lead.doc
        submitted = _epoch(doc.get("submitted_at")) or int(lead.received_at.timestamp())
        own, *points = doc.get("touchpoints") or [doc]
        yield self._own(lead, {**doc, **own}, submitted)
        for point in points:
            seen = self._visit(lead, point)
            if seen is not None:
                yield seen

    def placed(self, lead: LeadSaid) -> Placed:
        """Where the register puts a lead as such."""
        return self.register.place(lead.source_key, lead.doc, lead.doc.get("marks", ()))

    def cell(self, kind: str, platform: str, placed: Placed) -> tuple[str, str, str]:
        """Channel, campaign and creative."""
        if placed.campaign is None:
            return self.rules.channel_of(kind, platform), "", ""
        return placed.campaign.channel, placed.campaign.utm_campaign, placed.creative

    def bare(self, number: str, at: int, kind: str, platform: str = "") -> Touch:
        """A touch that no campaign brought: a call, a visit to the shop."""
        return Touch(number, at, kind, self.rules.channel_of(kind, platform))

    def stated(self, number: str, at: int, placed: Placed) -> Touch:
        """A touch that only a document states."""
        return Touch(number, at, "stated", *self.cell("stated", "", placed))

    def kind_of_lead(self, said: Mapping[str, Any]) -> str:
        """A referral, a search, or just a lead."""
        if said.get("referrer_person"):
            return REFERRAL
        return SEARCH if self._is_search(said.get("referrer")) else LEAD

    def _own(self, lead: LeadSaid, said: Mapping[str, Any], at: int) -> Seen:
        placed = self.register.place(lead.source_key, said, lead.doc.get("marks", ()))
        kind = self.kind_of_lead(said)
        touch = Touch(f"lead:{lead.id}", at, kind, *self.cell(kind, lead.platform, placed))
        return self._seen(lead, touch, placed, said, lead.referrer_id)

    def _visit(self, lead: LeadSaid, point: Mapping[str, Any]) -> Seen | None:
        at = _epoch(point.get("occurred_at"))
        if at is None or point.get("kind") not in _WEB:
            return None
        placed = self.register.place(lead.source_key, point)
        kind = SEARCH if self._is_search(point.get("referrer")) else "visit"
        is_tagged = any(point.get(name) for name in ("utm_source", "utm_campaign", "click_ids"))
        if kind != SEARCH and not is_tagged and placed.campaign is None:
            return None
        cell = self.cell(kind if kind == SEARCH else "web", lead.platform, placed)
        touch = Touch(_visit_id(lead, at, point), at, kind, *cell)
        return self._seen(lead, touch, placed, point)

    def _seen(
        self,
        lead: LeadSaid,
        touch: Touch,
        placed: Placed,
        said: Mapping[str, Any],
        referrer: UUID | None = None,
    ) -> Seen:
        return Seen(
            touch, lead.source_key, lead.id, referrer, placed.by, placed.finding,
            tuple(placed.utm(said).items()),
        )  # fmt: skip

    def _is_search(self, referrer: object) -> bool:
        if not isinstance(referrer, str) or not referrer:
            return False
        try:
            host = urlsplit(referrer).hostname or ""
        except ValueError:  # whatever a browser sent
            return False
        return self.rules.is_search(host)


def encounters(seen: Iterable[Seen], within_s: int) -> list[Seen]:
    """Touches in order of time, each id once; one of the same cell so soon after another is the same encounter.

    The first of an encounter speaks for it; a referrer and a lead that the others know stay.
    """
    kept: list[Seen] = []
    latest: dict[tuple[str, str, str], tuple[int, int]] = {}
    unique = {one.touch.id: one for one in sorted(seen, key=_order, reverse=True)}
    for one in sorted(unique.values(), key=_order):
        touch = one.touch
        cell = (touch.channel, touch.campaign, touch.creative)
        place, at = latest.get(cell, (-1, 0))
        if place >= 0 and touch.at - at <= within_s:
            kept[place] = _joined(kept[place], one)
            latest[cell] = (place, touch.at)
            continue
        latest[cell] = (len(kept), touch.at)
        kept.append(one)
    return kept


def _joined(head: Seen, other: Seen) -> Seen:
    return replace(
        head,
        lead_id=head.lead_id or other.lead_id,
        referrer_id=head.referrer_id or other.referrer_id,
        finding=head.finding or other.finding,
    )


def _order(one: Seen) -> tuple[int, str, str]:
    return (one.touch.at, one.touch.id, str(one.lead_id or ""))


def _visit_id(lead: LeadSaid, at: int, point: Mapping[str, Any]) -> str:
    """One visit that a browser told with two forms is one; `kind` is no part of it (first and last are often one)."""
    names = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "creative_id")
    said = [lead.source_key, str(at), *(str(point.get(name, "")) for name in names)]
    return "visit:" + hashlib.sha256("\0".join(said).encode()).hexdigest()[:24]


def _epoch(text: object) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return None
