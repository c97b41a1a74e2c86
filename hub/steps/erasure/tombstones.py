"""Tombstones: what came before its person was erased does not come back by replay, re-pull or import.

The person may come back: a lead of a later time loads as any other does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from hub.crm.erasure import LEAD, find_tombstones, has_tombstones
from hub.inbox.erasure import add_erased, drop_bodies
from hub.model.ids import lead_id
from hub.model.keys import identity_keys
from hub.model.lead import IdentityKey
from hub.model.outcome import Outcome
from hub.privacy.keyring import KeyRing
from hub.steps.lead_rows import Candidate
from hub.steps.prepare import Work


def lead_digest(keyring: KeyRing, merchant: str, lead: UUID) -> bytes:
    """What a tombstone keeps of a lead's id: nobody without the id key can tell which it was."""
    return bytes((LEAD,)) + bytes.fromhex(keyring.synthetic_id("erased lead", merchant, str(lead)))


def is_past(
    own: datetime | None, received: datetime, erased_at: datetime, *, same_lead: bool
) -> bool:
    """Whether something happened before an erasure: by its own time, or because it had come by then.

    A record of the very lead that was erased, without a time of its own, tells more of the past.
    """
    if received < erased_at:
        return True
    return own < erased_at if own is not None else same_lead


def without_erased(
    conn: psycopg.Connection[Any], keyring: KeyRing, merchant: str, candidates: list[Candidate]
) -> list[Candidate]:
    """The candidates whose records are not of an erased past; the works of the others are `erased`.

    One small query while nobody of the merchant was ever erased.
    """
    if not candidates or not has_tombstones(conn, merchant):
        return candidates
    digests = [lead_digest(keyring, merchant, one.lead) for one in candidates]
    keys = [_blinds(keyring, merchant, one.mapped.keys) for one in candidates]
    found = find_tombstones(conn, merchant, [*digests, *(key for each in keys for key in each)])
    if not found:
        return candidates
    for one, digest, named in zip(candidates, digests, keys, strict=True):
        own, received = _instant(one.mapped.doc.get("submitted_at")), one.work.received_at
        erased = [(found[key], False) for key in named if key in found]
        erased += [(found[digest], True)] if digest in found else []
        if any(is_past(own, received, at, same_lead=same) for at, same in erased):
            mark_erased(one.work)
    return [one for one in candidates if one.work.outcome != Outcome.ERASED]


def drop_erased_interactions(
    conn: psycopg.Connection[Any], keyring: KeyRing, works: Sequence[Work]
) -> None:
    """Works that gave interactions only, of somebody who was erased, are `erased`."""
    asking = [
        w for w in works if w.mapped is not None and w.mapped.interactions and not w.mapped.leads
    ]
    for merchant in sorted({work.merchant for work in asking}):
        if has_tombstones(conn, merchant):
            for work in asking:
                if work.merchant == merchant and _names_erased(conn, keyring, work):
                    mark_erased(work)


def mark_erased(work: Work) -> None:
    """This record gives nothing and keeps no body."""
    work.outcome, work.mapped, work.payload, work.tried = Outcome.ERASED, None, b"", None
    work.reason = work.path = work.detail = ""


def write_erased(conn: psycopg.Connection[Any], works: Sequence[Work], now: datetime) -> None:
    """Let the records of erased works stand as that, without a body; they are in the archive by now.

    Redacted ones stand where they stand, without a body, too.
    """
    redacted = [work.record_id for work in works if work.is_redacted]
    if redacted:
        drop_bodies(conn, redacted)
    ids = [work.record_id for work in works if work.outcome == Outcome.ERASED]
    if ids:
        drop_bodies(conn, ids)
        add_erased(conn, ids, now)


def _names_erased(conn: psycopg.Connection[Any], keyring: KeyRing, work: Work) -> bool:
    for each in work.mapped.interactions if work.mapped else ():
        keys = _blinds(keyring, work.merchant, identity_keys(each.doc))
        named = [each.lead_external_id] if each.lead_external_id is not None else []
        leads = [lead_id(work.merchant, work.source_key, "lead", name, 0) for name in named]
        digests = [lead_digest(keyring, work.merchant, lead) for lead in leads]
        own = _instant(each.doc.get("occurred_at"))
        for key, at in find_tombstones(conn, work.merchant, [*keys, *digests]).items():
            if is_past(own, work.received_at, at, same_lead=key[0] == LEAD):
                return True
    return False


def _blinds(keyring: KeyRing, merchant: str, keys: Iterable[IdentityKey]) -> list[bytes]:
    """Keys under every index key of the ring: a tombstone keeps the one that it was made under."""
    return [blind for key in keys for blind in keyring.blinds(merchant, key)]


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
