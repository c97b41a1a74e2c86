"""What a loader keeps of a source while it watches: shapes it has seen, counts since the last flush."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hub.drift.kinds import Sight, finding_id
from hub.drift.profile import Profile, ProfilePlan
from hub.drift.shape import ShapeReader
from hub.mapping.compile import CompiledMapping
from hub.steps.prepare import Seen

SHAPES_KEPT = 4096

Shape: TypeAlias = tuple[tuple[Seen, ...], bool]
"""What a payload of this structure shows, and whether the contract is known to accept it."""


@dataclass(slots=True)
class Tally:
    """How often a source showed a change since the last flush.

    `shown` and `of` are of records that came for the first time alone: with the change, and in all.
    """

    sight: Sight
    count: int = 0
    held: int = 0
    shown: int = 0
    of: int = 0


@dataclass(slots=True)
class Shapes:
    """The structures of payloads that were seen under one mapping, for one scope."""

    mapping: CompiledMapping  # kept, so that its id stays its own
    scope: str
    reader: ShapeReader
    plan: ProfilePlan
    known: dict[Hashable, Shape] = field(default_factory=dict)

    @classmethod
    def of(cls, mapping: CompiledMapping, scope: str) -> Shapes:
        """Nothing seen yet."""
        reader = ShapeReader(mapping.contract, mapping.containers)
        return cls(mapping, scope, reader, ProfilePlan(mapping.contract, mapping.containers))

    def look_up(self, payload: dict[str, Any]) -> Shape:
        """The shape of a payload; analysed if it is new."""
        key = self.reader.key(payload)
        shape = self.known.get(key)
        if shape is None:
            seen = self.identified(self.reader.sights(payload))
            shape = seen, self.reader.decides and self.mapping.accepts(payload)
            if len(self.known) < SHAPES_KEPT:
                self.known[key] = shape
        return shape

    def identified(self, sights: Sequence[Sight]) -> tuple[Seen, ...]:
        """Sights with the findings they belong to."""
        platform, entity = self.mapping.platform, self.mapping.entity
        return tuple(
            Seen(finding_id(self.scope, platform, entity, sight), sight) for sight in sights
        )


@dataclass(slots=True)
class Watched:
    """One source under one mapping. `records` never falls; `fresh` are those since the last flush."""

    shapes: Shapes
    merchant: str
    source_key: str
    looked: int = 0
    records: int = 0
    fresh: int = 0
    profile: Profile = field(default_factory=Profile)
    tallies: dict[str, Tally] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)

    def add(self, payload: dict[str, Any] | None) -> None:
        """One more live record; its payload if it is to be profiled."""
        self.records += 1
        self.fresh += 1
        if payload is not None:
            self.profile.observe(payload, self.shapes.plan)

    def count(self, seen: Seen, *, is_held: bool, is_first: bool) -> None:
        """One more live record that shows this; `is_first`: it is no later revision."""
        tally = self.tallies.get(seen.finding)
        if tally is None:
            tally = self.tallies[seen.finding] = Tally(seen.sight)
        tally.count += 1
        tally.held += is_held
        if not is_first:
            return
        tally.shown += 1
        tally.of += self.records - self.counted.get(seen.finding, self.records - 1)
        self.counted[seen.finding] = self.records
