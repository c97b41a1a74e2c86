"""What a mapping makes of a record: canonical documents, identity keys, touchpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID


class KeyKind(IntEnum):
    """Kinds of identity key, strongest first (design §7). A name joins nobody; many of them beside one phone
    tell that it is several persons'."""

    ID_NUMBER = 1
    UNIONID = 2
    OPENID = 3
    EXTERNAL_USERID = 4
    MOBILE = 5
    EMAIL = 6
    NAME = 7


class CompanyKeyKind(IntEnum):
    """Kinds of key of a company, strongest first, and the domain of a work e-mail; told apart from `KeyKind`."""

    CREDIT_CODE = 33
    TAX_NUMBER = 34
    NAME = 35
    SHORT_NAME = 36
    EMAIL_DOMAIN = 37


class RevisionMode(StrEnum):
    """Whether a payload is the whole state of a lead or only the fields it carries."""

    SNAPSHOT = "snapshot"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class RecordContext:
    """What a mapping may know besides the payload."""

    merchant: str
    source_key: str
    platform: str
    entity: str
    via: str
    record_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """One key of a person, or of a company. `value` is normalised plaintext; an openid carries its app, an external
    user id its corp."""

    kind: KeyKind | CompanyKeyKind
    value: str


@dataclass(frozen=True, slots=True)
class MappedLead:
    """One canonical lead made from one record.

    `doc` is JSON-able and follows schemas/canonical/lead; absent means absent, never "" or a made-up value.
    `key_entity`, `external_id` and `ordinal` complete the lead key. `rank` is memory-comparable: revisions
    of a lead sort by it (the order that the mapping declares, then received_at, then record id).
    """

    doc: dict[str, Any]
    key_entity: str
    external_id: str
    ordinal: int
    rank: bytes
    mode: RevisionMode
    stream: str
    keys: tuple[IdentityKey, ...]


@dataclass(frozen=True, slots=True)
class MappedDocument:
    """One business document (contract, invoice, receipt, opportunity …) made from one record.

    `entity` is the canonical one; `external_id` is unique within merchant, source and entity; `keys` are
    those of the person it names, if it names one. All else is as for a lead.
    """

    doc: dict[str, Any]
    entity: str
    external_id: str
    ordinal: int
    rank: bytes
    mode: RevisionMode
    stream: str
    keys: tuple[IdentityKey, ...] = ()


@dataclass(frozen=True, slots=True)
class MappedInteraction:
    """Something that happened with a lead (a call, a chat), not a lead itself.

    `lead_external_id` names the lead that it belongs to where its own record makes none.
    """

    doc: dict[str, Any]
    key_entity: str
    external_id: str
    ordinal: int
    lead_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """All that one record gave: leads or business documents, or a reason why it is neither."""

    leads: tuple[MappedLead, ...] = ()
    interactions: tuple[MappedInteraction, ...] = ()
    not_a_lead: str | None = None
    documents: tuple[MappedDocument, ...] = ()
