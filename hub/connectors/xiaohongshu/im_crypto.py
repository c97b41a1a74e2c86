"""The encryption of 三方私信 messages (notes §4): AES-128-CBC, PKCS#7, `base64(iv)~split~base64(ciphertext)`. Pure.

Only the cipher is known well enough to stand here: which messages come, and how the platform signs them, is
not, so no source takes them yet. CBC proves nothing by itself.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from hub.errors import ConfigError, HubError

_SPLIT = "~split~"
_KEY_BYTES = 16


class ImCryptoError(HubError):
    """A message that cannot be read with this key. Says nothing of either."""


def im_key(text: str) -> bytes:
    """The 16 bytes of a key that the platform hands over as 32 hex characters.

    Raises:
        ConfigError: it is none.
    """
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError("the key of 三方私信 is 32 hexadecimal characters")
    return key


def decrypt_im(content: str, key: bytes) -> bytes:
    """The message in the text `content`.

    Raises:
        ImCryptoError: another form, another key's, or cut off; nothing else is raised.
    """
    head, _, tail = content.partition(_SPLIT)
    try:
        iv = base64.b64decode(head, validate=True)
        sealed = base64.b64decode(tail, validate=True)
        decryptor = Cipher(AES(key), CBC(iv)).decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
        unpadder = PKCS7(AES.block_size).unpadder()
        plain = unpadder.update(padded) + unpadder.finalize()
    except (binascii.Error, ValueError):
        # Not chained: the cause may quote bytes of what it failed on.
        raise ImCryptoError("the message cannot be read with this key") from None
    return plain


def encrypt_im(plain: bytes, key: bytes, *, iv: bytes) -> str:
    """A message as the platform writes it; `iv` is 16 bytes, random for everything but a test."""
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    sealed = encryptor.update(padded) + encryptor.finalize()
    return base64.b64encode(iv).decode() + _SPLIT + base64.b64encode(sealed).decode()
