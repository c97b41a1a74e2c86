"""From the id in an answer (`X-Request-Id`) or a log line to what became of it: delivery, records, leads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hub.crm.reading import get_revisions
from hub.database.engine import store_errors
from hub.inbox.counts import record_standings
from hub.inbox.reading import are_queued, get_delivery, records_of_deliveries
from hub.model.ids import record_span
from hub.steps.lookup import NotFoundError, Viewer, trace_lead

SHOWN = 100


def trace(engine: sa.Engine, viewer: Viewer, found: UUID) -> dict[str, Any]:
    """Where a lead comes from, or what became of a delivery, whichever the id names.

    Raises:
        NotFoundError: there is neither.
    """
    try:
        return trace_lead(engine, viewer, found)
    except NotFoundError:
        return trace_delivery(engine, found)


def trace_delivery(engine: sa.Engine, delivery_id: UUID) -> dict[str, Any]:
    """A delivery's way: its source, whether a loader has taken it, the first hundred records and their leads.

    A delivery that is still in a spool is not known yet.

    Raises:
        NotFoundError: no such delivery, or it is in a spool.
    """
    with store_errors(), engine.begin() as conn:
        row = get_delivery(conn, delivery_id, delivery_id)
        if row is None:
            raise NotFoundError(
                f"no lead and no delivery {delivery_id}: refused (look for it in the log of hub receive),"
                " still in a spool (hub doctor), or erased"
            )
        first = row["duplicate_of"] or delivery_id
        records = records_of_deliveries(conn, [record_span(first)])
        steps = _records(conn, records[:SHOWN])
        waits = are_queued(conn, [first])
    facts = {key: row[key] for key in ("source_key", "via", "received_at", "duplicate_of")}
    return {
        "delivery": delivery_id,
        **{key: value for key, value in facts.items() if value is not None},
        "state": "queued" if waits else "taken by a loader",
        "number_of_records": len(records),
        "records": steps,
    }


def _records(conn: sa.Connection, records: list[UUID]) -> list[dict[str, Any]]:
    standings = record_standings(conn, records)
    made: dict[UUID, list[dict[str, Any]]] = {}
    for revision in get_revisions(conn, records):
        told = {"outcome": revision["outcome"], "lead": revision["lead_id"]}
        made.setdefault(revision["record_id"], []).append(told)
    return [
        {"record": one, **told}
        for one in records
        for told in (made.get(one) or [{"outcome": ", ".join(standings.get(one, ()))}])
    ]
