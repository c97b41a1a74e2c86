"""Reads of the CRM store: one lead, lists, and everything in order for the content hash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.rows import class_row

from hub.crm.tables import contact, lead, lead_revision, touchpoint
from hub.model.outcome import Outcome

_LISTED = (
    lead.c.id, lead.c.merchant, lead.c.source_key, lead.c.contact_id, lead.c.submitted_at,
    lead.c.received_at, lead.c.loaded_at, lead.c.intent, lead.c.utm_source, lead.c.utm_campaign,
    lead.c.mapping_version, lead.c.marks, lead.c.sealed,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredLead:
    """A lead as it stands, for whoever compares or prints it."""

    id: UUID
    merchant: str
    source_key: str
    entity: str
    contact_id: UUID
    submitted_at: datetime | None
    received_at: datetime
    revisions: list[UUID]
    keys: list[bytes]
    content_hash: bytes
    sealed: bytes


def list_leads(
    conn: sa.Connection, *, source_key: str | None, merchant: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """The newest leads first, by when they first came: by the record that loaded each."""
    first = lead_revision.c
    query = (
        sa.select(*_LISTED)
        .join(lead_revision, first.lead_id == lead.c.id)
        .where(first.outcome == Outcome.LOADED)
        .order_by(first.record_id.desc(), first.ordinal.desc())
        .limit(limit)
    )
    if source_key is not None:
        query = query.where(lead.c.source_key == source_key)
    if merchant is not None:
        query = query.where(lead.c.merchant == merchant)
    return conn.execute(query).mappings().all()


def get_lead(conn: sa.Connection, lead_id: UUID) -> sa.RowMapping | None:
    """One lead, all columns."""
    return conn.execute(sa.select(lead).where(lead.c.id == lead_id)).mappings().one_or_none()


def leads_of_contacts(conn: sa.Connection, contact_ids: Sequence[UUID]) -> Sequence[sa.RowMapping]:
    """The leads that stand under any of these contacts, oldest first."""
    query = sa.select(lead).where(lead.c.contact_id.in_(contact_ids))
    return conn.execute(query.order_by(lead.c.first_record_id)).mappings().all()


def get_revisions(conn: sa.Connection, record_ids: Sequence[UUID]) -> Sequence[sa.RowMapping]:
    """What these records made of their leads, oldest record first."""
    query = sa.select(lead_revision).where(lead_revision.c.record_id.in_(record_ids))
    return conn.execute(query.order_by(lead_revision.c.record_id)).mappings().all()


def get_touchpoints(
    conn: sa.Connection, record_id: UUID, lead_id: UUID
) -> Sequence[sa.RowMapping]:
    """A lead's touchpoints in their order; `record_id` is its first record."""
    query = sa.select(touchpoint).where(
        touchpoint.c.record_id == record_id, touchpoint.c.lead_id == lead_id
    )
    return conn.execute(query.order_by(touchpoint.c.ordinal, touchpoint.c.slot)).mappings().all()


def merchant_of_contact(conn: sa.Connection, contact_id: UUID) -> str | None:
    """Whose a contact is, None if there is no such contact."""
    query = sa.select(contact.c.merchant).where(contact.c.id == contact_id)
    found: str | None = conn.execute(query).scalar_one_or_none()
    return found


def merged_contacts(conn: sa.Connection) -> dict[UUID, UUID]:
    """Every contact that has become another: loser → what it was merged into."""
    query = sa.select(contact.c.id, contact.c.merged_into).where(
        contact.c.merged_into.is_not(None)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def root_of(merged: dict[UUID, UUID], contact_id: UUID) -> UUID:
    """What a contact has become in the end."""
    while contact_id in merged:
        contact_id = merged[contact_id]
    return contact_id


def all_leads(conn: psycopg.Connection[Any], *, batch: int = 2000) -> Iterator[StoredLead]:
    """Every lead in order of id, read in batches within the open transaction."""
    with conn.cursor(
        name="hub_all_leads", binary=True, row_factory=class_row(StoredLead)
    ) as cursor:  # type: psycopg.ServerCursor[StoredLead]
        cursor.itersize = batch
        cursor.execute(
            "SELECT id, merchant, source_key, entity, contact_id, submitted_at, received_at, revisions, keys,"
            " content_hash, sealed FROM crm.lead ORDER BY id"
        )
        yield from cursor


def touchpoint_counts(conn: psycopg.Connection[Any]) -> dict[UUID, list[tuple[str, datetime]]]:
    """Lead → its touchpoints' kinds and instants, sorted."""
    found: dict[UUID, list[tuple[str, datetime]]] = {}
    with conn.cursor(binary=True) as cursor:
        cursor.execute("SELECT lead_id, kind, occurred_at FROM crm.touchpoint ORDER BY 1, 2, 3")
        for lead_id, kind, occurred_at in cursor:
            found.setdefault(lead_id, []).append((kind, occurred_at))
    return found


def loaded_since(conn: sa.Connection, since: datetime) -> list[UUID]:
    """Ids of the leads that were loaded at or after `since`."""
    return list(conn.execute(sa.select(lead.c.id).where(lead.c.loaded_at >= since)).scalars())


def which_leads(conn: sa.Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of `ids` that are leads."""
    return set(conn.execute(sa.select(lead.c.id).where(lead.c.id.in_(ids))).scalars())
