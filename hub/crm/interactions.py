"""Interactions: what happened with a lead (a call, a recording, a chat), or with somebody who is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg


class InteractionRow(NamedTuple):
    """One interaction as its latest record says. `lead_id` may name a lead that has not come yet."""

    id: UUID
    merchant: str
    source_key: str
    entity: str
    record_id: UUID
    lead_id: UUID | None
    kind: str
    occurred_at: datetime | None
    sealed: bytes


def write_interactions(conn: psycopg.Connection[Any], rows: Sequence[InteractionRow]) -> None:
    """Add interactions, or rewrite those that an equal or later record speaks of.

    Rows are written in the order of their ids, so that two loaders never wait for each other.
    """
    latest: dict[UUID, InteractionRow] = {}
    for row in sorted(rows, key=lambda row: row.record_id):
        latest[row.id] = row
    if not latest:
        return
    columns = list(zip(*(latest[key] for key in sorted(latest)), strict=True))
    conn.execute(
        "INSERT INTO crm.interaction AS i (id, merchant, source_key, entity, record_id, lead_id,"
        " kind, occurred_at, sealed) SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[],"
        " %s::text[], %s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::bytea[])"
        " ON CONFLICT (id) DO UPDATE SET record_id = excluded.record_id, lead_id = excluded.lead_id,"
        " kind = excluded.kind, occurred_at = excluded.occurred_at, sealed = excluded.sealed"
        " WHERE excluded.record_id >= i.record_id",
        [list(column) for column in columns],
    )
