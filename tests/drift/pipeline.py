"""Detection as loader and evaluator do it, without a database: shape for each record, windows for profiles."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.drift.judge import required_now
from hub.drift.kinds import Kind, Sight
from hub.drift.memory import Memory
from hub.drift.moves import FieldFacts, find_moves
from hub.drift.profile import Profile, ProfilePlan
from hub.drift.shape import ShapeReader
from hub.registry.files import SchemaFiles
from tests.drift.payloads import CONTAINERS

FILES = SchemaFiles(Path(__file__).parents[2] / "schemas")
TICK = 50


@dataclass(slots=True)
class Detector:
    """One source. `sample`: every n-th payload is profiled; findings are kept once, with the newest sight."""

    contract: Mapping[str, Any]
    containers: Collection[str] = ()
    sample: int = 1
    found: dict[tuple[Kind, str, str], Sight] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    tick: int = TICK
    since_added: dict[str, Profile] = field(default_factory=dict)
    seen: int = 0
    _came: Profile = field(default_factory=Profile)
    _memo: dict[Hashable, tuple[Sight, ...]] = field(default_factory=dict)
    _reader: ShapeReader = field(init=False)
    _plan: ProfilePlan = field(init=False)

    def __post_init__(self) -> None:
        self._reader = ShapeReader(self.contract, self.containers)
        self._plan = ProfilePlan(self.contract, self.containers)

    @classmethod
    def of(cls, name: str, sample: int = 1) -> Detector:
        """The detector of the newest shipped contract of `douyin/clue` and the like."""
        return cls(FILES.newest_contract(f"raw/{name}"), CONTAINERS.get(name, ()), sample)

    def read(self, payloads: Iterable[dict[str, Any]]) -> None:
        """Take payloads one by one, judging as the evaluator's ticks do."""
        for payload in payloads:
            self._read(payload)
            if self.seen % self.tick == 0:
                self.judge()

    def learn(self) -> None:
        """Hold what came so far to be known: a person looked at it, or it was there from the start."""
        for window in (self.memory.waiting, self.memory.recent, self._came):
            self.memory.baseline.merge(window)
        self.memory.waiting, self.memory.recent, self._came = Profile(), Profile(), Profile()
        self.found.clear()
        self.since_added.clear()

    def judge(self) -> None:
        """One tick, as the evaluator has it: what came is judged, and becomes known window by window."""
        self.memory.add(self._came)
        self._came = Profile()
        sights = self.memory.judge(self.contract, self.containers)
        for sight in sights:
            self._keep(sight)
        self.memory.roll(is_changed=bool(sights))

    def labels(self) -> set[tuple[Kind, str]]:
        """Kind and pointer of all that was found; moves joined, and added fields that came to stay."""
        labels = {(kind, pointer) for kind, pointer, _ in self.found}
        for pointer, since in self.since_added.items():
            tally = since.fields.get(pointer)
            if tally and required_now(tally.filled, since.records):
                labels.discard((Kind.FIELD_ADDED, pointer))
                labels.add((Kind.FIELD_ADDED_REQUIRED, pointer))
        for source, target in self.moves():
            labels.discard((Kind.FIELD_MISSING, source))
            labels.add((Kind.FIELD_MOVED, source))
            kinds = (Kind.FIELD_ADDED, Kind.FIELD_ADDED_REQUIRED)
            labels -= {
                (kind, pointer)
                for kind, pointer in labels
                if kind in kinds and f"{target}/".startswith(f"{pointer}/")
            }
        return labels

    def moves(self) -> list[tuple[str, str]]:
        """What stood at the one stands at the other."""
        missing = [p for kind, p, _ in self.found if kind is Kind.FIELD_MISSING]
        added = tuple(f"{p}/" for kind, p, _ in self.found if kind is Kind.FIELD_ADDED)
        inside = (
            [p for p in self.memory.recent.fields if f"{p}/".startswith(added)] if added else []
        )
        found = find_moves(
            [self._facts(p, self.memory.baseline) for p in missing],
            [self._facts(p, self.memory.recent) for p in inside],
        )
        return [(move.source, move.target) for move in found]

    def _facts(self, pointer: str, profile: Profile) -> FieldFacts:
        schema: Any = self.contract
        for step in pointer.split("/")[1:]:
            schema = schema.get("properties", {}).get(step, {}) if schema else {}
        tally = profile.fields.get(pointer)
        return FieldFacts(
            pointer,
            schema.get("x-label-zh", ""),
            tally.classes if tally else {},
            profile.share(pointer),
            schema.get("x-pii", ""),
        )

    def _read(self, payload: dict[str, Any]) -> None:
        self.seen += 1
        key = self._reader.key(payload)
        sights = self._memo.get(key)
        if sights is None:
            sights = self._reader.sights(payload)
            if len(self._memo) < 4096:
                self._memo[key] = sights
        for sight in (*sights, *self._reader.members(payload)):
            self._keep(sight)
        if self.seen % self.sample == 0:
            self._came.observe(payload, self._plan)
            for since in self.since_added.values():
                since.observe(payload, self._plan)

    def _keep(self, sight: Sight) -> None:
        self.found[sight.kind, sight.pointer, sight.member] = sight
        if sight.kind is Kind.FIELD_ADDED and sight.pointer not in self.since_added:
            self.since_added[sight.pointer] = Profile()
