"""实时去重: is this person known to this merchant, by which keys, and who looks after them. Audited."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from hub.crm import matching
from hub.database.engine import driver, store_errors
from hub.errors import RefusedError
from hub.identity.rules import kind_of
from hub.mapping.transforms.catalog import installed_transforms
from hub.model.keys import identity_keys
from hub.model.lead import IdentityKey, KeyKind
from hub.ops.audit import write_audit
from hub.ops.index_rotation import index_state
from hub.privacy.keyring import KeyRing
from hub.registry.merchants import is_registered
from hub.settings import HubSettings
from hub.steps.keys.index_ring import require_keys

ACTION = "match contact"
UNKNOWN = "unknown"
# What may be asked → the canonical field, and the transform that a mapping uses for it.
_CLEANED = {
    "phone": ("mobile_e164", "phone_cn"),
    "phone_sha256": ("phone_hash_sha256", "phone_hash"),
    "phone_md5": ("phone_hash_md5", "phone_hash"),
    "id_number": ("id_number", "id_number_cn"),
    "email": ("email", "email"),
}
_PLAIN = {
    "unionid": "wechat_unionid",
    "openid": "wechat_openid",
    "app": "wechat_app_id",
    "external_userid": "wecom_external_userid",
    "corp": "wecom_corp_id",
}
_TOGETHER = (("openid", "app"), ("external_userid", "corp"))
ASKED = (*_CLEANED, *_PLAIN)
"""The names under which a person may be asked for."""


@dataclass(frozen=True, slots=True)
class Match:
    """What is known. `by` are kinds of key, strongest first; `also` other contacts that a key leads to.

    `owner` is the owner of the newest lead's source, `follow_user` who follows the person in WeCom.
    """

    merchant: str
    known: bool
    contact: UUID | None = None
    by: tuple[str, ...] = ()
    leads: int = 0
    last_lead_at: datetime | None = None
    owner: str | None = None
    follow_user: str | None = None
    also: tuple[UUID, ...] = ()


def asked_keys(asked: Mapping[str, str]) -> tuple[IdentityKey, ...]:
    """The identity keys of a question, normalised as a mapping normalises them.

    Args:
        asked: Some of `ASKED`, as written: a phone in any form.

    Raises:
        RefusedError: 422; `incomplete` (an openid without its app), `unusable` (no phone, a wrong checksum) or
            `no_key` (a landline, a masked number). The text names fields, never values.
    """
    for one, other in _TOGETHER:
        if (one in asked) != (other in asked):
            raise _refused("incomplete", one, other)
    doc: dict[str, Any] = {_PLAIN[name]: asked[name].strip() for name in _PLAIN if name in asked}
    for name in _CLEANED:
        if name in asked:
            doc |= _cleaned(name, asked[name])
    keys = identity_keys(doc)
    if not keys:
        raise _refused("no_key" if asked else "nothing_asked", *sorted(asked))
    return keys


def match_contact(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    question: tuple[str, Sequence[IdentityKey]],
    who: str,
) -> Match:
    """Look a person up; that `who` asked is committed to the audit log before this returns.

    Args:
        question: The merchant, and keys as `asked_keys` gives them.
        who: A token's name or a person's.

    Raises:
        RefusedError: 422 `unknown_merchant`.
        StoreAwayError: the database is away; nothing was told.
    """
    merchant, keys = question
    # Each statement on its own: nothing here is read twice, and a transaction would cost two round trips more.
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    with store_errors(), alone.connect() as conn:
        raw = driver(conn)
        if not _is_merchant(conn, settings, merchant):
            raise _refused("unknown_merchant", "merchant")
        state = index_state(raw)
        if state is not None:
            require_keys(keyring, state)
        found = _found(raw, keyring, settings, merchant, keys)
        target = str(found.contact) if found.contact else UNKNOWN
        write_audit(conn, who=who, action=ACTION, target=target, merchant=merchant)
    return found


def _is_merchant(conn: sa.Connection, settings: HubSettings, merchant: str) -> bool:
    return any(one.id == merchant for one in settings.merchants) or is_registered(conn, merchant)


def _found(
    raw: psycopg.Connection[Any],
    keyring: KeyRing,
    settings: HubSettings,
    merchant: str,
    keys: Sequence[IdentityKey],
) -> Match:
    blind = [each for key in keys for each in keyring.blinds(merchant, key)]
    holders = matching.holders_now(raw, merchant, blind)
    if not holders:
        return Match(merchant, known=False)
    ordered = sorted(holders, key=lambda key: (kind_of(key), holders[key]))
    contact = holders[ordered[0]]
    kinds = dict.fromkeys(kind_of(key) for key in ordered if holders[key] == contact)
    newest = matching.newest_lead(raw, contact)
    source = settings.all_sources().get(newest.source_key) if newest else None
    return Match(
        merchant,
        known=True,
        contact=contact,
        by=tuple(KeyKind(kind).name.lower() for kind in kinds),
        leads=newest.leads if newest else 0,
        last_lead_at=newest.at if newest else None,
        owner=(source.owner or None) if source else None,
        follow_user=_follow_user(raw, keyring, settings, merchant, contact),
        also=tuple(sorted(set(holders.values()) - {contact})),
    )


def _follow_user(
    raw: psycopg.Connection[Any],
    keyring: KeyRing,
    settings: HubSettings,
    merchant: str,
    contact: UUID,
) -> str | None:
    """Who follows the person in WeCom, where a lead from there says so."""
    sources = [
        key
        for key, source in settings.all_sources().items()
        if source.platform == "wecom" and source.merchant == merchant
    ]
    found = matching.newest_sealed(raw, contact, sources) if sources else None
    if found is None:
        return None
    lead, sealed = found
    state = json.loads(keyring.unseal(sealed, lead.bytes)).get("platform_state", {})
    owner = state.get("owner")
    return owner if isinstance(owner, str) else None


def _cleaned(name: str, value: str) -> Mapping[str, Any]:
    field, transform = _CLEANED[name]
    try:
        clean = installed_transforms()[transform].build()(value)
    except ValueError:
        raise _refused("unusable", name) from None
    if clean is None:
        raise _refused("unusable", name)
    if not isinstance(clean, dict):
        return {field: clean}
    if name.startswith("phone_") and field not in clean:  # the other hash, by its length
        raise _refused("unusable", name)
    return clean


def _refused(reason: str, *fields: str) -> RefusedError:
    return RefusedError(
        reason, status=422, message=f"{reason}: {', '.join(fields)}" if fields else reason
    )


def facts(found: Match) -> Iterator[tuple[str, Any]]:
    """Name and value of all that is told, in order; JSON-able."""
    yield "known", found.known
    yield "merchant", found.merchant
    yield "contact", str(found.contact) if found.contact else None
    yield "by", list(found.by)
    yield "leads", found.leads
    yield "last_lead_at", found.last_lead_at
    yield "owner", found.owner
    yield "follow_user", found.follow_user
    yield "also", [str(one) for one in found.also]
