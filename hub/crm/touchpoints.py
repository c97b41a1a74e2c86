"""Touchpoints: where a lead met the merchant, with the campaign of that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg


@dataclass(frozen=True, slots=True)
class TouchpointRow:
    """One touchpoint. `record_id` is its lead's first record, `slot` its place in the lead."""

    record_id: UUID
    ordinal: int
    slot: int
    merchant: str
    lead_id: UUID
    kind: str
    occurred_at: datetime
    campaign_id: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    sealed: bytes | None


def add_touchpoints(conn: psycopg.Connection[Any], rows: Sequence[TouchpointRow]) -> None:
    """Append touchpoints."""
    if not rows:
        return
    with conn.cursor() as cursor, cursor.copy(
        "COPY crm.touchpoint (record_id, ordinal, slot, merchant, lead_id, kind, occurred_at,"
        " campaign_id, utm_source, utm_medium, utm_campaign, sealed) FROM STDIN (FORMAT BINARY)"
    ) as copy:  # fmt: skip
        copy.set_types(
            ["uuid", "int2", "int2", "text", "uuid", "text", "timestamptz", *["text"] * 4, "bytea"]
        )
        for r in rows:
            copy.write_row(
                (r.record_id, r.ordinal, r.slot, r.merchant, r.lead_id, r.kind, r.occurred_at,
                 r.campaign_id, r.utm_source, r.utm_medium, r.utm_campaign, r.sealed)
            )  # fmt: skip


def remove_touchpoints(conn: psycopg.Connection[Any], leads: Sequence[tuple[UUID, UUID]]) -> None:
    """Take out the touchpoints of leads, given as (lead, its first record)."""
    if leads:
        conn.execute(
            "DELETE FROM crm.touchpoint t USING unnest(%s::uuid[], %s::uuid[]) AS l(id, first)"
            " WHERE t.record_id = l.first AND t.lead_id = l.id",
            ([lead for lead, _ in leads], [first for _, first in leads]),
        )
