"""A webhook of one's own: a JSON document, signed as Standard Webhooks say, so that a receiver can tell it is ours.

`webhook-id` stays the same when a message comes again (`facts["message_id"]`), `webhook-timestamp` is in seconds, and
`webhook-signature` is `v1,` and base64 of HMAC-SHA256 over "id.timestamp.body". A 2xx takes the message.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from hub.channels.access import Access
from hub.channels.base import Outgoing
from hub.channels.http import Http, json_bytes, of_status
from hub.channels.text import TITLE_BYTES, cut_to_bytes, one_line

LINES_BYTES: Final = 8000
_PREFIX = "whsec_"


class Webhook:
    """One address that takes alerts as JSON."""

    def __init__(self, access: Access, clock: Callable[[], float] = time.time) -> None:
        self.name = access.name
        self._access = access
        self._clock = clock
        self._http = Http(access)

    def send(self, message: Outgoing, to: str = "") -> None:
        """Post the message; it has no address but its own."""
        self._access.no_address(to)
        body = json_bytes(
            {
                "title": cut_to_bytes(one_line(message.title), TITLE_BYTES),
                "text": cut_to_bytes("\n".join(map(one_line, message.lines)), LINES_BYTES),
                "severity": message.severity,
                "link": message.link,
                "facts": dict(message.facts),
            }
        )
        message_id = str(message.facts.get("message_id") or uuid.uuid4())
        answer = self._http.post(self._access.key, body, headers=self._headers(message_id, body))
        if not httpx.codes.is_success(answer.status):
            raise of_status(self._access, answer)

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _headers(self, message_id: str, body: bytes) -> Mapping[str, str]:
        timestamp = str(int(self._clock()))
        headers = {"webhook-id": message_id, "webhook-timestamp": timestamp}
        if self._access.secret:
            signed = f"{message_id}.{timestamp}.".encode() + body
            digest = hmac.digest(signing_key(self._access.secret), signed, "sha256")
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers


def signing_key(secret: str) -> bytes:
    """The key in a secret: base64 behind `whsec_`, else the text itself.

    Raises:
        ValueError: what stands behind `whsec_` is not base64.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
