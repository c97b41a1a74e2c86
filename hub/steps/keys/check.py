"""Do the keys open the data? Asked at every start, before anything is written."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa

from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.inbox.sealed import newest_sealed
from hub.ops import index_rotation, key_checks
from hub.privacy.keyring import KeyRing, UnsealError
from hub.steps.keys.ring import has_keys, keys_place, open_keyring

_MEND = "restore the ring that this database was written with (docs/keys.md); nothing was written"

Checks = dict[tuple[str, int], bytes]
"""(use, key id) → what tells that key from any other."""


class WrongKeysError(ConfigError):
    """The key ring is not the one that the data was written with."""


def check_keys(engine: sa.Engine) -> None:
    """Refuse a ring that does not open this database; remember a ring that is new to it.

    Does nothing without a ring (a process that cannot read what is sealed), or before the schema is there.

    Raises:
        WrongKeysError: a key is missing or another one; the text says which, and what to do.
        ConfigError: the ring cannot be read.
        StoreAwayError: the database does not answer.
    """
    if not has_keys():
        return
    ring = open_keyring()
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        if not key_checks.are_there_checks(raw):
            return
        known = key_checks.key_checks(raw)
        if not known:
            _require_it_opens(raw, ring)
        require_keys(ring, known)
        missing = {key: value for key, value in _checks_of(ring).items() if key not in known}
        if missing:
            key_checks.add_checks(raw, missing)
            require_keys(ring, key_checks.key_checks(raw))  # another process may have been faster
        if index_rotation.index_state(raw) is None:
            index_rotation.begin_index(raw, ring.index_active)


def _checks_of(ring: KeyRing) -> Checks:
    sealing = {("sealing", number): ring.sealing_check(number) for number in ring.sealing}
    index = {("index", number): ring.index_check(number) for number in ring.index}
    return {**sealing, **index, ("id", 0): ring.id_check()}


def require_keys(ring: KeyRing, known: Checks) -> None:
    """Every key that the data needs is in the ring, and is the same key.

    Raises:
        WrongKeysError: a key is missing or another one; the text says which, and what to do.
    """
    for (use, number), value in known.items():
        keys = {"sealing": ring.sealing, "index": ring.index, "id": {0: ring.id_key}}[use]
        name = "id key" if use == "id" else f"{use} key {number}"
        if number not in keys:
            raise WrongKeysError(f"{keys_place()}: {name} is missing: {_MEND}")
        is_same = ring.opens(value) if use == "sealing" else _checks_of(ring)[use, number] == value
        if not is_same:
            raise WrongKeysError(
                f"{keys_place()}: {name} is not the one that this data is under: {_MEND}"
            )


def _require_it_opens(raw: psycopg.Connection[Any], ring: KeyRing) -> None:
    """A database of a release that kept no checks: try the newest record."""
    found = newest_sealed(raw)
    if found is None:
        return
    try:
        ring.unseal(found[1], found[0].bytes)
    except UnsealError as error:
        raise WrongKeysError(f"{keys_place()}: {error}: {_MEND}") from None
