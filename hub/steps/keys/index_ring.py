"""The key ring as a transaction has to use it: under the index key that the database says is the active one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from hub.crm import rotation
from hub.identity.companies import company_keys, domain_key
from hub.model.keys import identity_keys
from hub.model.lead import IdentityKey
from hub.ops import index_rotation
from hub.ops.index_rotation import IndexState
from hub.privacy.keyring import KeyRing, is_under, missing_key
from hub.steps.keys.check import WrongKeysError


def ring_for(conn: psycopg.Connection[Any], ring: KeyRing) -> KeyRing:
    """`ring` for reading and writing blind keys until this transaction ends; the index key stays till then.

    Raises:
        WrongKeysError: the ring lacks a key that the data is under, also after its file was read again.
    """
    index_rotation.share_index(conn)
    state = index_rotation.index_state(conn)
    if state is None:
        return ring
    require_keys(ring, state)
    kept = tuple(sorted(int(key_id) for key_id in state.kept if int(key_id) in ring.index))
    return ring.using_index(state.active, state.renews, kept)


def require_keys(ring: KeyRing, state: IndexState) -> None:
    """Every index key that the state names is in the ring.

    Raises:
        WrongKeysError: one is not, also after the ring's file was read again.
    """
    for key_id in (state.active, state.renews):
        if key_id is None or key_id in ring.index:
            continue
        ring.refresh(force=True)
        if key_id not in ring.index:
            raise WrongKeysError(missing_key("index", key_id))


def canonical_keys(
    conn: psycopg.Connection[Any], ring: KeyRing
) -> tuple[KeyRing, Mapping[tuple[str, bytes], bytes]]:
    """For reading the whole store in one snapshot: a ring to blind with, and what its keys may have become.

    While the index is rotated a key of the store stands under the new index key if a pair of it is known,
    else under the key before; blinding under that and following the pairs gives just the same.

    Raises:
        WrongKeysError: the ring lacks a key that the data is under.
    """
    state = index_rotation.index_state(conn)
    if state is None:
        return ring, {}
    require_keys(ring, state)
    if state.renews is None:
        return ring.using_index(state.active), {}
    return ring.using_index(state.renews), rotation.all_pairs(conn)


class BlindKeys:
    """Blinds the keys of a merchant's leads, and brings what is stored under the key before along."""

    def __init__(self, ring: KeyRing, merchant: str) -> None:
        self._ring = ring
        self._merchant = merchant
        self._pairs: dict[bytes, bytes] = {}
        self._company_pairs: dict[bytes, bytes] = {}
        self._stops: dict[bytes, bytes] = {}
        self._settled: dict[bytes, bytes] = {}

    def of_lead(self, keys: Sequence[IdentityKey], document: Mapping[str, Any]) -> list[bytes]:
        """The keys of a lead that came, under the active index key."""
        ring, merchant = self._ring, self._merchant
        if ring.renews is not None:
            self.note(document)
        blind = [ring.blind(merchant, key) for key in keys]
        for index_id in ring.kept:
            kept = (ring.blind_under(index_id, merchant, key) for key in keys)
            self._stops.update(zip(kept, blind, strict=True))
        return blind

    def settle(
        self,
        conn: psycopg.Connection[Any],
        documents: Iterable[Mapping[str, Any]],
        stored: Iterable[Iterable[bytes]],
    ) -> None:
        """Learn what stored keys have become: from the documents that they were made of, else from the store.

        Spans and stopped keys of all that is known then stand under the active index key.
        """
        renews = self._ring.renews
        rotation.adopt_stops(conn, self._merchant, self._stops)
        if renews is None:
            return
        for document in documents:
            self.note(document)
        rotation.adopt(conn, self._merchant, self._pairs)
        rotation.adopt_companies(conn, self._merchant, self._company_pairs)
        left = {key for keys in stored for key in keys if is_under(key, renews)} - set(self._pairs)
        self._settled = {**self._pairs}
        if left:
            self._settled |= rotation.renewed(conn, self._merchant, left)

    def note(self, document: Mapping[str, Any]) -> None:
        """Learn the keys that a document gives, those of its company, too."""
        for key in identity_keys(document):
            self._pair(self._pairs, key)
        for key in company_keys(document):
            self._pair(self._company_pairs, key)
        if (domain := domain_key(document)) is not None:
            self._pair(self._company_pairs, domain)

    def renewed(self, keys: list[bytes]) -> list[bytes]:
        """Stored keys as they are now; one that nobody knows any more stays as it was."""
        if self._ring.renews is None:
            return keys
        return [self._settled.get(key, key) for key in keys]

    def _pair(self, pairs: dict[bytes, bytes], key: IdentityKey) -> bytes:
        new = self._ring.blind(self._merchant, key)
        if self._ring.renews is not None:
            pairs[self._ring.blind_under(self._ring.renews, self._merchant, key)] = new
        return new
