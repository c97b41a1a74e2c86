"""Every way a platform proves that a push is its own. Pure; the scheme comes from settings.

Sources: the platforms' own pages for 抖音 (`sha1_concat`, `sha256_concat`, `hmac_sha256`), 小红书
(`hmac_sha1`), 美团 (`sorted_sha1`, `sorted_md5`), 企业微信 (`sorted_values_sha1`), e签宝 (`esign`), 法大大 (`fasc`),
and standardwebhooks.com (`standard_webhooks`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from urllib.parse import unquote_to_bytes

import msgspec

from hub.connectors.encrypted_callback import callback_values
from hub.connectors.event_values import EVENT_SCHEMES, event_check
from hub.connectors.http_auth import basic_credentials, is_issued, matches_any
from hub.connectors.signing_callbacks import esign_matches, fasc_matches
from hub.errors import SignatureError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings

Digest = Callable[[SignatureSettings, HookRequest, bytes, bytes], bytes]
OwnCheck = Callable[[SignatureSettings, HookRequest, Sequence[bytes], datetime], bool]

_MAX_FIELDS = 2000
_WHSEC = b"whsec_"


def verify(
    settings: SignatureSettings, request: HookRequest, secrets: Sequence[bytes], now: datetime
) -> None:
    """Return if `request` proves that it comes from the platform, by any of `secrets`.

    Args:
        settings: The source's scheme and where its signature stands.
        request: The request exactly as received; nothing of it is trusted.
        secrets: All secrets valid now; several while one is rotated.
        now: Aware instant to judge freshness by (`standard_webhooks`, `bearer_issued`); of a kept request, the
            instant it was received.

    Raises:
        SignatureError: Missing, malformed, stale or wrong; no input raises anything else.
    """
    if settings.scheme in ("none", "record_only"):
        return
    usable = [secret for secret in secrets if secret]
    if not usable:
        raise SignatureError("no secret is configured for this source")
    if settings.scheme.startswith("static_"):
        matches = _static_matches(settings, request, usable)
    elif settings.scheme in _OWN:
        matches = _OWN[settings.scheme](settings, request, usable, now)
    elif settings.scheme == "sorted_values_sha1":
        matches = _callback_matches(settings, request, usable)
    elif settings.scheme == "basic":
        matches = matches_any(basic_credentials(_authorization(settings, request)), usable)
    else:
        matches = _digest_matches(settings, request, usable)
    if not matches:
        raise SignatureError("the signature is wrong")


def _static_matches(
    settings: SignatureSettings, request: HookRequest, secrets: Sequence[bytes]
) -> bool:
    if settings.scheme == "static_path":
        given = _text_bytes(request.path_secret or "")
    elif settings.scheme == "static_header":
        given = _header(settings, request)
    else:
        given = _fields(request).get(_text_bytes(settings.field), b"")
    given = given.removeprefix(_text_bytes(settings.prefix))
    return matches_any(given, secrets)


def _digest_matches(
    settings: SignatureSettings, request: HookRequest, secrets: Sequence[bytes]
) -> bool:
    given = _given_signature(settings, request)
    digest = _DIGESTS[settings.scheme]
    bodies = [request.body]
    if settings.tolerate_line_breaks:  # some senders sign the body without its line breaks
        bodies.append(request.body.translate(None, b"\r\n"))
    expected = [
        _encoded(settings, digest(settings, request, body, secret))
        for body in bodies
        for secret in secrets
    ]
    return matches_any(given, expected)


def _standard_matches(
    settings: SignatureSettings, request: HookRequest, secrets: Sequence[bytes], now: datetime
) -> bool:
    """Standard Webhooks `v1`; `header` names another prefix than `webhook` (`svix`)."""
    prefix = (settings.header or "webhook").lower()
    values = [request.headers.get(f"{prefix}-{part}", "") for part in ("id", "timestamp")]
    message_id, timestamp = (_text_bytes(value) for value in values)
    _require_fresh(timestamp, settings.max_age_s, now)
    signed = b".".join((message_id, timestamp, request.body))
    expected = [
        base64.b64encode(hmac.digest(key, signed, "sha256"))
        for secret in secrets
        for key in _standard_keys(secret)
    ]
    header = _text_bytes(request.headers.get(f"{prefix}-signature", ""))
    given = [part[3:] for part in header.split(b" ")[:32] if part.startswith(b"v1,")]
    matches = sum(matches_any(one, expected) for one in given)
    return bool(message_id) and matches > 0


def _issued_matches(
    settings: SignatureSettings, request: HookRequest, secrets: Sequence[bytes], now: datetime
) -> bool:
    """A bearer token that the receiver gave out at `POST /oauth/token/{source}`."""
    header = _authorization(settings, request)
    return is_issued(header, secrets, now=now, max_age_s=settings.max_age_s)


def _authorization(settings: SignatureSettings, request: HookRequest) -> bytes:
    return _text_bytes(request.headers.get((settings.header or "Authorization").lower(), ""))


def _timeless(check: Callable[[HookRequest, Sequence[bytes]], bool]) -> OwnCheck:
    """A check that needs neither settings nor the time."""
    return lambda _, request, secrets, __: check(request, secrets)


_OWN: dict[str, OwnCheck] = {
    "standard_webhooks": _standard_matches,
    "bearer_issued": _issued_matches,
    "esign": _timeless(esign_matches),
    "fasc": _timeless(fasc_matches),
    **{scheme: _timeless(event_check(scheme)) for scheme in EVENT_SCHEMES},
}


def _callback_matches(
    settings: SignatureSettings, request: HookRequest, secrets: Sequence[bytes]
) -> bool:
    """SHA-1 of secret, timestamp, nonce and ciphertext, sorted as values and joined (企业微信).

    The timestamp is signed and not judged: whether a retry carries the old one is not documented.
    """
    try:
        given = callback_values(request, settings.field or "msg_signature")
    except (ValueError, RecursionError) as error:
        raise SignatureError("the body that should carry the ciphertext cannot be read") from error
    if not given.encrypted:
        return False
    signed = (given.timestamp, given.nonce, given.encrypted)
    expected = [
        hashlib.sha1(b"".join(sorted((secret, *signed))), usedforsecurity=False).hexdigest()
        for secret in secrets
    ]
    return matches_any(given.signature.lower(), [digest.encode() for digest in expected])


def _require_fresh(timestamp: bytes, max_age_s: int, now: datetime) -> None:
    if not timestamp.isdigit() or len(timestamp) > 12:
        raise SignatureError("the signed time is missing or malformed")
    if abs(now.timestamp() - int(timestamp)) > max_age_s:
        raise SignatureError("the signed time is too far from now")


def _standard_keys(secret: bytes) -> Iterator[bytes]:
    """The key as the standard writes it (`whsec_` and base64), or raw where it is plainly not."""
    try:
        yield base64.b64decode(secret.removeprefix(_WHSEC), validate=True)
    except binascii.Error:
        yield secret
    else:
        if not secret.startswith(_WHSEC):
            yield secret


def _given_signature(settings: SignatureSettings, request: HookRequest) -> bytes:
    if settings.header:
        given = _header(settings, request)
    else:
        given = _fields(request).get(_text_bytes(settings.field or "sign"), b"")
    given = given.removeprefix(_text_bytes(settings.prefix))
    return given.lower() if settings.encoding == "hex" else given


def _header(settings: SignatureSettings, request: HookRequest) -> bytes:
    return _text_bytes(request.headers.get(settings.header.lower(), "")).strip()


def _encoded(settings: SignatureSettings, digest: bytes) -> bytes:
    return base64.b64encode(digest) if settings.encoding == "base64" else digest.hex().encode()


def _text_bytes(text: str) -> bytes:
    """Text of a header as the bytes it came from (ASGI reads headers as latin-1)."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


# ---- what is signed


def _sha1_concat(_: SignatureSettings, __: HookRequest, body: bytes, secret: bytes) -> bytes:
    return hashlib.sha1(secret + body, usedforsecurity=False).digest()


def _sha256_concat(
    settings: SignatureSettings, request: HookRequest, body: bytes, secret: bytes
) -> bytes:
    """Secret and body; with `field` set (`sign`), secret, sorted URL parameters, body (来客)."""
    if not settings.field:
        return hashlib.sha256(secret + body).digest()
    left_out = _text_bytes(settings.field)
    pairs = sorted(pair for pair in _pairs(request.query) if pair[0] != left_out)
    parts = [secret, *(key + b"=" + value for key, value in pairs)]
    if request.method == "POST":
        parts.append(b"http_body=" + body)
    return hashlib.sha256(b"&".join(parts)).digest()


def _hmac_sha1(_: SignatureSettings, __: HookRequest, body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, "sha1")


def _hmac_sha256(_: SignatureSettings, __: HookRequest, body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256")


def _sorted_md5(
    settings: SignatureSettings, request: HookRequest, _: bytes, secret: bytes
) -> bytes:
    signed = secret + _sorted_fields(settings, request) + secret
    return hashlib.md5(signed, usedforsecurity=False).digest()


def _sorted_sha1(
    settings: SignatureSettings, request: HookRequest, _: bytes, secret: bytes
) -> bytes:
    signed = secret + _sorted_fields(settings, request)
    return hashlib.sha1(signed, usedforsecurity=False).digest()


def _sorted_fields(settings: SignatureSettings, request: HookRequest) -> bytes:
    left_out = _text_bytes(settings.field or "sign")
    fields = sorted(_fields(request).items())
    return b"".join(key + value for key, value in fields if value and key != left_out)


_DIGESTS: dict[str, Digest] = {
    "sha1_concat": _sha1_concat,
    "sha256_concat": _sha256_concat,
    "hmac_sha1": _hmac_sha1,
    "hmac_sha256": _hmac_sha256,
    "sorted_md5": _sorted_md5,
    "sorted_sha1": _sorted_sha1,
}


# ---- fields of a request that nobody has verified yet


def _fields(request: HookRequest) -> dict[bytes, bytes]:
    """Top-level fields: of a JSON object, else of a form; of the query where there is no body."""
    if not request.body:
        return dict(_pairs(request.query))
    if request.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _json_fields(request.body)
    return dict(_pairs(request.body))


def _pairs(encoded: bytes) -> list[tuple[bytes, bytes]]:
    parts = [part for part in encoded.strip().split(b"&", _MAX_FIELDS) if part]
    if len(parts) >= _MAX_FIELDS:
        raise SignatureError("too many fields to look for a signature")
    split = (part.partition(b"=") for part in parts)
    return [(_unquote(key), _unquote(value)) for key, _, value in split]


def _unquote(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


def _json_fields(body: bytes) -> dict[bytes, bytes]:
    """Text and whole numbers of a JSON object, in UTF-8 or else GBK."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("gb18030", "replace")
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SignatureError("the body that should carry the signature cannot be read") from error
    if not isinstance(document, dict):
        return {}
    return {
        key.encode("utf-8", "surrogatepass"): str(value).encode("utf-8", "surrogatepass")
        for key, value in document.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }
