"""From an envelope to a delivery: its id, its key, its sealed form. Pure but for the id."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from hub.model.delivery import Delivery, Envelope, Lane, Via
from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings

# A platform's own ids never repeat, so they are kept for as long as a platform may retry;
# a hash of the body is only as good as the window that the settings state.
PLATFORM_KEY_KEPT = timedelta(days=30)
_LANES = {Via.IMPORT: Lane.BULK}

# Begins no text in any charset, no JSON, no XML.
_WHOLE = b"\xff\x00hub-delivery\x00"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def seal_envelope(keyring: KeyRing, envelope: Envelope, delivery_id: UUID) -> bytes:
    """`envelope` sealed for the delivery of that id, and no other."""
    return keyring.seal(_encoder.encode(envelope), delivery_id.bytes)


def unseal_envelope(keyring: KeyRing, sealed: bytes, delivery_id: UUID) -> Envelope:
    """The envelope that `seal_envelope` sealed.

    Raises:
        UnsealError: unknown key, altered, or sealed for another delivery.
    """
    return _decoder.decode(keyring.unseal(sealed, delivery_id.bytes))


def whole_payload(envelope: Envelope) -> bytes:
    """The payload of a record that is a whole delivery, for a connector that may read it later."""
    return _WHOLE + _encoder.encode(envelope)


def envelope_of(payload: bytes) -> Envelope | None:
    """The delivery that a record's payload is whole, None if it is a record like others."""
    return _decoder.decode(payload[len(_WHOLE) :]) if payload.startswith(_WHOLE) else None


def delivery_key(keyring: KeyRing, envelope: Envelope, platform_key: str | None) -> bytes:
    """What equal deliveries of one source share: the platform's id of them, else their content, blinded.

    A platform's id may name a person's record, and the hash of a short body could be guessed. The content
    is the body; a push by GET has none, so there it is the query.
    """
    if platform_key:
        return b"id:" + keyring.synthetic_id("delivery id", platform_key).encode()
    content = hashlib.sha256(envelope.body or envelope.query).hexdigest()
    return b"content:" + keyring.synthetic_id("delivery content", content).encode()


@dataclass(frozen=True, slots=True)
class Arrival:
    """How and when (aware) a delivery came, and the platform's own id of it, if it gave one.

    `delivery_id` is set only where the delivery has an id already.
    """

    via: Via
    received_at: datetime
    platform_key: str | None = None
    delivery_id: UUID | None = None


def seal_delivery(
    keyring: KeyRing, source_key: str, source: SourceSettings, envelope: Envelope, arrival: Arrival
) -> Delivery:
    """A delivery ready to be stored or spooled, with the id that it keeps from here on."""
    own_id = arrival.delivery_id or uuid7()
    received_at = arrival.received_at
    kept = PLATFORM_KEY_KEPT if arrival.platform_key else timedelta(seconds=source.dedupe_window_s)
    return Delivery(
        id=own_id,
        merchant=source.merchant,
        source_key=source_key,
        via=arrival.via,
        lane=_LANES.get(arrival.via, Lane.LIVE),
        received_at=received_at,
        delivery_key=delivery_key(keyring, envelope, arrival.platform_key),
        sealed=seal_envelope(keyring, envelope, own_id),
        key_expires_at=received_at + kept,
    )
