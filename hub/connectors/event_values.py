"""How 用友 proves that an event is its own: a hash over the sorted values of a JSON body. Pure.

Its pages contradict each other on the hash, so there is a scheme for each: `yonbip_hmac_sha256` (HMAC keyed
with the secret, base64), `yonbip_sha256` and `yonbip_sha1` (the secret among the sorted values; hex or base64).
The signed time is not judged: an event is sent again for a day, and which time a retry carries is not said.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence

import msgspec

from hub.connectors.http_auth import matches_any
from hub.errors import SignatureError
from hub.model.delivery import HookRequest


class SignedEvent(msgspec.Struct, frozen=True):
    """The body of an event, nothing of it verified."""

    signature: str
    timestamp: str | int
    nonce: str | int
    encrypt: str

    @property
    def values(self) -> tuple[bytes, bytes, bytes]:
        """What is signed, as text."""
        return (_bytes(self.timestamp), _bytes(self.nonce), _bytes(self.encrypt))


def read_event(body: bytes) -> SignedEvent:
    """The values of a body.

    Raises:
        ValueError, RecursionError: it is no such object.
    """
    return msgspec.json.decode(body, type=SignedEvent)


def hmac_sha256(secret: bytes, values: Sequence[bytes]) -> Iterator[bytes]:
    """Base64 of the HMAC-SHA256 over the sorted values."""
    yield base64.b64encode(hmac.digest(secret, b"".join(sorted(values)), "sha256"))


def _hashed(name: str) -> Callable[[bytes, Sequence[bytes]], Iterator[bytes]]:
    def expected(secret: bytes, values: Sequence[bytes]) -> Iterator[bytes]:
        joined = b"".join(sorted((secret, *values)))
        digest = hashlib.new(name, joined, usedforsecurity=False).digest()
        yield from (digest.hex().encode(), base64.b64encode(digest))

    return expected


_VARIANTS = {
    "yonbip_hmac_sha256": hmac_sha256,
    "yonbip_sha256": _hashed("sha256"),
    "yonbip_sha1": _hashed("sha1"),
}


def event_check(scheme: str) -> Callable[[HookRequest, Sequence[bytes]], bool]:
    """Whether an event was signed with one of the secrets, by one variant."""
    variant = _VARIANTS[scheme]

    def matches(request: HookRequest, secrets: Sequence[bytes]) -> bool:
        try:
            event = read_event(request.body)
            given, values = _bytes(event.signature), event.values
        except (ValueError, RecursionError) as error:
            raise SignatureError(
                "the body that should carry the signature cannot be read"
            ) from error
        expected = [one for secret in secrets for one in variant(secret, values)]
        return matches_any(given, expected)

    return matches


EVENT_SCHEMES = tuple(_VARIANTS)


def _bytes(value: str | int) -> bytes:
    """Raises ValueError for what is no text (a lone surrogate)."""
    return str(value).encode()
