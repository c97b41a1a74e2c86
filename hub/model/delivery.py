"""What arrives: a request, its envelope, a delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec


class Lane(IntEnum):
    """How urgent a queue row is; a loader empties `live` first."""

    LIVE = 0
    REPLAY = 1
    BULK = 2


class Via(StrEnum):
    """How a delivery came."""

    PUSH = "push"
    PULL = "pull"
    FORM = "form"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One HTTP request to a hook, exactly as received.

    `headers` has lower-case names; `body` is the raw bytes after transfer and content decoding
    (gzip is undone), `query` the raw query string without the question mark. `path_secret` is the
    last path part, if the URL had one.
    """

    method: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes
    path_secret: str | None = None


@dataclass(frozen=True, slots=True)
class HookReply:
    """What a platform is answered: status, body, content type."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of a delivery that is sealed: what the payload is and how to read it.

    `shape` names the connector's reader for it (`clue_push`, `clue`, `star_clue`, `form` …).
    """

    shape: str
    body: bytes
    method: str = "POST"
    query: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    context: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One acknowledged push, page of a pull, form or row group of a file, before it is stored.

    `delivery_key` is the platform's own id of the delivery, or None: then the receiver uses
    sha256 of the body within `dedupe_window_s`. `sealed` is the sealed envelope.
    """

    id: UUID
    merchant: str
    source_key: str
    via: Via
    lane: Lane
    received_at: datetime
    delivery_key: bytes
    sealed: bytes
    key_expires_at: datetime


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record of a delivery as the connector split it: the archive's unit.

    `payload` is JSON text (UTF-8) of the record alone, or, when `unreadable` says why, the bytes
    that could not be read. `account` is the platform account the record itself names, if it does.
    """

    entity: str
    payload: bytes
    account: str | None = None
    unreadable: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
