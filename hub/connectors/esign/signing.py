"""How calls to e签宝 are signed (HMAC-SHA256 over method, headers that count, and path). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

ACCEPT = "*/*"
JSON_TYPE = "application/json; charset=UTF-8"


def content_md5(body: bytes) -> str:
    """base64 of the MD5 of a body, "" where there is none."""
    if not body:
        return ""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def signature(secret: str, *, method: str, path: str, body: bytes = b"") -> str:
    """base64 HMAC-SHA256 of a call; `path` carries the query in the order of its names. Date stays empty."""
    kind = JSON_TYPE if body else ""
    text = "\n".join((method, ACCEPT, content_md5(body), kind, "", path))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


def headers(
    app_id: str, secret: str, *, method: str, path: str, body: bytes, now: datetime
) -> dict[str, str]:
    """The headers of a call made at `now` (aware); the platform takes it for 15 minutes."""
    counted = {"Content-MD5": content_md5(body), "Content-Type": JSON_TYPE} if body else {}
    return {
        "Accept": ACCEPT,
        **counted,
        "X-Tsign-Open-App-Id": app_id,
        "X-Tsign-Open-Auth-Mode": "Signature",
        "X-Tsign-Open-Ca-Timestamp": str(int(now.timestamp() * 1000)),
        "X-Tsign-Open-Ca-Signature": signature(secret, method=method, path=path, body=body),
    }
