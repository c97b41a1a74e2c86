"""Touchpoints: where a lead met the merchant, with the campaign of that moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg


class TouchpointRow(NamedTuple):
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
        for row in rows:
            copy.write_row(row)


def remove_touchpoints(conn: psycopg.Connection[Any], leads: Sequence[tuple[UUID, UUID]]) -> None:
    """Take out the touchpoints of leads, given as (lead, its first record)."""
    if leads:
        conn.execute(
            "DELETE FROM crm.touchpoint t USING unnest(%s::uuid[], %s::uuid[]) AS l(id, first)"
            " WHERE t.record_id = l.first AND t.lead_id = l.id",
            ([lead for lead, _ in leads], [first for _, first in leads]),
        )
