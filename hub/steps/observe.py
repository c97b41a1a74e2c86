"""What a loader sees of drift while it maps: structure of every payload, a profile of some of them.

A payload's structure is looked up by a cheap key; an unseen one is analysed once. What changed gets the id
of its finding, so that records can be marked and held with it without asking anybody. Sights and profiles
gather here and are written about once a second; the first sight of a finding goes with its batch.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
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
# Of each batch and source, the first few and every sixteenth live record are profiled.
_FIRST, _EVERY = 8, 16
_FEEDS = (Outcome.LOADED, Outcome.HELD)
_KIND_OF_REASON: dict[str, Kind] = {
    HeldReason.MISSING: Kind.FIELD_MISSING,
    HeldReason.INVALID_VALUE: Kind.FORMAT_CHANGED,
    HeldReason.CONTRACT: Kind.FORMAT_CHANGED,
}

Place: TypeAlias = tuple[str, str, str, str, str, str]
"""Merchant, scope, platform, entity, source key, mapping version."""


@dataclass(slots=True)
class _Watched:
    """One compiled mapping as it is watched for one scope."""

    mapping: CompiledMapping  # kept, so that its id stays its own
    scope: str
    reader: ShapeReader
    plan: ProfilePlan
    shapes: dict[Hashable, tuple[Seen, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Tally:
    """How often a source showed a change since the last flush."""

    sight: Sight
    count: int = 0
    held: int = 0


@dataclass(slots=True)
class _Sample:
    """What came from a source since the last flush."""

    records: int = 0
    profile: Profile = field(default_factory=Profile)


class Observer:
    """One per loader. `dismissed` are findings that nobody wants to hear of: they mark nothing."""

    def __init__(self) -> None:
        self.dismissed: frozenset[str] = frozenset()
        self._watched: dict[tuple[int, str], _Watched] = {}
        self._told: set[tuple[str, str | None]] = set()
        self._tallies: dict[tuple[Place, str], _Tally] = {}
        self._samples: dict[Place, _Sample] = {}

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
        work.scope, work.payload_json, work.tried = scope, payload, mapping

    def take_in(self, conn: psycopg.Connection[Any], works: Sequence[Work], now: datetime) -> None:
        """Count what a finished batch showed; a finding's first sight is written in its transaction."""
        sampled: dict[Place, int] = {}
        first: list[Sighting] = []
        for work in works:
            mapping = work.tried
            if mapping is None:
                continue
            is_held = work.outcome == Outcome.HELD
            feeds = work.live and not work.is_archived and work.outcome in _FEEDS
            if is_held:
                self._name_reason(work, mapping)
            if not (feeds or work.seen):
                continue
            place = (
                work.merchant, work.scope, mapping.platform, mapping.entity, work.source_key,
                mapping.name,
            )  # fmt: skip
            for seen in work.seen:
                first += self._count(place, seen, feeds=feeds, is_held=is_held, now=now)
            if feeds:
                number = sampled[place] = sampled.get(place, 0) + 1
                self._sample(place, work, number)
        add_sightings(conn, first)

    def flush(self, conn: psycopg.Connection[Any], now: datetime) -> bool:
        """Write down what was gathered; whether there was anything."""
        tallies, self._tallies = self._tallies, {}
        samples, self._samples = self._samples, {}
        add_sightings(
            conn,
            [_sighting(place, name, tally, now) for (place, name), tally in tallies.items()],
        )
        add_deltas(
            conn,
            [
                ProfileDelta(
                    place[0], place[2], place[3], place[4], place[5], sample.records,
                    sample.profile.as_json(), now,
                )
                for place, sample in samples.items()
            ],
        )  # fmt: skip
        return bool(tallies or samples)

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
            sight = Sight(kind, work.path, detail={"suspected": kind is Kind.FORMAT_CHANGED})
            name = finding_id(work.scope, mapping.platform, mapping.entity, sight)
            near = [Seen(name, sight)]
            work.seen = (*work.seen, near[0])
        work.finding = near[0].finding

    def _count(
        self, place: Place, seen: Seen, *, feeds: bool, is_held: bool, now: datetime
    ) -> list[Sighting]:
        """Add one record; the sighting to write at once if this loader never told of it."""
        if not feeds and (seen.finding, place[5]) in self._told:
            return []
        told = (seen.finding, place[5])
        if told not in self._told:
            if len(self._told) > _SHAPES_KEPT:
                self._told.clear()
            self._told.add(told)
            tally = _Tally(seen.sight, int(feeds), int(feeds and is_held))
            return [_sighting(place, seen.finding, tally, now)]
        tally = self._tallies.setdefault((place, seen.finding), _Tally(seen.sight))
        tally.count += 1
        tally.held += is_held
        return []

    def _sample(self, place: Place, work: Work, number: int) -> None:
        sample = self._samples.get(place)
        if sample is None:
            sample = self._samples[place] = _Sample()
        sample.records += 1
        if number <= _FIRST or number % _EVERY == 0:
            plan = self._watched[id(work.tried), work.scope].plan
            sample.profile.observe(work.payload_json, plan)


def _covers(pointer: str, path: str) -> bool:
    """Whether a change at `pointer` explains what was wrong at `path`."""
    return path == pointer or path.startswith(f"{pointer}/") or pointer.startswith(f"{path}/")


def _sighting(place: Place, name: str, tally: _Tally, now: datetime) -> Sighting:
    merchant, scope, platform, entity, source_key, version = place
    sight = tally.sight
    detail = {**sight.detail, **({"member": sight.member} if sight.member else {})}
    return Sighting(
        name, merchant, scope, platform, entity, source_key, sight.kind.value, sight.pointer,
        detail, version, tally.count, tally.held, now,
    )  # fmt: skip
