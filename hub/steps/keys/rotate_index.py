"""Move the blind index to a new key while loaders run: expand, backfill, contract.

At every moment a key stands in one place only, under the old index key or the new one, and every batch looks
for it under both, so there is no moment at which one phone makes two contacts. What is left to do is read from
the store: a rotation that was killed anywhere is simply called again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy as sa

from hub.crm import rotation
from hub.crm.leads import RevisionRow, lock_merchants, revisions_of_records
from hub.crm.rotation import KeyedLead
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.finance import rotation as finance_rotation
from hub.ops import index_rotation, key_checks
from hub.ops.index_rotation import IndexState, Phase
from hub.privacy.keyring import KeyRing, is_under
from hub.steps.finance.document_keys import document_keys, stated
from hub.steps.keys.index_ring import BlindKeys, ring_for
from hub.steps.keys.ring import add_index_key
from hub.steps.lead_rows import revision_aad

BATCH = 500
_SPANS = 5000
_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is: the phase, leads passed, and about how many there are."""

    phase: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: the index key now active, leads that it passed, `kept`: stopped keys that no lead has
    any more, so that only the old index key knows them."""

    active: int
    leads: int
    kept: int


OnProgress = Callable[[Progress], None]


def rotate_index(
    engine: sa.Engine,
    ring: KeyRing,
    *,
    clock: Callable[[], datetime],
    pause: Callable[[], None],
    on_progress: OnProgress = lambda _: None,
) -> Rotated:
    """Make a new index key the active one, or end a rotation that was cut off.

    Args:
        engine: The store; loaders may be running.
        ring: The hub's keys, from a file that may be changed.
        clock: Gives the aware current instant.
        pause: Called once the new key is in the file, before anything is written under it: wait here until
            other processes of this machine have looked at the file (`LOOKS_EVERY_S`).
        on_progress: Called after each batch.

    Raises:
        ConfigError: the ring cannot be changed, or leads hold keys that their documents no longer give.
        WrongKeysError: the ring lacks a key that the data is under.
    """
    state = _state(engine, ring)
    if state.renews is None:
        _expand(engine, ring, state, clock, pause)
    _move_documents(engine, ring)
    _backfill(engine, ring, clock, on_progress)
    _move_parties(engine, ring)
    _contract(engine, ring, clock, on_progress)
    return _finish(engine, clock)


def index_state(engine: sa.Engine, ring: KeyRing) -> IndexState:
    """Which index key is active, and how far a rotation is."""
    return _state(engine, ring)


def _state(engine: sa.Engine, ring: KeyRing) -> IndexState:
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        index_rotation.begin_index(raw, ring.index_active)
        state = index_rotation.index_state(raw)
    if state is None:
        raise ConfigError("the store has no state of the blind index; run `hub migrate`")
    return state


def _expand(
    engine: sa.Engine,
    ring: KeyRing,
    state: IndexState,
    clock: Callable[[], datetime],
    pause: Callable[[], None],
) -> None:
    """The new key into the ring, then, between batches, into use."""
    wanted = add_index_key(state.active + 1)
    ring.refresh(force=True)
    pause()
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        index_rotation.own_index(raw)
        now = index_rotation.index_state(raw)
        if now is not None and now.renews is None and now.active == state.active:
            key_checks.add_checks(raw, {("index", wanted): ring.index_check(wanted)})
            index_rotation.begin_rotation(raw, wanted, state.active, clock())


def _backfill(
    engine: sa.Engine, ring: KeyRing, clock: Callable[[], datetime], on_progress: OnProgress
) -> None:
    """Every lead's keys under the new index key, in order of id; new leads are written so already."""
    with _turn(engine, ring) as (raw, _, state):
        total = rotation.count_leads(raw)
        if state.phase == Phase.BACKFILL and state.stuck:  # somebody may have replayed them
            index_rotation.advance(raw, None, 0, 0, clock())
    while True:
        with _turn(engine, ring) as (raw, bound, state):
            if state.phase != Phase.BACKFILL:
                return
            batch = rotation.leads_after(raw, state.cursor, BATCH)
            if not batch:
                _end_backfill(raw, state, clock())
                return
            stuck = state.stuck + _move_leads(raw, bound, batch)
            done = state.leads + len(batch)
            index_rotation.advance(raw, batch[-1][0], done, stuck, clock())
        on_progress(Progress(state.phase, done, max(total, done)))


def _end_backfill(raw: psycopg.Connection[Any], state: IndexState, now: datetime) -> None:
    if state.stuck:
        raise ConfigError(
            f"{state.stuck} leads hold a key that their documents no longer give (an older release did not keep"
            " hashed phones): `hub replay` their sources, then run this again; until then both index keys are used"
        )
    index_rotation.begin_contract(raw, now)


def _move_leads(
    raw: psycopg.Connection[Any], ring: KeyRing, batch: Sequence[tuple[UUID, str]]
) -> int:
    """Leads of a batch, with all their revisions; how many still hold an old key."""
    lock_merchants(raw, [merchant for _, merchant in batch])
    leads = rotation.keyed_leads(raw, [lead for lead, _ in batch])
    by_id = {lead.id: lead for lead in leads}
    records = [record for lead in leads for record in lead.revisions]
    revisions: dict[UUID, list[RevisionRow]] = {lead.id: [] for lead in leads}
    for row in revisions_of_records(raw, records):
        if row.lead_id in by_id:
            revisions[row.lead_id].append(row)
    stuck = 0
    for merchant in sorted({lead.merchant for lead in leads}):
        own = [lead for lead in leads if lead.merchant == merchant]
        stuck += _move_merchants(raw, BlindKeys(ring, merchant), ring, own, revisions)
    return stuck


def _move_merchants(
    raw: psycopg.Connection[Any],
    keys: BlindKeys,
    ring: KeyRing,
    leads: Sequence[KeyedLead],
    revisions: Mapping[UUID, list[RevisionRow]],
) -> int:
    rows = [(lead, row) for lead in leads for row in revisions[lead.id]]
    stored = [*(lead.keys for lead in leads), *(row.keys for _, row in rows)]
    keys.settle(raw, (_document(ring, lead, row) for lead, row in rows), stored)
    changed = [(lead.id, keys.renewed(lead.keys)) for lead in leads]
    rotation.write_lead_keys(
        raw,
        [(one, new) for (one, new), lead in zip(changed, leads, strict=True) if new != lead.keys],
    )
    rotation.write_revision_keys(
        raw,
        [
            (row.record_id, row.ordinal, new)
            for _, row in rows
            if (new := keys.renewed(row.keys)) != row.keys
        ],
    )
    old = ring.renews or 0
    return sum(1 for _, new in changed if any(is_under(key, old) for key in new))


def _document(ring: KeyRing, lead: KeyedLead, row: RevisionRow) -> Mapping[str, Any]:
    if row.sealed is None:
        plain = ring.unseal(lead.sealed, lead.id.bytes)
    else:
        plain = ring.unseal(row.sealed, revision_aad(row.record_id, row.ordinal))
    found: Mapping[str, Any] = _json.decode(plain)
    return found


def _move_parties(engine: sa.Engine, ring: KeyRing) -> None:
    """Companies that other documents than leads state."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        with _turn(engine, ring) as (raw, bound, state):
            if state.renews is None:
                return
            rows = rotation.parties_after(raw, after, BATCH)
            lock_merchants(raw, [merchant for _, merchant, _ in rows])
            for party, merchant, sealed in rows:
                stated = _json.decode(bound.unseal(sealed, party.bytes))
                BlindKeys(bound, merchant).settle(raw, [stated], [])
            after = rows[-1][0] if rows else None


def _move_documents(engine: sa.Engine, ring: KeyRing) -> None:
    """Business documents first, with the spans of whom they name: they are found by these keys."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        with _turn(engine, ring) as (raw, bound, state):
            if state.renews is None:
                return
            rows = finance_rotation.keyed_documents(raw, after, BATCH)
            lock_merchants(raw, [merchant for _, merchant, _ in rows])
            moved = []
            for document, merchant, sealed in rows:
                doc = _json.decode(bound.unseal(sealed, document.bytes))
                BlindKeys(bound, merchant).settle(raw, [stated(doc)], [])
                keys = document_keys(bound, merchant, doc)
                moved.append((document, keys.person or None, keys.party or None))
            finance_rotation.write_keys(raw, moved)
            after = rows[-1][0] if rows else None


def _contract(
    engine: sa.Engine, ring: KeyRing, clock: Callable[[], datetime], on_progress: OnProgress
) -> None:
    """What is left under the old index key, and no lead has: spans, and strong keys beside a span."""
    with _turn(engine, ring) as (raw, _, state):
        if state.phase != Phase.CONTRACT:
            return
        owners = rotation.merchants(raw)
    for merchant in owners:
        for _ in _contract_merchant(engine, ring, merchant):
            on_progress(Progress(Phase.CONTRACT, state.leads, state.leads))


def _contract_merchant(engine: sa.Engine, ring: KeyRing, merchant: str) -> Iterator[None]:
    after: tuple[bytes, int] | None = (b"", -1)
    while after is not None:
        with _turn(engine, ring) as (raw, _, state):
            if state.renews is None:
                return
            lock_merchants(raw, [merchant])
            after = rotation.renew_beside(raw, merchant, after, state.renews, _SPANS)
        yield
    gone = _SPANS
    while gone == _SPANS:
        with _turn(engine, ring) as (raw, _, state):
            if state.renews is None:
                return
            lock_merchants(raw, [merchant])
            gone = rotation.drop_spans_under(raw, merchant, state.renews, _SPANS)
        yield


def _finish(engine: sa.Engine, clock: Callable[[], datetime]) -> Rotated:
    """Between batches: nothing is read under the old index key any more."""
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        index_rotation.own_index(raw)
        state = index_rotation.index_state(raw)
        if state is None:
            raise ConfigError("the store has no state of the blind index; run `hub migrate`")
        if state.renews is None or state.phase != Phase.CONTRACT:
            kept = state.kept.get(str(state.active - 1), 0)
            return Rotated(state.active, state.leads, kept)
        kept = rotation.count_stops_under(raw, state.renews)
        all_kept = {**state.kept, str(state.renews): kept} if kept else state.kept
        rotation.forget_pairs(raw)
        index_rotation.end_rotation(raw, all_kept, clock())
    return Rotated(state.active, state.leads, kept)


@contextmanager
def _turn(
    engine: sa.Engine, ring: KeyRing
) -> Iterator[tuple[psycopg.Connection[Any], KeyRing, IndexState]]:
    """A transaction of the rotation: alone among rotations, beside loaders. The ring is bound to the state."""
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        bound = ring_for(raw, ring)
        state = index_rotation.index_state(raw, for_update=True)
        if state is None:
            raise ConfigError("the store has no state of the blind index; run `hub migrate`")
        yield raw, bound, state
