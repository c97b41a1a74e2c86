"""The encryption of events: AES-256-CBC under a key made of the AppSecret, padded to 32 bytes. Pure.

Plaintext is 16 random bytes, the message's length (4 bytes, big-endian), the message, the application's key.
CBC proves nothing by itself: verify the signature first, decrypt then.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_KEY_CHARACTERS = 43
_BLOCK, _AES_BLOCK = 32, 16
_RANDOM, _HEAD = 16, 20


def key_text(app_secret: str) -> str:
    """The AppSecret without dashes, cut or filled with zeros to 43 characters."""
    return app_secret.replace("-", "")[:_KEY_CHARACTERS].ljust(_KEY_CHARACTERS, "0")


def decrypt(app_secret: str, encrypted: str) -> tuple[bytes, str]:
    """The message in base64 text `encrypted`, and the application that it is for.

    Raises:
        ValueError: it cannot be decrypted under this secret; nothing else.
    """
    try:
        sealed = base64.b64decode(encrypted.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("no base64") from None
    if not sealed or len(sealed) % _AES_BLOCK:
        raise ValueError("wrong length")
    decryptor = _cipher(app_secret).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    count = plain[-1]
    if not 1 <= count <= _BLOCK or plain[-count:] != bytes((count,)) * count:
        raise ValueError("wrong padding")
    plain = plain[:-count]
    length = int.from_bytes(plain[_RANDOM:_HEAD], "big")
    if len(plain) < _HEAD or length > len(plain) - _HEAD:
        raise ValueError("wrong length inside")
    end = _HEAD + length
    return plain[_HEAD:end], plain[end:].decode()


def encrypt(app_secret: str, message: bytes, app_key: str, *, random: bytes) -> str:
    """Base64 text of `message` for an application; `random` are 16 bytes that do not repeat."""
    if len(random) != _RANDOM:
        raise ValueError("16 random bytes")
    plain = random + len(message).to_bytes(4, "big") + message + app_key.encode()
    missing = _BLOCK - len(plain) % _BLOCK
    encryptor = _cipher(app_secret).encryptor()
    sealed = encryptor.update(plain + bytes((missing,)) * missing) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def _cipher(app_secret: str) -> Cipher[modes.CBC]:
    try:
        key = base64.b64decode((key_text(app_secret) + "=").encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the AppSecret gives no key") from None
    return Cipher(algorithms.AES256(key), modes.CBC(key[:_AES_BLOCK]))
