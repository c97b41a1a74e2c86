"""HTTP's own ways to say who pushes: a user with a password, or a token that we gave for them.

Such a token is ours alone: an expiry and an HMAC over it under the client's credentials. Nothing is
stored, and whoever changes the credentials ends every token. Pure; the clock is handed in.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import datetime

_PURPOSE = b"lead-hub bearer "
_MAX_DIGITS = 12
_MAX_HEADER = 4096


def matches_any(given: bytes, expected: Sequence[bytes]) -> bool:
    """Compare with every one, so that the time taken does not tell which was nearest."""
    if not given:
        return False
    return sum(hmac.compare_digest(given, one) for one in expected) > 0


def basic_credentials(header: bytes) -> bytes:
    """`user:password` of a header `Basic …`, b"" if it is none."""
    if len(header) > _MAX_HEADER:
        return b""
    scheme, _, encoded = header.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return b""


def issued_token(credentials: bytes, *, expires_at: datetime) -> str:
    """A token that `is_issued` accepts until `expires_at`, to the second."""
    expiry = b"%d" % int(expires_at.timestamp())
    return f"{expiry.decode()}.{_mac(credentials, expiry)}"


def is_issued(
    header: bytes, credentials: Sequence[bytes], *, now: datetime, max_age_s: int
) -> bool:
    """Whether a header `Bearer …` carries a token that was issued for any of `credentials`, not expired.

    One that would live longer than `max_age_s` was never given out under these settings.
    """
    if len(header) > _MAX_HEADER:
        return False
    scheme, _, token = header.strip().partition(b" ")
    expiry, _, mac = token.strip().partition(b".")
    if scheme.lower() != b"bearer" or not expiry.isdigit() or len(expiry) > _MAX_DIGITS:
        return False
    expected = [_mac(one, expiry).encode() for one in credentials]
    is_ours = matches_any(mac, expected)
    return is_ours and 0 < int(expiry) - now.timestamp() <= max_age_s


def _mac(credentials: bytes, expiry: bytes) -> str:
    return hmac.digest(credentials, _PURPOSE + expiry, "sha256").hex()
