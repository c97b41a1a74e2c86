"""How deliveries are written in a spool file: frames that can be found again behind damage. Pure.

A frame is a mark (4 bytes), the payload's length (4, big-endian), CRC-32 of length and payload (4)
and the payload: a delivery in MessagePack, its envelope sealed as it is everywhere else.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from hub.model.delivery import Delivery

MARK = b"\xf5Hb\x01"
_HEADER = struct.Struct(">4sII")
_LENGTH = struct.Struct(">I")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Delivery)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file held: whole deliveries in order, and the byte ranges that are none."""

    deliveries: tuple[Delivery, ...]
    damaged: tuple[tuple[int, int], ...] = ()


def encode(deliveries: Iterable[Delivery]) -> bytes:
    """The frames of `deliveries`, one after the other."""
    return b"".join(_frame(_encoder.encode(delivery)) for delivery in deliveries)


def scan(data: bytes) -> Scan:
    """Every whole delivery of `data`; nothing is raised for any bytes.

    What a power loss tore, or a disk changed, is given as ranges from the first bad byte to the
    next frame that is whole.
    """
    found: list[Delivery] = []
    damaged: list[tuple[int, int]] = []
    position, good_until = 0, 0
    while position < len(data):
        read = _read(data, position)
        if read is None:
            following = data.find(MARK, position + 1)
            position = following if following >= 0 else len(data)
            continue
        if position > good_until:
            damaged.append((good_until, position))
        delivery, position = read
        good_until = position
        found.append(delivery)
    if good_until < len(data):
        damaged.append((good_until, len(data)))
    return Scan(tuple(found), tuple(damaged))


def _frame(payload: bytes) -> bytes:
    length = _LENGTH.pack(len(payload))
    return MARK + length + _LENGTH.pack(zlib.crc32(payload, zlib.crc32(length))) + payload


def _read(data: bytes, position: int) -> tuple[Delivery, int] | None:
    """The delivery of the frame at `position` and where the next begins, or None if it is not whole."""
    start = position + _HEADER.size
    if start > len(data):
        return None
    mark, length, checksum = _HEADER.unpack_from(data, position)
    payload = data[start : start + length]
    if mark != MARK or len(payload) != length:
        return None
    if zlib.crc32(payload, zlib.crc32(_LENGTH.pack(length))) != checksum:
        return None
    try:
        return _decoder.decode(payload), start + length
    except msgspec.MsgspecError:
        return None
