"""The callback's encryption: AES-256-CBC under the CallbackUrlKey, whose first half is the IV. Pure.

Nothing in it proves who encrypted: guard the address by a secret path, too.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from hub.errors import HubError

KEY_BYTES = 32
_BLOCK = 16


class CryptoError(HubError):
    """A callback that cannot be decrypted; `reason` is one word for machines."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the callback cannot be read: {reason}")
        self.reason = reason


def decrypt(key: bytes, encrypted: bytes) -> bytes:
    """The plaintext of base64 text.

    Raises:
        CryptoError: `bad_base64`, `bad_length` or `bad_padding`; nothing else.
    """
    try:
        sealed = base64.b64decode(encrypted.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise CryptoError("bad_base64") from None
    if not sealed or len(sealed) % _BLOCK:
        raise CryptoError("bad_length")
    decryptor = _cipher(key).decryptor()
    unpadder = PKCS7(_BLOCK * 8).unpadder()
    try:
        return (
            unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()
        )
    except ValueError:
        raise CryptoError("bad_padding") from None


def encrypt(key: bytes, plain: bytes) -> bytes:
    """Base64 text of `plain`."""
    padder = PKCS7(_BLOCK * 8).padder()
    encryptor = _cipher(key).encryptor()
    padded = padder.update(plain) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize())


def _cipher(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES256(key), modes.CBC(key[:_BLOCK]))
