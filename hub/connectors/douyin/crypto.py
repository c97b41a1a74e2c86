"""Phones that 来客 encrypts with the application's own secret: AES-256-CBC, PKCS#7, base64 (notes §10).

Whether a secret of another length than 32 bytes is padded (or cut) on the left or on the right first is
not known. It makes a difference only where the number of bytes is odd: then the source must say which.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

Side = Literal["left", "right"]
Iv = Literal["last", "first"]

KEY_BYTES, _BLOCK = 32, 16
ONLINE_PREFIX = "Enc."
_PAD = b"#"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PHONE = re.compile(r"\+?\d[\d -]{4,19}")


class UndecryptableError(Exception):
    """The ciphertext does not become a phone under this key. Says nothing of either."""


def is_online(text: str) -> bool:
    """Whether only the platform can read it."""
    return text.startswith(ONLINE_PREFIX)


def is_local(text: str) -> bool:
    """Whether it looks like a ciphertext of the local scheme: base64 of whole blocks."""
    if len(text) % 4 or not _BASE64.fullmatch(text):
        return False
    size = len(base64.b64decode(text))
    return size > 0 and size % _BLOCK == 0


def is_ambiguous(secret: bytes) -> bool:
    """Whether the key depends on which side of the secret is padded or cut first."""
    return abs(KEY_BYTES - len(secret)) % 2 == 1


def key_of(secret: bytes, first: Side = "left") -> bytes:
    """The secret as a key of 32 bytes: padded with `#`, or cut, on both sides in turn.

    Raises:
        ValueError: there is no secret.
    """
    if not secret:
        raise ValueError("no secret")
    missing = KEY_BYTES - len(secret)
    more, less = (abs(missing) + 1) // 2, abs(missing) // 2
    left, right = (more, less) if first == "left" else (less, more)
    if missing >= 0:
        return _PAD * left + secret + _PAD * right
    return secret[left : len(secret) - right]


def encrypt(plain: str, key: bytes, iv: Iv = "last") -> str:
    """The ciphertext of a text, in base64."""
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(plain.encode()) + padder.finalize()
    encryptor = Cipher(AES(key), CBC(_iv_of(key, iv))).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt_phone(text: str, key: bytes, iv: Iv = "last") -> str:
    """The phone in a ciphertext.

    Raises:
        UndecryptableError: not base64 of whole blocks, another key's, or no phone; nothing else is raised.
    """
    try:
        sealed = base64.b64decode(text, validate=True)
        decryptor = Cipher(AES(key), CBC(_iv_of(key, iv))).decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
        unpadder = PKCS7(AES.block_size).unpadder()
        plain = (unpadder.update(padded) + unpadder.finalize()).decode("ascii")
    except (binascii.Error, ValueError):
        # Not chained: the cause may quote bytes of what it failed on.
        raise UndecryptableError("the ciphertext cannot be read with this key") from None
    if not _PHONE.fullmatch(plain):
        raise UndecryptableError("what the ciphertext holds is no phone")
    return plain


def _iv_of(key: bytes, iv: Iv) -> bytes:
    """来客 takes the last 16 bytes of the key, the open platform's own scheme the first."""
    return key[-_BLOCK:] if iv == "last" else key[:_BLOCK]
