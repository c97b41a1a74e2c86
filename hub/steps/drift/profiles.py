"""Profiles of sources: deltas of all loaders added up, judged against what is known, joined into moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.drift.kinds import Kind, Sight, State, finding_id
from hub.drift.memory import Memory
from hub.drift.moves import FieldFacts, find_moves
from hub.drift.profile import Profile
from hub.ops.profiles import StoredProfile, profiles_of, read_profiles, write_profiles
from hub.ops.sightings import ProfileDelta, Sighting
from hub.registry import findings
from hub.registry.findings import Finding
from hub.steps.drift.sighted import Ledger
from hub.steps.mappings import LiveMappings

# A window that fills slowly becomes known when it is so old.
WINDOW_AGE = timedelta(days=1)
_ADDED = (Kind.FIELD_ADDED, Kind.FIELD_ADDED_REQUIRED)


class Profiles:
    """What sources look like, for the evaluator; call it inside its transaction."""

    def __init__(self, mappings: LiveMappings) -> None:
        self._mappings = mappings

    def take_in(
        self, conn: sa.Connection, deltas: Sequence[ProfileDelta], now: datetime
    ) -> list[Sighting]:
        """Add deltas up, and say what figures show to have changed."""
        grouped: dict[tuple[str, str], list[ProfileDelta]] = defaultdict(list)
        for delta in deltas:
            grouped[delta.source_key, delta.entity].append(delta)
        if not grouped:
            return []
        stored = read_profiles(conn, sorted(grouped))
        known = self._decided(conn)
        found: list[Sighting] = []
        changed: list[StoredProfile] = []
        for key, came in grouped.items():
            row = stored.get(key) or _fresh(came[0], now)
            row, sightings = self._one(row, came, known, now)
            changed.append(row)
            found += sightings
        write_profiles(conn, changed)
        return found

    def join_moves(self, conn: sa.Connection, ledger: Ledger) -> None:
        """A field that is missing and one that came and looks like it are one change."""
        places: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
        for finding in ledger.known.values():
            if finding.state == State.OPEN:
                places[finding.merchant, finding.platform, finding.entity].append(finding)
        for (_, platform, entity), found in places.items():
            gone = [f for f in found if f.kind == Kind.FIELD_MISSING]
            came = [f for f in found if f.kind in _ADDED]
            if gone and came and ledger.changed & {f.id for f in (*gone, *came)}:
                rows = profiles_of(conn, platform, entity)
                _join(ledger, gone, came, _facts(rows, gone, came))

    def _one(
        self,
        row: StoredProfile,
        came: Sequence[ProfileDelta],
        decided: Mapping[str, Finding],
        now: datetime,
    ) -> tuple[StoredProfile, list[Sighting]]:
        memory, version = _memory(row), came[-1].mapping_version
        if row.baseline.get("version", version) != version:
            memory.renew()
        for delta in came:
            memory.add(Profile.from_json(delta.body))
        since, last = row.recent_since, came[-1]
        sights = self._judge(memory, last)
        settled = [s for s in sights if self._is_settled(s, last, decided, row.updated_at)]
        memory.learn([sight.pointer for sight in settled])
        fresh = [s for s in sights if s not in settled]
        count = sum(delta.records for delta in came)
        sightings = [self._sighting(sight, last, count, now) for sight in fresh]
        if memory.roll(is_changed=bool(fresh), is_old=now - since >= WINDOW_AGE):
            since = now
        updated = replace(
            row,
            baseline={
                **memory.baseline.as_json(),
                "version": version,
                "waiting": memory.waiting.as_json(),
            },
            recent=memory.recent.as_json(),
            recent_since=since,
            updated_at=now,
        )
        return updated, sightings

    def _judge(self, memory: Memory, of: ProfileDelta) -> list[Sight]:
        mapping = self._mappings.get(of.merchant, of.platform, of.entity)
        return memory.judge(mapping.contract, mapping.containers) if mapping else []

    def _is_settled(
        self,
        sight: Sight,
        of: ProfileDelta,
        decided: Mapping[str, Finding],
        judged_at: datetime,
    ) -> bool:
        """Whether a person decided since the last look: what is there now is learned, once."""
        finding = decided.get(self._name(sight, of))
        if finding is None or finding.decided_at is None or finding.decided_at < judged_at:
            return False
        return finding.state == State.DISMISSED or finding.solved_by == of.mapping_version

    def _name(self, sight: Sight, of: ProfileDelta) -> str:
        scope = self._mappings.scope(of.merchant, of.platform, of.entity)
        return finding_id(scope, of.platform, of.entity, sight, of.source_key)

    def _sighting(self, sight: Sight, of: ProfileDelta, count: int, now: datetime) -> Sighting:
        scope = self._mappings.scope(of.merchant, of.platform, of.entity)
        return Sighting(
            self._name(sight, of), of.merchant, scope, of.platform, of.entity, of.source_key,
            sight.kind.value, sight.pointer, {**sight.detail, "by_figures": True},
            of.mapping_version, count, 0, now,
        )  # fmt: skip

    @staticmethod
    def _decided(conn: sa.Connection) -> dict[str, Finding]:
        states = (State.DISMISSED, State.SOLVED)
        return {row.id: row for row in findings.find_findings(conn, states=states, limit=5000)}


def _memory(row: StoredProfile) -> Memory:
    waiting = Profile.from_json(row.baseline.get("waiting", {}))
    return Memory(Profile.from_json(row.baseline), waiting, Profile.from_json(row.recent))


def _fresh(delta: ProfileDelta, now: datetime) -> StoredProfile:
    empty: dict[str, Any] = Profile().as_json()
    return StoredProfile(
        delta.source_key, delta.entity, delta.merchant, delta.platform, empty, empty, now, now
    )


def _facts(
    rows: Sequence[StoredProfile], gone: Iterable[Finding], came: Iterable[Finding]
) -> tuple[list[FieldFacts], list[FieldFacts]]:
    """What is known of the missing fields from before, and of the added ones (and what is in them) from now."""
    before, after = Profile(), Profile()
    for row in rows:
        before.merge(Profile.from_json(row.baseline))
        after.merge(Profile.from_json(row.recent))
    roots = [finding.pointer for finding in came]
    added = [
        pointer
        for pointer in after.fields
        if any(pointer == root or pointer.startswith(f"{root}/") for root in roots)
    ]
    lost = [finding.pointer for finding in gone if finding.pointer in before.fields]
    return [_fact(before, p) for p in lost], [_fact(after, p) for p in added]


def _fact(profile: Profile, pointer: str) -> FieldFacts:
    field = profile.fields[pointer]
    share = field.filled / profile.records if profile.records else 0.0
    return FieldFacts(pointer=pointer, classes=dict(field.classes), filled=share)


def _join(
    ledger: Ledger,
    gone: Sequence[Finding],
    came: Sequence[Finding],
    facts: tuple[list[FieldFacts], list[FieldFacts]],
) -> None:
    by_pointer = {finding.pointer: finding for finding in gone}
    for move in find_moves(*facts):
        lost = by_pointer[move.source]
        detail = {**lost.detail, "to": move.target, "reasons": list(move.reasons)}
        ledger.put(replace(lost, kind=Kind.FIELD_MOVED.value, detail=detail), is_news=True)
        for finding in came:
            if move.target == finding.pointer or move.target.startswith(f"{finding.pointer}/"):
                part = {**finding.detail, "part_of": lost.id}
                ledger.put(replace(finding, state=State.JOINED.value, detail=part))
                ledger.news.discard(finding.id)
