"""Signed headers of a call: the third-party authorisation of 金蝶云星空. Pure.

What is base64-encoded is the hexadecimal text of a digest, not the digest.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote

from hub.errors import ConfigError

# The vendor's SDK carries this constant in the open: it hides nothing, both sides must know it.
_MASK = b"0054f397c6234378b09ca7d3e5debce7"
_SECRET_LENGTH = 32
_SIGNED = "x-api-timestamp,x-api-nonce"


@dataclass(frozen=True, slots=True)
class Application:
    """A registered third-party application and who it signs in as; the secret never shows."""

    app_id: str
    secret: str = field(repr=False)
    acct_id: str
    user: str
    lcid: int
    org: str


def client_secret(app_id: str) -> tuple[str, str]:
    """Client id and the secret that stands masked in the second part of an AppID.

    Raises:
        ConfigError: it is no clientId_ with 32 characters.
    """
    client_id, _, masked = app_id.partition("_")
    try:
        hidden = base64.b64decode(masked, validate=True)
    except (binascii.Error, ValueError):
        hidden = b""
    if len(masked) != _SECRET_LENGTH or not hidden:
        raise ConfigError("options.app_id of the kingdee source: clientId_ and 32 characters")
    plain = bytes(one ^ other for one, other in zip(hidden, _MASK, strict=False))
    return client_id, base64.b64encode(plain).decode()


def signed_path(path: str) -> str:
    """The path as it is signed: encoded, its slashes too."""
    return quote(path, safe="")


def signed_headers(app: Application, path: str, *, timestamp: int) -> dict[str, str]:
    """The headers of a POST to `path` at Unix second `timestamp`, which is the nonce too.

    Raises:
        ConfigError: the AppID is none.
    """
    client_id, client_sec = client_secret(app.app_id)
    stamp = str(timestamp)
    text = f"POST\n{signed_path(path)}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n"
    data = f"{app.acct_id},{app.user},{app.lcid},{app.org}"
    return {
        "X-Api-ClientID": client_id,
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": stamp,
        "x-api-nonce": stamp,
        "x-api-signheaders": _SIGNED,
        "X-Api-Signature": _hex_in_base64(client_sec, text),
        "X-Kd-Appkey": app.app_id,
        "X-Kd-Appdata": base64.b64encode(data.encode()).decode(),
        "X-Kd-Signature": _hex_in_base64(app.secret, app.app_id + data),
    }


def _hex_in_base64(key: str, text: str) -> str:
    digest = hmac.digest(key.encode(), text.encode(), "sha256").hex()
    return base64.b64encode(digest.encode()).decode()
