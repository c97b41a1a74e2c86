"""What a loader sees of drift while it maps: structure of every payload, a profile of some of them.

A payload's structure is looked up by a cheap key; an unseen one is analysed once. What changed gets the id
of its finding, so that records can be marked and held with it without asking anybody. Sights and profiles
gather here and are written about once a second; the first sight of a finding goes with its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

from hub.drift.kinds import Kind, Sight
from hub.drift.profile import Profile
from hub.mapping.compile import CompiledMapping
from hub.model.outcome import IN_CRM, HeldReason, Outcome
from hub.ops.sightings import ProfileDelta, Sighting, add_deltas, add_sightings
from hub.steps.drift.watched import SHAPES_KEPT, Shapes, Tally, Watched
from hub.steps.prepare import Work

PROFILES_EVERY = timedelta(seconds=5)
# Of each batch and source, the first few and every 32nd live record are profiled.
_FIRST, _EVERY = 4, 32
_MAPPINGS_KEPT = 1000
_KIND_OF_REASON: dict[str, Kind] = {
    HeldReason.MISSING: Kind.FIELD_MISSING,
    HeldReason.INVALID_VALUE: Kind.FORMAT_CHANGED,
    HeldReason.CONTRACT: Kind.FORMAT_CHANGED,
}


class Observer:
    """One per loader. `dismissed` are findings that nobody wants to hear of: they mark nothing.

    `has_news`: a finding was seen for the first time and nobody has evaluated it yet.
    """

    def __init__(self) -> None:
        self.dismissed: frozenset[str] = frozenset()
        self.has_news = False
        self._shapes: dict[tuple[int, str], Shapes] = {}
        self._watched: dict[tuple[int, str, str], Watched] = {}
        self._told: set[tuple[str, str]] = set()
        self._flushed_at: datetime | None = None

    def look(
        self,
        work: Work,
        payload: Any,  # noqa: ANN401 -- any JSON value
        mapping: CompiledMapping,
        scope: Callable[[], str],
    ) -> bool:
        """Note on a work what its payload shows; whether the contract is known to accept it.

        Before it is mapped, so that a held one has it, too. `scope` is asked once per source and mapping.
        """
        if type(payload) is not dict:
            return False
        watched = self._watched.get((id(mapping), work.merchant, work.source_key))
        if watched is None:
            watched = self._watch(work, mapping, scope())
        shapes = watched.shapes
        work.seen, is_accepted = shapes.look_up(payload)
        members = shapes.reader.members(payload)
        if members:
            work.seen += shapes.identified(members)
        work.tried, work.watched = mapping, watched
        if work.live:
            watched.looked += 1
            # The others are not kept: memory that is used again at once is fast.
            if watched.looked <= _FIRST or watched.looked % _EVERY == 0:
                work.payload_json = payload
        return is_accepted

    def take_in(self, conn: psycopg.Connection[Any], works: Sequence[Work], now: datetime) -> None:
        """Count what a finished batch showed; a finding's first sight is written in its transaction."""
        first: list[Sighting] = []
        for work in works:
            watched: Watched | None = work.watched
            if watched is None:
                continue
            outcome = work.outcome
            feeds = work.live and outcome in (Outcome.LOADED, Outcome.HELD)
            if feeds:
                watched.add(work.payload_json)
            if outcome == Outcome.HELD:
                self._name_reason(work, watched.shapes)
            if work.seen:
                first += self._sightings(work, watched, feeds=feeds, now=now)
        for watched in self._watched.values():
            watched.looked = 0
        if first:
            self.has_news = True
            add_sightings(conn, first)

    def flush(self, conn: psycopg.Connection[Any], now: datetime, *, force: bool = False) -> None:
        """Write down what was gathered: sights each time, profiles every few seconds."""
        self.has_news = False
        add_sightings(conn, list(self._tallied(now)))
        if not force and self._flushed_at and now - self._flushed_at < PROFILES_EVERY:
            return
        self._flushed_at = now
        add_deltas(conn, list(self._deltas(now)))

    def marks(self, work: Work) -> list[str]:
        """The findings that a loaded record is marked with."""
        if not work.seen or work.outcome not in IN_CRM:
            return []
        return [seen.finding for seen in work.seen if seen.finding not in self.dismissed]

    def _watch(self, work: Work, mapping: CompiledMapping, scope: str) -> Watched:
        if len(self._watched) > _MAPPINGS_KEPT:  # mappings that were live once
            self._watched.clear()
            self._shapes.clear()
        shapes = self._shapes.get((id(mapping), scope))
        if shapes is None:
            shapes = self._shapes[id(mapping), scope] = Shapes.of(mapping, scope)
        watched = Watched(shapes, work.merchant, work.source_key)
        self._watched[id(mapping), work.merchant, work.source_key] = watched
        return watched

    def _sightings(
        self, work: Work, watched: Watched, *, feeds: bool, now: datetime
    ) -> Iterator[Sighting]:
        """Count what one record shows; the sightings to write at once."""
        is_held = work.outcome == Outcome.HELD
        for seen in work.seen:
            told = (seen.finding, watched.shapes.mapping.name)
            if told in self._told:
                if work.live:
                    watched.count(seen, is_held=is_held, is_first=feeds)
                continue
            if len(self._told) > SHAPES_KEPT:
                self._told.clear()
            self._told.add(told)
            tally = Tally(
                seen.sight, int(work.live), int(feeds and is_held), int(feeds), int(feeds)
            )
            watched.counted[seen.finding] = watched.records
            yield _sighting(watched, seen.finding, tally, now)

    def _tallied(self, now: datetime) -> Iterator[Sighting]:
        for watched in self._watched.values():
            tallies, watched.tallies = watched.tallies, {}
            for name, tally in tallies.items():
                yield _sighting(watched, name, tally, now)

    def _deltas(self, now: datetime) -> Iterator[ProfileDelta]:
        for watched in self._watched.values():
            if watched.fresh:
                mapping = watched.shapes.mapping
                yield ProfileDelta(
                    watched.merchant, mapping.platform, mapping.entity, watched.source_key,
                    mapping.name, watched.fresh, watched.profile.as_json(), now,
                )  # fmt: skip
                watched.fresh, watched.profile = 0, Profile()

    @staticmethod
    def _name_reason(work: Work, shapes: Shapes) -> None:
        """Which of a held record's findings is why it is held; one more if none of them is."""
        kind = _KIND_OF_REASON.get(work.reason)
        if kind is None:
            return
        near = [s for s in work.seen if _covers(s.sight.pointer, work.path)]
        if not near and work.reason == HeldReason.CONTRACT and work.seen:
            near = [work.seen[0]]
        if not near:
            # One record alone says nothing of its platform; figures will, and then it is the same finding.
            near = list(shapes.identified([Sight(kind, work.path, detail={"suspected": True})]))
            work.seen = (*work.seen, near[0])
        work.finding = near[0].finding


def _covers(pointer: str, path: str) -> bool:
    """Whether a change at `pointer` explains what was wrong at `path`."""
    return path == pointer or path.startswith(f"{pointer}/") or pointer.startswith(f"{path}/")


def _sighting(watched: Watched, name: str, tally: Tally, now: datetime) -> Sighting:
    sight, mapping = tally.sight, watched.shapes.mapping
    detail = {**sight.detail, "shown": tally.shown, "of": tally.of}
    if sight.member:
        detail["member"] = sight.member
    return Sighting(
        name, watched.merchant, watched.shapes.scope, mapping.platform, mapping.entity,
        watched.source_key, sight.kind.value, sight.pointer, detail, mapping.name, tally.count,
        tally.held, now,
    )  # fmt: skip
