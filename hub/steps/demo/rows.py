"""What became of each source of the demo: the sender's own list against the store."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.crm import reading
from hub.database.engine import store_errors
from hub.inbox import counts
from hub.model.outcome import Outcome
from hub.privacy.keyring import KeyRing
from hub.steps.demo.senders import MERCHANT, Sent
from hub.steps.demo.source import DemoSource

_ALL, _LOOKED_AT = 10_000_000, 500
_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source. `sent` = `leads` + `again` + `no_lead` + `rejected` + `held` + `waiting` + what is wrong.

    `again` named a lead that its sender had sent before, `rejected` are rows in a cleaning report.
    `no_lead` and `rejected` are the sender's figures, `no_lead_records` the store's. Wrong are `refused`
    (nobody took them), `missing`, `unexpected` (leads that nobody sent) and `lacking` (leads without a
    field that they must have). Latency is in milliseconds from sending until the lead can be found.
    """

    source: str
    name: str
    sent: int
    acknowledged: int
    leads: int
    again: int
    no_lead: int
    rejected: int
    no_lead_records: int
    held: int
    waiting: int
    refused: int
    missing: int
    unexpected: int
    lacking: int
    p50_ms: float
    p95_ms: float

    @property
    def holds(self) -> bool:
        """Whether everything on the sender's list is a lead, or none for a reason that its sender knows."""
        wrong = self.refused + self.missing + self.unexpected + self.lacking
        said = self.no_lead <= self.no_lead_records
        return not wrong and not self.held and not self.waiting and said


def source_row(
    engine: sa.Engine,
    keyring: KeyRing,
    source: DemoSource,
    sent: Sent,
    seen: Mapping[UUID, float],
) -> SourceRow:
    """Compare; `seen` is when each lead was first found in the CRM."""
    key = source.source_key
    with store_errors(), engine.begin() as conn:
        rows = reading.list_leads(conn, source_key=key, merchant=MERCHANT, limit=_ALL)
        terms = counts.record_terms(conn)
    there = {row["id"] for row in rows}
    held, waiting, no_lead = (
        terms[term].get(key, 0) for term in (Outcome.HELD, Outcome.WAITING, Outcome.NOT_A_LEAD)
    )
    waits = [seen[lead] - at for lead, at in sent.leads.items() if lead in seen]
    return SourceRow(
        source=key,
        name=str(source.settings["name"]),
        sent=sent.listed,
        acknowledged=sent.acknowledged,
        leads=len(there),
        again=sent.again,
        no_lead=sent.no_lead,
        rejected=sent.rejected,
        no_lead_records=no_lead,
        held=held,
        waiting=waiting,
        refused=sent.listed - sent.acknowledged,
        missing=max(0, len(sent.leads.keys() - there) - held - waiting),
        unexpected=len(there - sent.leads.keys()),
        lacking=_lacking(keyring, source.carries, rows[:_LOOKED_AT]),
        p50_ms=percentile_ms(waits, 50),
        p95_ms=percentile_ms(waits, 95),
    )


def percentile_ms(waits_s: Sequence[float], percent: int) -> float:
    """A percentile of seconds, in milliseconds; 0 of nothing."""
    if len(waits_s) < 2:
        return 1000 * sum(waits_s)
    return 1000 * statistics.quantiles(waits_s, n=100, method="inclusive")[percent - 1]


def _lacking(keyring: KeyRing, fields: Sequence[str], rows: Sequence[sa.RowMapping]) -> int:
    documents = (_json.decode(keyring.unseal(row["sealed"], row["id"].bytes)) for row in rows)
    return sum(any(not one.get(name) for name in fields) for one in documents) if fields else 0
