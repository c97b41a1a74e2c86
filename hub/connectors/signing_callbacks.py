"""How e-sign platforms prove that a callback is theirs: schemes `esign` (e签宝) and `fasc` (法大大). Pure.

Neither judges the signed time: both send a callback again hours later, and whether a retry carries the old
time is not documented. What comes twice takes effect once all the same.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote_to_bytes

from hub.connectors.http_auth import matches_any
from hub.model.delivery import HookRequest

ESIGN_TIME, ESIGN_SIGNATURE = "x-tsign-open-timestamp", "x-tsign-open-signature"
FASC_SIGNED = ("X-FASC-App-Id", "X-FASC-Event", "X-FASC-Nonce", "X-FASC-Sign-Type")
FASC_TIME, FASC_SIGNATURE = "X-FASC-Timestamp", "X-FASC-Sign"
FASC_FIELD = "bizContent"
_MAX_FIELDS = 200


def esign_signature(secret: bytes, timestamp: bytes, values: bytes, body: bytes) -> str:
    """Hex HMAC-SHA256 over the time, the joined values of the query and the body as it came."""
    return hmac.digest(secret, timestamp + values + body, "sha256").hex()


def esign_matches(request: HookRequest, secrets: Sequence[bytes]) -> bool:
    """Whether a callback of e签宝 was signed with one of `secrets`.

    Whether the values of the query are signed decoded or as they stand is not documented: either is taken.
    """
    timestamp = _latin(request.headers.get(ESIGN_TIME, ""))
    given = _latin(request.headers.get(ESIGN_SIGNATURE, "")).strip().lower()
    if not timestamp or not request.body:
        return False
    expected = [
        esign_signature(secret, timestamp, values, request.body).encode()
        for values in {esign_values(request.query), esign_values(request.query, decoded=False)}
        for secret in secrets
    ]
    return matches_any(given, expected)


def esign_values(query: bytes, *, decoded: bool = True) -> bytes:
    """The values of a query in the order of their names, joined."""
    pairs = sorted(_pairs(query, decoded=decoded), key=lambda pair: pair[0])
    return b"".join(value for _, value in pairs)


def fasc_signature(secret: bytes, timestamp: str, fields: Mapping[str, str]) -> str:
    """Hex signature of 法大大 over `fields` (the headers that count, and bizContent); empty ones do not count.

    The key is an HMAC of the time under the secret; what is signed is the hash of the sorted fields.
    """
    joined = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name])
    text = hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()
    key = hmac.digest(secret, timestamp.encode("utf-8", "surrogatepass"), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def fasc_matches(request: HookRequest, secrets: Sequence[bytes]) -> bool:
    """Whether a callback of 法大大 was signed with one of `secrets`: over five headers and `bizContent`."""
    content = fasc_content(request.body)
    timestamp = request.headers.get(FASC_TIME.lower(), "")
    if content is None or not timestamp:
        return False
    fields = {name: request.headers.get(name.lower(), "") for name in FASC_SIGNED}
    fields |= {FASC_TIME: timestamp, FASC_FIELD: content}
    given = _latin(request.headers.get(FASC_SIGNATURE.lower(), "")).strip().lower()
    return matches_any(
        given, [fasc_signature(secret, timestamp, fields).encode() for secret in secrets]
    )


def fasc_content(body: bytes) -> str | None:
    """The text of `bizContent` in a form, decoded once and otherwise as it came; None if it holds none."""
    for name, value in _pairs(body, decoded=True):
        if name == FASC_FIELD.encode():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
    return None


def _pairs(encoded: bytes, *, decoded: bool) -> Iterator[tuple[bytes, bytes]]:
    for part in encoded.split(b"&", _MAX_FIELDS)[:_MAX_FIELDS]:
        if part:
            name, _, value = part.partition(b"=")
            yield (_unquoted(name), _unquoted(value)) if decoded else (name, value)


def _unquoted(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


def _latin(text: str) -> bytes:
    """Text of a header as the bytes it came from."""
    return text.encode("latin-1", "replace")
