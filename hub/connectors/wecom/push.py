"""What the platform pushes: encrypted callbacks, one event each (notes §1, §4, §5).

The record is the decrypted event. It is decrypted when it comes, and the hub's own seal keeps it from
then on: a key that is changed at the platform strands nothing that was taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.connectors.encrypted_callback import callback_values, ciphertext
from hub.connectors.pushed_xml import read_xml
from hub.connectors.signatures import verify
from hub.connectors.wecom.crypto import CryptoError, decrypt_for
from hub.connectors.wecom.options import WecomOptions, aes_keys_of, options_of, receivers_of
from hub.errors import ConfigError, SignatureError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SignatureSettings, SourceSettings, secrets_from_environment

EVENT_PUSH = "event_push"
CUSTOMER_EVENT, ACQUISITION_NOTICE, OTHER_EVENT = (
    "customer_event",
    "acquisition_notice",
    "other_event",
)
ENTITIES = (CUSTOMER_EVENT, ACQUISITION_NOTICE, OTHER_EVENT)
SCHEME = "sorted_values_sha1"

_UNREADABLE = (ValueError, RecursionError)
_PLAIN = "plain"
_NO_TIME = datetime.fromtimestamp(0, UTC)  # the scheme judges no freshness


def challenge(request: HookRequest, source: SourceSettings) -> HookReply | None:
    """The decrypted `echostr`, bare, once signature and receiver are right; else a refusal."""
    if request.method != "GET" or b"echostr=" not in request.query:
        return None
    # Whatever scheme deliveries are taken by: what is decrypted for a stranger tells him about the key.
    signed = SignatureSettings.model_validate({**source.signature.model_dump(), "scheme": SCHEME})
    try:
        verify(signed, request, secrets_from_environment(signed.secret_env), _NO_TIME)
        given = callback_values(request, signed.field or "msg_signature")
        answer = _decrypted(given.encrypted.decode("ascii"), options_of(source))
    except (SignatureError, CryptoError, ConfigError, *_UNREADABLE):
        return refused(source)
    return HookReply(200, answer, "text/plain")


def accepted() -> HookReply:
    """HTTP 200 without a body: no passive reply is meant."""
    return HookReply(200, b"", "text/plain")


def refused(source: SourceSettings) -> HookReply:
    """Not 200, so the platform tries again, three times in all."""
    return HookReply(options_of(source).refused_status, b"", "text/plain")


def delivery_key(request: HookRequest, source: SourceSettings) -> str | None:
    """`MsgId` of a message, else SHA-256 of the decrypted event; None for what cannot be decrypted.

    A retry may be encrypted anew, so its bytes say nothing; two events can share second and sender.
    """
    plain = _plain_of(request.body, source)
    if plain is None:
        return None
    with suppress(*_UNREADABLE):
        message_id = _event(plain).get("MsgId")
        if message_id:
            return f"msg:{message_id}"
    return hashlib.sha256(plain).hexdigest()


def envelope(request: HookRequest, source: SourceSettings) -> Envelope:
    """The decrypted event; the body as it came where it cannot be decrypted."""
    plain = _plain_of(request.body, source)
    shape = source.push or EVENT_PUSH
    if plain is not None:
        return Envelope(shape, plain, content_type="", context={_PLAIN: "1"})
    content_type = request.headers.get("content-type", "")
    return Envelope(shape, request.body, method=request.method, content_type=content_type)


def split_push(envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
    """The one record of a callback: `{"event": {…}}` under the entity that the event belongs to."""
    try:
        plain = envelope.body if _PLAIN in envelope.context else _opened(envelope.body, source)
        event = _event(plain)
    except CryptoError as error:
        return [RawRecord(envelope.shape, envelope.body, unreadable=error.reason)]
    except (ConfigError, *_UNREADABLE):
        return [RawRecord(envelope.shape, envelope.body, unreadable="not_readable")]
    account = event.get("ToUserName")
    return [
        RawRecord(
            _entity(event),
            msgspec.json.encode({"event": event}),
            account=account if isinstance(account, str) else None,
        )
    ]


def _entity(event: Mapping[str, Any]) -> str:
    name, change = event.get("Event"), event.get("ChangeType")
    if name == "change_external_contact":
        return CUSTOMER_EVENT
    if name == "customer_acquisition":
        # Somebody who writes through a link is a customer, also where the event of the adding was lost.
        began = change == "customer_start_chat" and bool(event.get("ExternalUserID"))
        return CUSTOMER_EVENT if began else ACQUISITION_NOTICE
    return OTHER_EVENT


def _event(plain: bytes) -> dict[str, Any]:
    """The event as an object: XML, or JSON if the corp chose that.

    Raises:
        ValueError, RecursionError: it is neither.
    """
    if plain.lstrip()[:1] == b"{":
        found: dict[str, Any] = msgspec.json.decode(plain, type=dict[str, Any])
        return found
    return dict(read_xml(plain))


def _plain_of(body: bytes, source: SourceSettings) -> bytes | None:
    try:
        return _opened(body, source)
    except (CryptoError, ConfigError, *_UNREADABLE):
        return None


def _opened(body: bytes, source: SourceSettings) -> bytes:
    """The plaintext of a body.

    Raises:
        CryptoError, ConfigError, ValueError, RecursionError: there is none, or it is not for us.
    """
    return _decrypted(ciphertext(body).decode("ascii"), options_of(source))


def _decrypted(encrypted: str, options: WecomOptions) -> bytes:
    """What any of the keys opens; the reason of the last one that does not.

    Raises:
        CryptoError, ConfigError.
    """
    receivers = receivers_of(options)
    failure = CryptoError("bad_key")
    for found in _tries(encrypted, options, receivers):
        if isinstance(found, bytes):
            return found
        failure = found
    raise failure


def _tries(
    encrypted: str, options: WecomOptions, receivers: frozenset[str]
) -> Iterator[bytes | CryptoError]:
    for key in aes_keys_of(options):
        try:
            yield decrypt_for(key, encrypted, receivers)
        except CryptoError as error:
            yield error
