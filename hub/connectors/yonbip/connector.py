"""The connector of 用友 YonBIP: events are verified, decrypted, kept; which fields they have is not documented.

Lists of receipts and receivables depend on what a customer has bought and are not documented either:
nothing is pulled. A record of an event waits among the held until somebody publishes a mapping for it.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from hub.connectors.event_values import hmac_sha256, read_event
from hub.connectors.sessions import TokenSet
from hub.connectors.signatures import verify
from hub.connectors.yonbip import token
from hub.connectors.yonbip.crypto import decrypt, encrypt
from hub.connectors.yonbip.options import options_of, secrets_of
from hub.errors import SignatureError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings, secrets_from_environment

EVENT = "event"
_PLAIN, _TEXT = "plain", "text/plain"
_SUCCESS = b"success"
_SET_UP = "CHECK_URL"
_UNREADABLE = (ValueError, RecursionError)
_NO_TIME = datetime.fromtimestamp(0, UTC)  # the schemes judge no freshness


class YonbipConnector:
    """用友 YonBIP 事件推送."""

    platform = "yonbip"
    pushes = (EVENT,)

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is unknown or wrong."""
        options_of(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """Events."""
        return (EVENT,) if source.push else ()

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """The answer to CHECK_URL, the first event of all, once its signature is right; None for a delivery."""
        event = _event(_opened(request.body, source))
        if event is None or event.get("type") != _SET_UP:
            return None
        secrets = secrets_from_environment(source.signature.secret_env)
        try:
            verify(source.signature, request, secrets, _NO_TIME)
        except SignatureError:
            return self.refused(request, source)
        return self.accepted(request, source)

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`success`, encrypted and signed as events are, or plain if `options.ack` says so.

        What has to be fresh is derived from the request: it does not come again under the same values.
        """
        options, secrets = options_of(source), secrets_of(options_of(source))
        try:
            event = read_event(request.body)
            values = event.values
            if options.ack == "plain" or not secrets:
                raise ValueError("plain")
            seed = hmac.digest(secrets[0].encode(), b"ack\0" + b"\0".join(values), "sha256")
            sealed = encrypt(secrets[0], _SUCCESS, options.app_key, random=seed[:16])
        except _UNREADABLE:
            return HookReply(200, _SUCCESS, _TEXT)
        [signed] = hmac_sha256(secrets[0].encode(), (values[0], values[1], sealed.encode()))
        answer = {
            "signature": signed.decode(),
            "timestamp": event.timestamp,
            "nonce": event.nonce,
            "encrypt": sealed,
        }
        return HookReply(200, msgspec.json.encode(answer))

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status`: the event is sent again for a day."""
        return HookReply(options_of(source).refused_status, b"", _TEXT)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """The event's id: a retry may be encrypted anew."""
        event = _event(_opened(request.body, source))
        found = event.get("eventId") if event else None
        return str(found) if isinstance(found, str | int) and found else None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The decrypted event; the body as it came where it cannot be decrypted."""
        plain = _opened(request.body, source)
        if plain is None:
            return Envelope(source.push or EVENT, request.body)
        return Envelope(source.push or EVENT, plain, context={_PLAIN: "1"})

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """The one record of an event."""
        kept = _PLAIN in envelope.context
        plain = envelope.body if kept else _opened(envelope.body, source)
        event = _event(plain)
        if event is None:
            return [RawRecord(envelope.shape, envelope.body, unreadable="not_readable")]
        tenant = event.get("tenantId")
        account = tenant if isinstance(tenant, str) and tenant else None
        return [RawRecord(envelope.shape, msgspec.json.encode(event), account=account)]

    def issues_tokens(self, source: SourceSettings) -> bool:
        """Where the tenant is named; pushes need no token."""
        return bool(options_of(source).tenant_id)

    def issue(self, http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
        """A token for the application's secret."""
        return token.issue(http, source, now=now)

    def warn_days(self, source: SourceSettings) -> int:
        """0: there is no refresh token that could die."""
        return 0


def _opened(body: bytes, source: SourceSettings) -> bytes | None:
    """What any of the secrets opens and is for our application, None if none does."""
    options = options_of(source)
    try:
        encrypted = read_event(body).encrypt
    except _UNREADABLE:
        return None
    for secret in secrets_of(options):
        try:
            message, receiver = decrypt(secret, encrypted)
        except ValueError:
            continue
        if receiver == options.app_key:
            return message
    return None


def _event(plain: bytes | None) -> dict[str, Any] | None:
    if plain is None:
        return None
    try:
        return msgspec.json.decode(plain, type=dict[str, Any])
    except _UNREADABLE:
        return None


CONNECTOR = YonbipConnector()
"""Found by the entry point `hub.connectors`."""
