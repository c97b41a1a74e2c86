"""What `hub keys list` shows: ids, what is active, how much is under each key; never a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hub.crm.erasure import index_keys_of_tombstones
from hub.database.engine import driver, store_errors
from hub.ops import index_rotation
from hub.ops.index_rotation import IndexState
from hub.privacy.keyring import KeyRing
from hub.steps.keys.reseal import count_sealed


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key. `values` sealed under it, None where nobody counted; `note`: what it is still needed for."""

    use: str
    id: int | None
    active: bool
    values: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class KeyOverview:
    """Every key of the ring, and how far a rotation of the blind index is."""

    keys: tuple[KeyFacts, ...]
    phase: str | None = None
    leads_passed: int | None = None


def ring_overview(ring: KeyRing) -> KeyOverview:
    """What the ring alone tells."""
    return _overview(ring, None, None, set())


def key_overview(engine: sa.Engine, ring: KeyRing) -> KeyOverview:
    """The ring against the store; counts what every sealing key sealed, which reads all tables.

    Raises:
        StoreAwayError: the database does not answer.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        return _overview(
            ring,
            index_rotation.index_state(raw),
            count_sealed(raw),
            index_keys_of_tombstones(raw),
        )


def _overview(
    ring: KeyRing,
    state: IndexState | None,
    counts: Mapping[int, int] | None,
    tombstones: set[int],
) -> KeyOverview:
    sealing = [
        KeyFacts(
            "sealing",
            number,
            number == ring.active,
            None if counts is None else counts.get(number, 0),
        )
        for number in sorted(ring.sealing)
    ]
    active = state.active if state else ring.index_active
    index = [
        KeyFacts("index", number, number == active, None, _note(number, state, tombstones))
        for number in sorted(ring.index)
    ]
    keys = (*sealing, *index, KeyFacts("id", None, True))
    if state is None:
        return KeyOverview(keys)
    return KeyOverview(keys, state.phase, state.leads if state.renews is not None else None)


def _note(number: int, state: IndexState | None, tombstones: set[int]) -> str:
    notes = []
    if state is not None and number == state.renews:
        notes.append("being rotated away")
    if state is not None and (kept := state.kept.get(str(number), 0)):
        notes.append(f"{kept} stopped keys of splits")
    if number in tombstones:
        notes.append("tombstones")
    return ", ".join(notes)
