"""The key ring: sealing keys by id, blind-index keys by id, the id key that is never rotated."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import ConfigError, HubError
from hub.model.keys import HASHED_MOBILE
from hub.model.lead import IdentityKey, KeyKind

_NONCE = 12
_KEY_ID = 2
_KEY_BYTES = 32
_PHONE_HASH_PREFIX = b"phone-sha256:"
_CHECK = b"lead-hub key check"
_EVEN = 0x40
BLIND_BYTES = 16
FIRST_INDEX_KEY = 1


class UnsealError(HubError):
    """A sealed value cannot be opened: its key is not in the ring, or it was altered or moved."""


@dataclass(slots=True)  # not frozen: `fresh` may bring newer keys while a process runs
class KeyRing:
    """Keys in memory. Build one with `KeyRing.parse`; make new keys with `new_keys`.

    A sealed value is key id (2 bytes, big-endian), nonce (12), ciphertext and tag. The associated
    data ties it to its row, so that a value copied to another row does not open.

    `index_active` is the index key that new blind keys are made under; `renews` is the one before it
    while stored blind keys are moved from that to this; `kept` are older ones that a few stored keys are
    under for good. `fresh` gives the ring anew if its file has
    changed, else None: it is asked before sealing and looking up, and when a key is unknown. A ring that
    `is_bound` to a transaction takes over sealing keys only.
    """

    sealing: Mapping[int, bytes] = field(repr=False)
    active: int
    index: Mapping[int, bytes] = field(repr=False)
    id_key: bytes = field(repr=False)
    index_active: int = field(default=FIRST_INDEX_KEY, repr=False)
    renews: int | None = field(default=None, repr=False)
    kept: tuple[int, ...] = field(default=(), repr=False)
    fresh: Callable[[bool], KeyRing | None] | None = field(default=None, repr=False, compare=False)
    is_bound: bool = field(default=False, repr=False, compare=False)
    _ciphers: dict[int, AESGCM] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.active not in self.sealing:
            raise ConfigError("the active sealing key is not in the key ring: see `hub keys list`")
        if self.index_active not in self.index:
            raise ConfigError("the active index key is not in the key ring: see `hub keys list`")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in self.sealing.items()}

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> KeyRing:
        """A ring from its JSON form: `{active, sealing: {id: base64}, index_active, index: {id: base64}, id}`.

        `index` may be one key alone, as it was before index keys had ids: it is key 1.

        Raises:
            ConfigError: a key is missing or has the wrong length.
        """
        try:
            index = document["index"]
            if isinstance(index, str):
                index = {str(FIRST_INDEX_KEY): index}
            ring = cls(
                sealing=_decoded(document["sealing"]),
                active=int(str(document["active"])),
                index=_decoded(index),
                id_key=base64.b64decode(str(document["id"])),
                index_active=int(str(document.get("index_active", FIRST_INDEX_KEY))),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigError(
                "the key ring cannot be read; `hub keys new` prints a valid one"
            ) from error
        keys = [*ring.sealing.values(), *ring.index.values(), ring.id_key]
        if any(len(key) != _KEY_BYTES for key in keys):
            raise ConfigError("every key of the key ring has 32 bytes; see `hub keys new`")
        return ring

    @property
    def index_key(self) -> bytes:
        """The index key that new blind keys are made under."""
        return self.index[self.index_active]

    def refresh(self, *, force: bool = False) -> bool:
        """Take over what was added to or taken from the ring since it was read; whether anything was.

        Args:
            force: Look at once, also if it was looked at a moment ago.
        """
        newer = self.fresh(force) if self.fresh is not None else None
        if newer is None:
            return False
        # Ciphers before the id that names one of them: another thread may be sealing.
        self._ciphers = newer._ciphers
        self.sealing, self.active = newer.sealing, newer.active
        if not self.is_bound:
            self.index, self.index_active = newer.index, newer.index_active
        return True

    def using_index(
        self, active: int, renews: int | None = None, kept: tuple[int, ...] = ()
    ) -> KeyRing:
        """The same keys bound to a transaction, with blind keys under index key `active`; see `renews` and `kept`.

        Raises:
            ConfigError: the ring does not have one of them.
        """
        for key_id in (active, renews, *kept):
            if key_id is not None and key_id not in self.index:
                raise ConfigError(missing_key("index", key_id))
        return replace(self, index_active=active, renews=renews, kept=kept, is_bound=True)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """`plain` sealed under the active key and tied to `aad` (the row's id)."""
        if self.fresh is not None:
            self.refresh()
        return self._seal_under(self.active, plain, aad)

    def seal_many(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """`(plain, aad)` pairs sealed as `seal` does, with their nonces drawn at once."""
        if self.fresh is not None:
            self.refresh()
        active = self.active
        nonces = os.urandom(_NONCE * len(pairs))
        encrypt = self._ciphers[active].encrypt
        head = active.to_bytes(_KEY_ID, "big")
        sealed = []
        for n, (plain, aad) in enumerate(pairs):
            nonce = nonces[n * _NONCE : (n + 1) * _NONCE]
            sealed.append(head + nonce + encrypt(nonce, plain, aad))
        return sealed

    def unseal(self, sealed: bytes, aad: bytes) -> bytes:
        """The plaintext of `sealed`.

        Raises:
            UnsealError: unknown key id, altered, or sealed for another row.
        """
        key_id = sealing_key_of(sealed)
        if key_id not in self._ciphers:
            self.refresh(force=True)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnsealError(f"sealing key {key_id} is not in the key ring")
        try:
            start = _KEY_ID + _NONCE
            return cipher.decrypt(sealed[_KEY_ID:start], sealed[start:], aad)
        except (InvalidTag, ValueError) as error:
            raise UnsealError("a sealed value was altered or moved") from error

    def blind(self, merchant: str, key: IdentityKey) -> bytes:
        """The blind index of an identity key within a merchant, under the active index key.

        One byte of kind (with bit 0x40 under an index key of even id), sixteen of HMAC. A mobile goes
        through its SHA-256 first, so that a phone that a platform sends only as a hash meets the same
        phone in plain.
        """
        return self.blind_under(self.index_active, merchant, key)

    def blinds(self, merchant: str, key: IdentityKey) -> list[bytes]:
        """The blind index under every index key of the ring, the active one first: what look-ups ask for.

        More than one while the index is rotated, and until the older key is retired.
        """
        if self.fresh is not None:
            self.refresh()
        others = sorted((n for n in self.index if n != self.index_active), reverse=True)
        return [self.blind_under(n, merchant, key) for n in (self.index_active, *others)]

    def blind_under(self, index_id: int, merchant: str, key: IdentityKey) -> bytes:
        """The blind index under one index key of the ring."""
        value = key.value.encode()
        if key.kind is KeyKind.MOBILE:
            if key.value.startswith(HASHED_MOBILE):
                value = _PHONE_HASH_PREFIX + value[len(HASHED_MOBILE) :].lower()
            else:
                value = _PHONE_HASH_PREFIX + hashlib.sha256(value).hexdigest().encode()
        return self._blinded(index_id, key.kind, merchant, value)

    def blind_phone_hash(self, merchant: str, sha256_hex: str) -> bytes:
        """The blind index of a mobile known only by the SHA-256 of its E.164 form."""
        value = _PHONE_HASH_PREFIX + sha256_hex.lower().encode()
        return self._blinded(self.index_active, KeyKind.MOBILE, merchant, value)

    def synthetic_id(self, *parts: str) -> str:
        """A stable id for a record whose platform gives none: HMAC under the never-rotated id key."""
        text = b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)
        return hmac.digest(self.id_key, text, "sha256")[:16].hex()

    def sealing_check(self, key_id: int) -> bytes:
        """A value that only this sealing key opens; see `opens`."""
        return self._seal_under(key_id, _CHECK, _CHECK)

    def opens(self, check: bytes) -> bool:
        """Whether the ring's key opens what `sealing_check` gave."""
        try:
            return self.unseal(check, _CHECK) == _CHECK
        except UnsealError:
            return False

    def index_check(self, key_id: int) -> bytes:
        """A value that tells this index key from any other, and tells nothing else of it."""
        return hmac.digest(self.index[key_id], _CHECK, "sha256")[:BLIND_BYTES]

    def id_check(self) -> bytes:
        """The same of the id key."""
        return hmac.digest(self.id_key, _CHECK, "sha256")[:BLIND_BYTES]

    def _seal_under(self, key_id: int, plain: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        ciphertext = self._ciphers[key_id].encrypt(nonce, plain, aad)
        return key_id.to_bytes(_KEY_ID, "big") + nonce + ciphertext

    def _blinded(self, index_id: int, kind: int, merchant: str, value: bytes) -> bytes:
        scope = merchant.encode()
        text = len(scope).to_bytes(4, "big") + scope + value
        first = kind if index_id & 1 else kind | _EVEN
        return bytes((first,)) + hmac.digest(self.index[index_id], text, "sha256")[:BLIND_BYTES]


def is_under(blind: bytes, index_id: int) -> bool:
    """Whether a blind key can be one of that index key, as opposed to the one before or after it."""
    return bool(blind[0] & _EVEN) == (index_id % 2 == 0)


def sealing_key_of(sealed: bytes) -> int:
    """The id of the key that sealed a value."""
    return int.from_bytes(sealed[:_KEY_ID], "big")


def missing_key(use: str, key_id: int) -> str:
    """What to say of a key that is not in the ring."""
    return (
        f"{use} key {key_id} is not in the key ring, and the data needs it: restore the ring from its"
        " backup, or give this process the ring that `hub keys rotate` wrote"
    )


def new_key() -> str:
    """A fresh key as a ring's JSON form has it."""
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode()


def new_keys() -> dict[str, object]:
    """A fresh key ring in its JSON form."""
    return {
        "active": 1,
        "sealing": {"1": new_key()},
        "index_active": FIRST_INDEX_KEY,
        "index": {str(FIRST_INDEX_KEY): new_key()},
        "id": new_key(),
    }


def _decoded(keys: object) -> dict[int, bytes]:
    if not isinstance(keys, Mapping):
        raise TypeError("keys")
    return {int(number): base64.b64decode(str(key)) for number, key in keys.items()}
