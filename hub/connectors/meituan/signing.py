"""How our own requests are signed: today's gateway (MTOp) and the retired 北极星.

Meituan's other products (外卖, 配送, 联盟) sign otherwise, and their signatures are not interchangeable.
What a push proves is checked by `hub.connectors.signatures`, schemes `sorted_sha1` and `sorted_md5`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum

SIGN_FIELD = "sign"


class Profile(StrEnum):
    """Which of the two platforms a source belongs to."""

    MTOP = "mtop"
    BEIJIXING = "beijixing"


def sign(profile: Profile, fields: Mapping[str, str], secret: str) -> str:
    """The value of `sign` for a request: lower-case hexadecimal.

    `mtop`: SHA-1 of the key and then every field's name and value, sorted by name. `beijixing`: MD5 of
    the same between two secrets. Values are as they are before form encoding; empty ones and `sign` do
    not count.

    Source: the platform notes, sections 1 and 5, with a vector each.
    """
    pairs = sorted((k, v) for k, v in fields.items() if v and k != SIGN_FIELD)
    text = "".join(key + value for key, value in pairs)
    if profile is Profile.MTOP:
        return hashlib.sha1((secret + text).encode(), usedforsecurity=False).hexdigest()
    signed = f"{secret}{text}{secret}".encode()
    return hashlib.md5(signed, usedforsecurity=False).hexdigest()


def with_sign(profile: Profile, fields: Mapping[str, str], secret: str) -> dict[str, str]:
    """`fields` as they are sent: without empty ones, and signed."""
    sent = {key: value for key, value in fields.items() if value and key != SIGN_FIELD}
    return {**sent, SIGN_FIELD: sign(profile, sent, secret)}
