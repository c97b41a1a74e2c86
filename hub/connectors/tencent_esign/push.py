"""What 腾讯电子签 pushes: a message in base64 ciphertext, or in clear where no key is set.

It is decrypted when it comes, and the hub's own seal keeps it from then on: a key that is changed at the
platform strands nothing that was taken. The record is the message; V1, which is the bare data, becomes its
`MsgData`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from typing import Any

import msgspec

from hub.connectors.tencent_esign.crypto import CryptoError, decrypt
from hub.connectors.tencent_esign.options import TencentEsignOptions, keys_of, options_of
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

SIGNING = "signing"
REFUSAL = b'{"code":-1,"message":"refused"}'
_PLAIN = "plain"
_DATA, _USER_DATA = "MsgData", "UserData"
_UNREADABLE = (ValueError, RecursionError)


def accepted(source: SourceSettings) -> HookReply:
    """HTTP 200, which is all that the platform looks at."""
    return HookReply(200, options_of(source).ack.encode())


def refused(source: SourceSettings) -> HookReply:
    """`options.refused_status`, 401 unless set."""
    return HookReply(options_of(source).refused_status, REFUSAL)


def delivery_key(request: HookRequest, source: SourceSettings) -> str | None:
    """SHA-256 of the message in clear; None for what cannot be decrypted.

    A repetition may be encrypted anew; whether `MsgId` is that of the event is not documented.
    """
    plain = _plain_of(request.body, source)
    return None if plain is None else hashlib.sha256(plain).hexdigest()


def envelope(request: HookRequest, source: SourceSettings) -> Envelope:
    """The message in clear; the body as it came where it cannot be decrypted."""
    plain = _plain_of(request.body, source)
    if plain is not None and plain != request.body:
        return Envelope(SIGNING, plain, context={_PLAIN: "1"})
    kind = request.headers.get("content-type", "")
    return Envelope(SIGNING, request.body, method=request.method, content_type=kind)


def split_push(envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
    """The one record of a callback."""
    options = options_of(source)
    try:
        plain = envelope.body if _PLAIN in envelope.context else _opened(envelope.body, options)
        message: dict[str, Any] = msgspec.json.decode(plain, type=dict[str, Any])
    except CryptoError as error:
        return [RawRecord(SIGNING, envelope.body, unreadable=error.reason)]
    except (ConfigError, *_UNREADABLE):
        return [RawRecord(SIGNING, envelope.body, unreadable="not_readable")]
    if _DATA not in message and "FlowId" in message:
        message = {_DATA: message}
    return [RawRecord(SIGNING, msgspec.json.encode(_with_user_data(message, options)))]


def _with_user_data(message: dict[str, Any], options: TencentEsignOptions) -> dict[str, Any]:
    """The message with `UserData` decoded, if the options say so and it can be."""
    data = message.get(_DATA)
    if options.user_data != "base64" or not isinstance(data, dict):
        return message
    with suppress(binascii.Error, ValueError, AttributeError, TypeError):
        text = base64.b64decode(data.get(_USER_DATA, "").encode("ascii"), validate=True).decode()
        return {**message, _DATA: {**data, _USER_DATA: text}}
    return message


def _plain_of(body: bytes, source: SourceSettings) -> bytes | None:
    try:
        return _opened(body, options_of(source))
    except (CryptoError, ConfigError):
        return None


def _opened(body: bytes, options: TencentEsignOptions) -> bytes:
    """A body in clear: as it is if it is JSON, else what one of the keys opens.

    Raises:
        CryptoError, ConfigError: there is no key, or none opens it.
    """
    if body.lstrip()[:1] in (b"{", b"["):
        return body
    failure = CryptoError("no_key")
    for key in keys_of(options):
        try:
            plain = decrypt(key, body)
        except CryptoError as error:
            failure = error
            continue
        if plain.lstrip()[:1] == b"{":  # the padding of a wrong key may fit by chance
            return plain
        failure = CryptoError("bad_key")
    raise failure
