"""Look up: one lead, its way here, its contact. Masked, unless somebody with a name asks to see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.crm import clusters, contacts, reading
from hub.database.engine import driver, store_errors
from hub.errors import HubError
from hub.inbox import reading as inbox_reading
from hub.inbox.sealing import envelope_of
from hub.model.ids import MAX_RECORDS_PER_DELIVERY
from hub.ops.audit import write_audit
from hub.privacy.keyring import KeyRing
from hub.privacy.mask import mask_value
from hub.steps.identity.contact_profile import Profiler, companies_of_leads, profile_view

_json = msgspec.json.Decoder()
_LAST = MAX_RECORDS_PER_DELIVERY - 1


class NotFoundError(HubError):
    """There is nothing under that id."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """How personal data is shown: masked by field (`x-pii` of the canonical contract), or plain to `revealed_to`."""

    keyring: KeyRing
    pii: Mapping[str, str]
    revealed_to: str | None = None

    def lead_document(self, row: sa.RowMapping) -> dict[str, Any]:
        """A lead's document, masked unless revealed."""
        return self.masked(self.plain_document(row))

    def plain_document(self, row: sa.RowMapping) -> dict[str, Any]:
        """A lead's document as it is: for computing, never for showing."""
        doc: dict[str, Any] = _json.decode(self.keyring.unseal(row["sealed"], row["id"].bytes))
        return doc

    def masked(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """A document, masked unless revealed."""
        return {name: self.mask(name, value) for name, value in doc.items()}

    def mask(self, name: str, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
        """A field's value, masked unless revealed; `ext.grade` is masked as `ext` is."""
        if self.revealed_to is not None:
            return value
        return mask_value(self.pii.get(name.partition(".")[0], "text"), value)


def list_leads(
    engine: sa.Engine,
    viewer: Viewer,
    *,
    source_key: str | None = None,
    merchant: str | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """The newest leads: columns that name nobody, and name and phone masked."""
    with store_errors(), engine.begin() as conn:
        rows = reading.list_leads(conn, source_key=source_key, merchant=merchant, limit=limit)
    masked = Viewer(viewer.keyring, viewer.pii)
    return [_summary(row, masked.lead_document(row)) for row in rows]


def show_lead(engine: sa.Engine, viewer: Viewer, lead_id: UUID) -> dict[str, Any]:
    """One lead with its document and touchpoints; revealing is written to the audit log first.

    Raises:
        NotFoundError: no such lead.
    """
    with store_errors(), engine.begin() as conn:
        row = _lead(conn, lead_id)
        _audit(conn, viewer, "reveal lead", lead_id, row["merchant"])
        points = reading.get_touchpoints(conn, row["first_record_id"], lead_id)
    return {
        **_plain(row),
        "document": viewer.lead_document(row),
        "touchpoints": [
            {k: v for k, v in point.items() if k in _TOUCHPOINT and v is not None}
            for point in points
        ],
    }


def trace_lead(engine: sa.Engine, viewer: Viewer, lead_id: UUID) -> dict[str, Any]:
    """Where a lead comes from: each record, its delivery, the mapping that made it, what became of it.

    Raises:
        NotFoundError: no such lead.
    """
    with store_errors(), engine.begin() as conn:
        row = _lead(conn, lead_id)
        _audit(conn, viewer, "reveal trace", lead_id, row["merchant"])
        revisions = reading.get_revisions(conn, row["revisions"])
        steps = [
            _step(conn, viewer, revision)
            for revision in revisions
            if revision["lead_id"] == lead_id
        ]
    return {**_plain(row), "records": steps}


def show_contact(
    engine: sa.Engine, viewer: Viewer, profiler: Profiler, contact_id: UUID
) -> dict[str, Any]:
    """A contact: what became it, its leads, which value of each field won and why, and every value that lost.

    Raises:
        NotFoundError: no such contact.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        root = contacts.roots(raw, [contact_id]).get(contact_id, contact_id)
        members = clusters.cluster_contacts(raw, [root])
        rows = reading.leads_of_contacts(conn, members)
        if not rows:
            raise NotFoundError(f"no contact {contact_id}: never there, or erased")
        merchant = rows[0]["merchant"]
        _audit(conn, viewer, "reveal contact", contact_id, merchant)
        linked = companies_of_leads(conn, merchant, rows)
    documents = [viewer.plain_document(row) for row in rows]
    return {
        "id": root,
        "merchant": merchant,
        "became_from": [member for member in members if member != root],
        "leads": [
            _summary(row, viewer.masked(doc)) for row, doc in zip(rows, documents, strict=True)
        ],
        **profile_view(profiler.profile(merchant, rows, documents), viewer.mask),
        "companies": linked,
    }


_TOUCHPOINT = ("kind", "occurred_at", "campaign_id", "utm_source", "utm_medium", "utm_campaign")
_HIDDEN = frozenset({"sealed", "keys", "content_hash"})


def _lead(conn: sa.Connection, lead_id: UUID) -> sa.RowMapping:
    row = reading.get_lead(conn, lead_id)
    if row is None:
        raise NotFoundError(
            f"no lead {lead_id}: never there, or erased; `hub lead list` shows the newest"
        )
    return row


def _step(conn: sa.Connection, viewer: Viewer, revision: sa.RowMapping) -> dict[str, Any]:
    record_id: UUID = revision["record_id"]
    record = inbox_reading.get_record(conn, record_id)
    floor = UUID(int=record_id.int & ~_LAST)
    delivery = inbox_reading.get_delivery(conn, floor, UUID(int=floor.int | _LAST))
    step: dict[str, Any] = {
        "record": record_id,
        "outcome": revision["outcome"],
        "mapping": revision["mapping_version"],
        "mode": revision["mode"],
        "entity": record["entity"] if record else None,
        "via": record["via"] if record else None,
        "received_at": record["received_at"] if record else None,
        "delivery": delivery["id"] if delivery else None,
        "history": [
            {k: change[k] for k in ("changed_at", "was", "became", "reason", "decided_by")}
            for change in inbox_reading.history(conn, record_id)
        ],
    }
    if viewer.revealed_to is not None and record and record["sealed"]:
        payload = viewer.keyring.unseal(record["sealed"], record_id.bytes)
        whole = envelope_of(payload)
        step["payload"] = (whole.body if whole else payload).decode(errors="replace")
    return step


def _audit(
    conn: sa.Connection, viewer: Viewer, action: str, target: UUID, merchant: str | None
) -> None:
    if viewer.revealed_to is not None:
        write_audit(
            conn, who=viewer.revealed_to, action=action, target=str(target), merchant=merchant
        )


def _plain(row: sa.RowMapping) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in _HIDDEN and v is not None}


def _summary(row: sa.RowMapping, doc: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lead": row["id"],
        "source": row["source_key"],
        "received_at": row["received_at"],
        "name": doc.get("name"),
        "mobile": doc.get("mobile_e164"),
        "intent": row["intent"],
        "utm_campaign": row["utm_campaign"],
        "contact": row["contact_id"],
        "mapping": row["mapping_version"],
    }


def summaries_columns() -> Sequence[str]:
    """The columns of a lead list, in order."""
    return (
        "lead",
        "source",
        "received_at",
        "name",
        "mobile",
        "intent",
        "utm_campaign",
        "contact",
        "mapping",
    )
