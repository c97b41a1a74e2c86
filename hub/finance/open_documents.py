"""Documents whose state may still change, for those who ask their platform about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.finance.tables import document

_MOST = 100_000


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """One document that has not ended: the platform's id, when it first came and when it last changed.

    `facts` are its fields that name nobody.
    """

    flow_id: str
    first_seen_at: datetime
    changed_at: datetime
    facts: dict[str, object]


def open_signings(
    conn: sa.Connection, *, merchant: str, source_key: str, ended: Iterable[str]
) -> list[OpenDocument]:
    """Signing flows of a source in no `ended` state, the oldest first, 100,000 at most."""
    row = document.c
    flow_id = row.facts["flow_id"].astext
    query = (
        sa.select(flow_id, row.received_at, row.loaded_at, row.facts)
        .where(
            row.merchant == merchant,
            row.entity == "signing",
            row.source_key == source_key,
            sa.or_(row.state.is_(None), row.state.not_in(sorted(ended))),
            flow_id.is_not(None),
        )
        .order_by(row.received_at)
        .limit(_MOST)
    )
    return [OpenDocument(*found) for found in conn.execute(query)]
