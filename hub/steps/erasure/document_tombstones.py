"""Tombstones and business documents: a document of an erased past loads, without the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from hub.crm.erasure import find_erasures, has_tombstones
from hub.model.keys import identity_keys
from hub.model.lead import IdentityKey, MappedDocument
from hub.privacy.keyring import KeyRing
from hub.steps.erasure.redact_document import (
    Redaction,
    happened_at,
    mentioned,
    names_key,
    private_texts,
    redacted,
    stand_in_of,
)
from hub.steps.erasure.tombstones import is_past, lead_digest


@dataclass(frozen=True, slots=True)
class Said:
    """A document as a record says it, and when that came."""

    id: UUID
    mapped: MappedDocument
    received_at: datetime


def without_erased_persons(
    conn: psycopg.Connection[Any], keyring: KeyRing, merchant: str, said: Sequence[Said]
) -> list[MappedDocument]:
    """The same documents, in the same order; one that speaks of an erased past without the person.

    One small query while nobody of the merchant was ever erased.
    """
    if not said or not has_tombstones(conn, merchant):
        return [one.mapped for one in said]
    digests = [lead_digest(keyring, merchant, one.id) for one in said]
    keys = [_keys(keyring, merchant, one.mapped) for one in said]
    wanted = [*digests, *(blind for each in keys for blinds in each.values() for blind in blinds)]
    found = find_erasures(conn, merchant, wanted)
    if not found:
        return [one.mapped for one in said]
    return [
        _without(one, named, found.get(digest), found)
        for one, digest, named in zip(said, digests, keys, strict=True)
    ]


def _without(
    one: Said,
    keys: dict[IdentityKey, list[bytes]],
    own: tuple[datetime, UUID] | None,
    found: dict[bytes, tuple[datetime, UUID]],
) -> MappedDocument:
    """`own`: the erasure that took a person out of this very document: it never names one again."""
    doc = one.mapped.doc
    erased = {
        key: erasure
        for key, blinds in keys.items()
        for blind in blinds
        if (erasure := found.get(blind)) is not None
        and is_past(happened_at(doc), one.received_at, erasure[0], same_lead=own is not None)
    }
    if own is None and not erased:
        return one.mapped
    _, receipt = own or max(erased.values())
    about = Redaction(
        stand_in_of(receipt),
        frozenset(),
        lambda text: any(key in erased for key in mentioned(text)),
    )
    left = redacted(doc, about, is_named=own is not None or names_key(doc, erased.__contains__))
    return one.mapped if left == doc else replace(one.mapped, doc=left, keys=())


def _keys(
    keyring: KeyRing, merchant: str, mapped: MappedDocument
) -> dict[IdentityKey, list[bytes]]:
    """Every key of a person in a document, in a field or in a text, under every index key of the ring."""
    said = {key for text in private_texts(mapped.doc) for key in mentioned(text)}
    said.update(identity_keys({"mobile_e164": mapped.doc.get("mobile_e164")}))
    return {key: keyring.blinds(merchant, key) for key in said}
