"""The key ring: sealing keys by id, the blind-index key, the id key that is never rotated."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import ConfigError, HubError
from hub.model.lead import IdentityKey

_NONCE = 12
_KEY_ID = 2
_PHONE_HASH_PREFIX = b"phone-sha256:"
BLIND_BYTES = 16


class UnsealError(HubError):
    """A sealed value cannot be opened: its key is not in the ring, or it was altered or moved."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys in memory. Build one with `KeyRing.parse`; make new keys with `new_keys`.

    A sealed value is key id (2 bytes, big-endian), nonce (12), ciphertext and tag. The associated
    data ties it to its row, so that a value copied to another row does not open.
    """

    sealing: Mapping[int, bytes] = field(repr=False)
    active: int
    index_key: bytes = field(repr=False)
    id_key: bytes = field(repr=False)
    _ciphers: dict[int, AESGCM] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.active not in self.sealing:
            raise ConfigError("the active sealing key is not in the key ring: see `hub keys list`")
        for key_id, key in self.sealing.items():
            self._ciphers[key_id] = AESGCM(key)

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> KeyRing:
        """A ring from its JSON form: `{active, sealing: {id: base64}, index, id}`.

        Raises:
            ConfigError: a key is missing or has the wrong length.
        """
        try:
            sealing_doc = document["sealing"]
            if not isinstance(sealing_doc, Mapping):
                raise TypeError("sealing")
            sealing = {int(k): base64.b64decode(str(v)) for k, v in sealing_doc.items()}
            ring = cls(
                sealing=sealing,
                active=int(str(document["active"])),
                index_key=base64.b64decode(str(document["index"])),
                id_key=base64.b64decode(str(document["id"])),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigError(
                "the key ring cannot be read; `hub keys new` prints a valid one"
            ) from error
        if any(len(k) != 32 for k in [*ring.sealing.values(), ring.index_key, ring.id_key]):
            raise ConfigError("every key of the key ring has 32 bytes; see `hub keys new`")
        return ring

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """`plain` sealed under the active key and tied to `aad` (the row's id)."""
        nonce = os.urandom(_NONCE)
        ciphertext = self._ciphers[self.active].encrypt(nonce, plain, aad)
        return self.active.to_bytes(_KEY_ID, "big") + nonce + ciphertext

    def seal_many(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """`(plain, aad)` pairs sealed as `seal` does, with their nonces drawn at once."""
        nonces = os.urandom(_NONCE * len(pairs))
        encrypt = self._ciphers[self.active].encrypt
        head = self.active.to_bytes(_KEY_ID, "big")
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
        key_id = int.from_bytes(sealed[:_KEY_ID], "big")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnsealError(f"sealing key {key_id} is not in the key ring")
        try:
            start = _KEY_ID + _NONCE
            return cipher.decrypt(sealed[_KEY_ID:start], sealed[start:], aad)
        except (InvalidTag, ValueError) as error:
            raise UnsealError("a sealed value was altered or moved") from error

    def blind(self, merchant: str, key: IdentityKey) -> bytes:
        """The blind index of an identity key within a merchant: 1 byte kind, 16 bytes HMAC.

        A mobile goes through its SHA-256 first, so that a phone that a platform sends only as a
        hash meets the same phone in plain (`blind_phone_hash`).
        """
        value = key.value.encode()
        if key.kind == 5:
            value = _PHONE_HASH_PREFIX + hashlib.sha256(value).hexdigest().encode()
        return bytes((key.kind,)) + self._hmac(merchant, value)

    def blind_phone_hash(self, merchant: str, sha256_hex: str) -> bytes:
        """The blind index of a mobile known only by the SHA-256 of its E.164 form."""
        return b"\x05" + self._hmac(merchant, _PHONE_HASH_PREFIX + sha256_hex.lower().encode())

    def synthetic_id(self, *parts: str) -> str:
        """A stable id for a record whose platform gives none: HMAC under the never-rotated id key."""
        text = b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)
        return hmac.digest(self.id_key, text, "sha256")[:16].hex()

    def _hmac(self, merchant: str, value: bytes) -> bytes:
        scope = merchant.encode()
        return hmac.digest(
            self.index_key, len(scope).to_bytes(4, "big") + scope + value, "sha256"
        )[:BLIND_BYTES]


def new_keys() -> dict[str, object]:
    """A fresh key ring in its JSON form."""

    def key() -> str:
        return base64.b64encode(os.urandom(32)).decode()

    return {"active": 1, "sealing": {"1": key()}, "index": key(), "id": key()}
