"""The callback's encryption (notes §1.1): AES-256-CBC under the EncodingAESKey, padded to 32 bytes. Pure.

Plaintext is 16 random bytes, the message's length (4 bytes, big-endian), the message, the receiver's id.
CBC proves nothing by itself: verify the signature first, decrypt then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hub.errors import HubError

KEY_CHARACTERS = 43
_BLOCK = 32  # PKCS#7 over 32 bytes: a library's un-padder stops at 16
_AES_BLOCK = 16
_RANDOM = 16
_LENGTH = 4
_HEAD = _RANDOM + _LENGTH


class CryptoError(HubError):
    """A callback that cannot be decrypted, or is not for us; `reason` is one word for machines."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the callback cannot be read: {reason}")
        self.reason = reason


def aes_key(encoding_aes_key: str) -> bytes:
    """The 32 bytes of an EncodingAESKey.

    Raises:
        CryptoError: `bad_key`: it is not 43 characters of base64.
    """
    try:
        # Not strict about the last two bits: 43 characters carry 258, and the vendor's own sample sets them.
        key = base64.b64decode(encoding_aes_key.encode("ascii") + b"=", validate=True)
    except (binascii.Error, ValueError):
        raise CryptoError("bad_key") from None
    if len(encoding_aes_key) != KEY_CHARACTERS:
        raise CryptoError("bad_key")
    return key


def signature(token: bytes, timestamp: bytes, nonce: bytes, encrypted: bytes) -> str:
    """`msg_signature`: SHA-1 of the four values, sorted and joined, in lower-case hex."""
    joined = b"".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def decrypt(key: bytes, encrypted: str) -> tuple[bytes, str]:
    """The message in base64 text `encrypted`, and the id of whom it is for.

    Raises:
        CryptoError: `bad_base64`, `bad_length`, `bad_padding` or `bad_buffer`; nothing else.
    """
    try:
        sealed = base64.b64decode(encrypted.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise CryptoError("bad_base64") from None
    if not sealed or len(sealed) % _AES_BLOCK:
        raise CryptoError("bad_length")
    decryptor = _cipher(key).decryptor()
    plain = _without_padding(decryptor.update(sealed) + decryptor.finalize())
    length = int.from_bytes(plain[_RANDOM:_HEAD], "big")
    if len(plain) < _HEAD or length > len(plain) - _HEAD:
        raise CryptoError("bad_buffer")
    end = _HEAD + length
    try:
        return plain[_HEAD:end], plain[end:].decode()
    except UnicodeDecodeError:
        raise CryptoError("bad_buffer") from None


def decrypt_for(key: bytes, encrypted: str, receivers: frozenset[str]) -> bytes:
    """The message in `encrypted`, which must be for one of `receivers`.

    Raises:
        CryptoError: as `decrypt`, or `wrong_receiver`.
    """
    message, receiver = decrypt(key, encrypted)
    if receiver not in receivers:
        raise CryptoError("wrong_receiver")
    return message


def encrypt(key: bytes, message: bytes, receiver: str, *, random: bytes) -> str:
    """Base64 text of `message` for `receiver`; `random` are 16 fresh random bytes."""
    if len(random) != _RANDOM:
        raise ValueError("16 random bytes")
    plain = random + len(message).to_bytes(_LENGTH, "big") + message + receiver.encode()
    missing = _BLOCK - len(plain) % _BLOCK
    encryptor = _cipher(key).encryptor()
    sealed = encryptor.update(plain + bytes((missing,)) * missing) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def _cipher(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES256(key), modes.CBC(key[:_AES_BLOCK]))


def _without_padding(plain: bytes) -> bytes:
    count = plain[-1]
    if not 1 <= count <= _BLOCK or count > len(plain) or plain[-count:] != bytes((count,)) * count:
        raise CryptoError("bad_padding")
    return plain[:-count]
