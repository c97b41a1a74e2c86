"""What a loader sees of drift while it maps: structure of every payload, a profile of some of them.

A payload's structure is looked up by a cheap key; an unseen one is analysed once. What changed gets the id
of its finding, so that records can be marked and held with it without asking anybody. Sights and profiles
gather here and are written about once a second; the first sight of a finding goes with its batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import psycopg

from hub.drift.kinds import Kind, Sight, finding_id
from hub.drift.profile import Profile, ProfilePlan
from hub.drift.shape import ShapeReader
from hub.mapping.compile import CompiledMapping
from hub.model.outcome import IN_CRM, HeldReason, Outcome
from hub.ops.sightings import ProfileDelta, Sighting, add_deltas, add_sightings
from hub.steps.prepare import Seen, Work

_SHAPES_KEPT = 4096
# Of each batch and mapping, the first few and every 32nd live record are profiled.
_FIRST, _EVERY = 4, 32
PROFILES_EVERY = timedelta(seconds=5)
_FEEDS = (Outcome.LOADED, Outcome.HELD)
_KIND_OF_REASON: dict[str, Kind] = {
    HeldReason.MISSING: Kind.FIELD_MISSING,
    HeldReason.INVALID_VALUE: Kind.FORMAT_CHANGED,
    HeldReason.CONTRACT: Kind.FORMAT_CHANGED,
}

Place: TypeAlias = tuple[str, str, str, str, str, str]
"""Merchant, scope, platform, entity, source key, mapping version."""


@dataclass(slots=True)
class _Tally:
    """How often a source showed a change since the last flush, and of how many records that is."""

    sight: Sight
    count: int = 0
    held: int = 0
    of: int = 0


@dataclass(slots=True)
class _Sample:
    """What came from a source since the last flush."""

    records: int = 0
    profile: Profile = field(default_factory=Profile)


@dataclass(slots=True)
class _Watched:
    """One compiled mapping as it is watched for one scope."""

    mapping: CompiledMapping  # kept, so that its id stays its own
    scope: str
    reader: ShapeReader
    plan: ProfilePlan
    shapes: dict[Hashable, tuple[Seen, ...]] = field(default_factory=dict)
    samples: dict[tuple[str, str], _Sample] = field(default_factory=dict)
    records: Counter[tuple[str, str]] = field(default_factory=Counter)
    looked: int = 0

    def place(self, merchant: str, source_key: str) -> Place:
        """Where what a source's record shows is counted."""
        mapping = self.mapping
        return (
            merchant, self.scope, mapping.platform, mapping.entity, source_key, mapping.name,
        )  # fmt: skip

    def sample(self, work: Work) -> None:
        """One more live record of its source."""
        key = (work.merchant, work.source_key)
        sample = self.samples.get(key)
        if sample is None:
            sample = self.samples[key] = _Sample()
        sample.records += 1
        self.records[key] += 1
        if work.payload_json is not None:
            sample.profile.observe(work.payload_json, self.plan)


class Observer:
    """One per loader. `dismissed` are findings that nobody wants to hear of: they mark nothing.

    `has_news`: a finding was seen for the first time and nobody has evaluated it yet.
    """

    def __init__(self, *, detects: bool = True) -> None:
        self._detects = detects
        self.dismissed: frozenset[str] = frozenset()
        self._watched: dict[tuple[int, str], _Watched] = {}
        self._told: set[tuple[str, str | None]] = set()
        self._tallies: dict[tuple[Place, str], _Tally] = {}
        self._counted: dict[tuple[Place, str], int] = {}
        self._flushed_at: datetime | None = None
        self.has_news = False

    def look(self, work: Work, payload: Any, mapping: CompiledMapping, scope: str) -> None:  # noqa: ANN401 -- any JSON value
        """Note on a work what its payload shows; before it is mapped, so that a held one has it, too."""
        if type(payload) is not dict:
            return
        watched = self._watched.get((id(mapping), scope)) or self._watch(mapping, scope)
        key = watched.reader.key(payload)
        seen = watched.shapes.get(key)
        if seen is None:
            seen = self._identified(watched, watched.reader.sights(payload))
            if len(watched.shapes) < _SHAPES_KEPT:
                watched.shapes[key] = seen
        members = watched.reader.members(payload)
        work.seen = seen + self._identified(watched, members) if members else seen
        work.scope, work.tried, work.watched = scope, mapping, watched
        if work.live:
            watched.looked += 1
            # The others are not kept: memory that is used again at once is fast.
            if watched.looked <= _FIRST or watched.looked % _EVERY == 0:
                work.payload_json = payload

    def take_in(self, conn: psycopg.Connection[Any], works: Sequence[Work], now: datetime) -> None:
        """Count what a finished batch showed; a finding's first sight is written in its transaction."""
        if not self._detects:
            return
        first: list[Sighting] = []
        for work in works:
            watched: _Watched | None = work.watched
            if watched is None:
                continue
            watched.looked = 0
            feeds = work.live and work.outcome in _FEEDS
            if feeds:
                watched.sample(work)
            is_held = work.outcome == Outcome.HELD
            if is_held:
                self._name_reason(work, watched.mapping)
            if work.seen:
                first += self._sightings(work, watched, feeds=feeds, is_held=is_held, now=now)
        self.has_news = self.has_news or bool(first)
        add_sightings(conn, first)

    def _sightings(
        self, work: Work, watched: _Watched, *, feeds: bool, is_held: bool, now: datetime
    ) -> Iterator[Sighting]:
        """Count what one record shows; sightings to write at once."""
        place = watched.place(work.merchant, work.source_key)
        records = watched.records[work.merchant, work.source_key]
        for seen in work.seen:
            if feeds:
                yield from self._count(place, seen, records, is_held=is_held, now=now)
            elif (seen.finding, place[5]) not in self._told:
                self._told.add((seen.finding, place[5]))
                yield _sighting(place, seen.finding, _Tally(seen.sight), now)

    def flush(self, conn: psycopg.Connection[Any], now: datetime, *, force: bool = False) -> None:
        """Write down what was gathered: sights each time, profiles every few seconds."""
        tallies, self._tallies = self._tallies, {}
        self.has_news = False
        add_sightings(
            conn,
            [_sighting(place, name, tally, now) for (place, name), tally in tallies.items()],
        )
        if not force and self._flushed_at and now - self._flushed_at < PROFILES_EVERY:
            return
        self._flushed_at = now
        add_deltas(conn, list(self._deltas(now)))

    def _deltas(self, now: datetime) -> Iterator[ProfileDelta]:
        for watched in self._watched.values():
            samples, watched.samples = watched.samples, {}
            for (merchant, source_key), sample in samples.items():
                mapping = watched.mapping
                yield ProfileDelta(
                    merchant, mapping.platform, mapping.entity, source_key, mapping.name,
                    sample.records, sample.profile.as_json(), now,
                )  # fmt: skip

    def marks(self, work: Work) -> list[str]:
        """The findings that a loaded record is marked with."""
        if not work.seen or work.outcome not in IN_CRM:
            return []
        return [seen.finding for seen in work.seen if seen.finding not in self.dismissed]

    def _watch(self, mapping: CompiledMapping, scope: str) -> _Watched:
        if len(self._watched) > 1000:  # mappings that were live once
            self._watched.clear()
        reader = ShapeReader(mapping.contract, mapping.containers)
        plan = ProfilePlan(mapping.contract, mapping.containers)
        watched = _Watched(mapping, scope, reader, plan)
        self._watched[id(mapping), scope] = watched
        return watched

    @staticmethod
    def _identified(watched: _Watched, sights: Sequence[Sight]) -> tuple[Seen, ...]:
        platform, entity = watched.mapping.platform, watched.mapping.entity
        return tuple(
            Seen(finding_id(watched.scope, platform, entity, sight), sight) for sight in sights
        )

    @staticmethod
    def _name_reason(work: Work, mapping: CompiledMapping) -> None:
        """Which of a held record's findings is why it is held; one more if none of them is."""
        kind = _KIND_OF_REASON.get(work.reason)
        if kind is None:
            return
        near = [s for s in work.seen if _covers(s.sight.pointer, work.path)]
        if not near and work.reason == HeldReason.CONTRACT and work.seen:
            near = [work.seen[0]]
        if not near:
            # One record alone says nothing of its platform; figures will, and then it is the same finding.
            sight = Sight(kind, work.path, detail={"suspected": True})
            name = finding_id(work.scope, mapping.platform, mapping.entity, sight)
            near = [Seen(name, sight)]
            work.seen = (*work.seen, near[0])
        work.finding = near[0].finding

    def _count(
        self, place: Place, seen: Seen, records: int, *, is_held: bool, now: datetime
    ) -> list[Sighting]:
        """Add one live record, the `records`-th of its source; a sighting to write at once if it is the first."""
        key = (place, seen.finding)
        told = (seen.finding, place[5])
        if told not in self._told:
            if len(self._told) > _SHAPES_KEPT:
                self._told.clear()
                self._counted.clear()
            self._told.add(told)
            self._counted[key] = records
            return [_sighting(place, seen.finding, _Tally(seen.sight, 1, int(is_held), 1), now)]
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(seen.sight)
        before = self._counted.get(key, records - 1)
        tally.count += 1
        tally.held += is_held
        tally.of += records - before
        self._counted[key] = records
        return []


def _covers(pointer: str, path: str) -> bool:
    """Whether a change at `pointer` explains what was wrong at `path`."""
    return path == pointer or path.startswith(f"{pointer}/") or pointer.startswith(f"{path}/")


def _sighting(place: Place, name: str, tally: _Tally, now: datetime) -> Sighting:
    merchant, scope, platform, entity, source_key, version = place
    sight = tally.sight
    detail = {**sight.detail, "of": tally.of}
    if sight.member:
        detail["member"] = sight.member
    return Sighting(
        name, merchant, scope, platform, entity, source_key, sight.kind.value, sight.pointer,
        detail, version, tally.count, tally.held, now,
    )  # fmt: skip
