"""Take a key out of the ring once nothing needs it: the only place where a key is given up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from hub.crm.erasure import index_keys_of_tombstones
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.ops import index_rotation, key_checks
from hub.privacy.keyring import KeyRing
from hub.steps.keys.reseal import count_sealed
from hub.steps.keys.ring import key_file, remove_key
from hub.steps.spool_drain import count_spooled


def retire_sealing_key(
    engine: sa.Engine, ring: KeyRing, key_id: int, *, spool: Path, pause: Callable[[], None]
) -> None:
    """Take a sealing key out of the ring.

    Args:
        engine: The store.
        ring: The hub's keys.
        key_id: Which.
        spool: The folder of this machine's spools: what lies there is sealed, too.
        pause: Called before anything is counted: wait here until what other processes sealed before they saw
            the rotation is committed.

    Raises:
        ConfigError: something is sealed under it, deliveries wait in the spool, or it is the active one.
    """
    key_file()
    _require_known("sealing", key_id, ring.sealing, ring.active)
    pause()
    with store_errors(), engine.begin() as conn:
        index_rotation.own_index(driver(conn))  # waits for batches that are under way
    with store_errors(), engine.begin() as conn:
        sealed = count_sealed(driver(conn)).get(key_id, 0)
        spooled = sum(count_spooled(conn, spool).values())
    if sealed:
        raise ConfigError(
            f"{sealed} values are sealed under sealing key {key_id}: run `hub keys reseal` first"
        )
    if spooled:
        raise ConfigError(
            f"{spooled} deliveries wait in the spool: let `hub receive` drain it first"
        )
    _give_up(engine, "sealing", key_id)


def retire_index_key(engine: sa.Engine, ring: KeyRing, key_id: int, *, forget: bool) -> None:
    """Take an index key out of the ring.

    Args:
        engine: The store.
        ring: The hub's keys.
        key_id: Which.
        forget: Give up stopped keys of splits that are known under it only.

    Raises:
        ConfigError: it is in use, or something is known under it only and `forget` is not set.
    """
    key_file()
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        state = index_rotation.index_state(raw)
        active = state.active if state else ring.index_active
        renews = state.renews if state else None
        kept = state.kept if state else {}
        tombs = key_id in index_keys_of_tombstones(raw)
    _require_known("index", key_id, ring.index, active)
    if key_id == renews:
        raise ConfigError("the index is being rotated: run `hub keys rotate --index` to its end")
    if tombs:
        raise ConfigError(
            f"tombstones of erased persons are under index key {key_id}: without it an erased past would come back"
            " by a replay, so it stays in the ring"
        )
    left = kept.get(str(key_id), 0)
    if left and not forget:
        raise ConfigError(
            f"{left} stopped keys of splits are known under index key {key_id} only, since no lead has them now:"
            " keep it, or give them up with --forget"
        )
    with store_errors(), engine.begin() as conn:
        index_rotation.keep(driver(conn), {k: n for k, n in kept.items() if k != str(key_id)})
    _give_up(engine, "index", key_id)


def _require_known(use: str, key_id: int, keys: object, active: int) -> None:
    known = keys if isinstance(keys, dict) else {}
    if key_id not in known:
        raise ConfigError(f"{use} key {key_id} is not in the key ring; see `hub keys list`")
    if key_id == active:
        raise ConfigError(f"{use} key {key_id} is the active one; rotate first")


def _give_up(engine: sa.Engine, use: str, key_id: int) -> None:
    _forget(engine, use, key_id)
    remove_key(use, key_id)
    # Again: a process that started in between, with the key still in its ring, has remembered it.
    _forget(engine, use, key_id)


def _forget(engine: sa.Engine, use: str, key_id: int) -> None:
    with store_errors(), engine.begin() as conn:
        key_checks.forget_checks(driver(conn), [(use, key_id)])
