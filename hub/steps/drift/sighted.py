"""From sightings to findings: one row per change, however many records and loaders saw it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from hub.drift.judge import required_now
from hub.drift.kinds import OF_ONE_SOURCE, Kind, Severity, State, severity_of, side_of
from hub.ops.sightings import Sighting
from hub.registry.findings import Finding

_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
_ADDED_UP = ("shown", "of")
_OWN = ("held", *_ADDED_UP, "to", "part_of", "reasons")


@dataclass(slots=True)
class Ledger:
    """Findings as they are known, and what became of them. `news` are those that a person has to hear of."""

    known: dict[str, Finding]
    is_live: Callable[[Sighting], bool]
    owner_of: Callable[[str], str | None]
    changed: set[str] = field(default_factory=set)
    news: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def add(self, seen: Iterable[Sighting]) -> None:
        """Add up sightings, oldest first."""
        for one in seen:
            finding = self.known.get(one.finding_id)
            if finding is not None:
                self._again(finding, one)
            elif self.is_live(one):  # what an older version did not know, the live one may
                self._first(one)

    def put(self, finding: Finding, *, is_news: bool = False) -> None:
        """A finding has changed."""
        self.known[finding.id] = finding
        self.changed.add(finding.id)
        if is_news:
            self.news.add(finding.id)

    def end(self, finding: Finding, now: datetime, reason: str) -> None:
        """What ended by itself is solved; it opens again if it comes back."""
        self.put(
            replace(
                finding,
                state=State.SOLVED.value,
                decided_by="hub",
                decided_at=now,
                reason=reason,
            )
        )
        self.ended.add(finding.id)

    def rows(self) -> list[Finding]:
        """What is to be written."""
        return [self.known[name] for name in sorted(self.changed)]

    def _first(self, one: Sighting) -> None:
        kind = Kind(one.kind)
        suspected = bool(one.detail.get("suspected"))
        finding = Finding(
            id=one.finding_id,
            merchant=one.scope,
            platform=one.platform,
            entity=one.entity,
            source_key=one.source_key if kind in OF_ONE_SOURCE else "",
            kind=one.kind,
            pointer=one.pointer,
            severity=severity_of(kind, held=one.held).value,
            breaks=side_of(kind, held=one.held).value,
            detail=_without_suspicion({**one.detail, "held": one.held}),
            first_seen=one.seen_at,
            last_seen=one.seen_at,
            count=one.count,
            reopened=0,
            owner=self.owner_of(one.source_key),
            state=(State.SUSPECTED if suspected else State.OPEN).value,
            mapping_version=one.mapping_version,
        )
        self.put(finding, is_news=not suspected)

    def _again(self, finding: Finding, one: Sighting) -> None:
        held = int(finding.detail.get("held", 0)) + one.held
        kept = {name: finding.detail[name] for name in _OWN if name in finding.detail}
        for name in _ADDED_UP:
            if name in one.detail:
                kept[name] = int(kept.get(name, 0)) + int(one.detail[name])
        told = finding.detail if one.detail.get("suspected") else {**finding.detail, **one.detail}
        kind = Kind(finding.kind)
        severity = max(
            Severity(finding.severity), severity_of(kind, held=held), key=_RANK.__getitem__
        )
        updated = replace(
            finding,
            count=finding.count + one.count,
            last_seen=max(finding.last_seen, one.seen_at),
            detail=_without_suspicion({**told, **kept, "held": held}),
            severity=severity.value,
            breaks=side_of(kind, held=held).value,
        )
        opened = self._opened(updated, one)
        self.put(
            opened,
            is_news=opened.state == State.OPEN
            and (opened.state != finding.state or opened.severity != finding.severity),
        )

    def _opened(self, finding: Finding, one: Sighting) -> Finding:
        if finding.state == State.SUSPECTED and not one.detail.get("suspected"):
            return replace(finding, state=State.OPEN.value)
        # Structure that was dismissed stays so; figures were learned then, and have changed once more.
        is_back = finding.state == State.DISMISSED and one.detail.get("by_figures")
        if is_back or (finding.state == State.SOLVED and self.is_live(one)):
            return replace(finding, state=State.OPEN.value, reopened=finding.reopened + 1)
        return finding


def note_required(ledger: Ledger) -> None:
    """Added fields that (nearly) every record has had since they were first seen are required upstream."""
    for finding in list(ledger.known.values()):
        if finding.kind != Kind.FIELD_ADDED or finding.state != State.OPEN:
            continue
        shown, of = (int(finding.detail.get(name, 0)) for name in _ADDED_UP)
        if required_now(shown, of):
            kind = Kind.FIELD_ADDED_REQUIRED
            severity = severity_of(kind, held=int(finding.detail.get("held", 0)))
            ledger.put(
                replace(
                    finding,
                    kind=kind.value,
                    severity=severity.value,
                    detail={**finding.detail, "required": True},
                ),
                is_news=True,
            )


def _without_suspicion(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if name != "suspected"}
