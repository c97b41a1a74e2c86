"""Both conservation laws (design §6): read in one snapshot, judged, explained record by record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from hub.crm import counts as crm_counts
from hub.finance import counts as finance_counts
from hub.inbox import counts as inbox_counts

DELIVERY_WHOLE, RECORD_WHOLE = "acknowledged", "records"


@dataclass(frozen=True, slots=True)
class Law:
    """One law: `whole` = the sum of all other terms, for each source and in total.

    `terms` has every term, the whole included: term → source key → count.
    """

    name: str
    whole: str
    terms: Mapping[str, Mapping[str, int]]

    def totals(self) -> dict[str, int]:
        """Each term over all sources."""
        return {term: sum(counts.values()) for term, counts in self.terms.items()}

    def differences(self) -> dict[str, int]:
        """Source key → whole minus the other terms, only where it is not zero."""
        balance: Counter[str] = Counter()
        for term, counts in self.terms.items():
            sign = 1 if term == self.whole else -1
            for source_key, count in counts.items():
                balance[source_key] += sign * count
        return {source_key: difference for source_key, difference in balance.items() if difference}

    @property
    def is_balanced(self) -> bool:
        """Whether the law holds for every source."""
        return not self.differences()

    def by_source(self) -> list[dict[str, int | str]]:
        """One row per source: `source`, every term, `difference`."""
        sources = sorted({key for counts in self.terms.values() for key in counts})
        differences = self.differences()
        return [
            {
                "source": source,
                **{term: counts.get(source, 0) for term, counts in self.terms.items()},
                "difference": differences.get(source, 0),
            }
            for source in sources
        ]


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A read-only connection whose whole transaction sees one instant."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as conn, conn.begin():
        yield conn


def read_delivery_law(conn: sa.Connection, spooled: Mapping[str, int]) -> Law:
    """acknowledged = stored + duplicate + spooled.

    What lies in a spool was acknowledged, too, but the store learns of it when the spool drains;
    `spooled` (source key → deliveries) is counted by the caller, from the spool.
    """
    terms = inbox_counts.delivery_terms(conn)
    acknowledged = Counter(terms[DELIVERY_WHOLE])
    acknowledged.update(spooled)
    return Law(
        "deliveries",
        DELIVERY_WHOLE,
        {**terms, DELIVERY_WHOLE: dict(acknowledged), "spooled": dict(spooled)},
    )


def read_record_law(conn: sa.Connection, *, since: datetime | None = None) -> Law:
    """records = the sum of all outcomes; `since` looks only at records that arrived since then."""
    inbox = inbox_counts.record_terms(conn, since=since)
    loaded = crm_counts.outcome_terms(conn, since=since)
    for term, counts in finance_counts.outcome_terms(conn, since=since).items():
        loaded[term] = dict(Counter(loaded.get(term, {})) + Counter(counts))
    return Law("records", RECORD_WHOLE, {**inbox, **loaded})


def read_members(
    conn: sa.Connection, term: str, *, source_key: str | None, after: UUID | None, limit: int
) -> list[UUID]:
    """A page of the ids a term counts: deliveries for `stored` and `duplicate`, else records."""
    if term in crm_counts.CRM_TERMS:
        found = [
            member
            for counts in (crm_counts, finance_counts)
            for member in counts.outcome_members(
                conn, term, source_key=source_key, after=after, limit=limit
            )
        ]
        return sorted(found)[:limit]
    if term in inbox_counts.RECORD_TERMS:
        return inbox_counts.record_members(
            conn, term, source_key=source_key, after=after, limit=limit
        )
    return inbox_counts.delivery_members(
        conn, term, source_key=source_key, after=after, limit=limit
    )


def unaccounted(
    conn: sa.Connection, *, limit: int = 100, page: int = 5000
) -> dict[UUID, tuple[str, ...]]:
    """Records that break the record law, at most `limit`: id → its outcomes, none or several."""
    broken: dict[UUID, tuple[str, ...]] = {}
    after: UUID | None = None
    while len(broken) < limit:
        ids = inbox_counts.record_members(conn, RECORD_WHOLE, after=after, limit=page)
        if not ids:
            break
        found = [
            counts.record_standings(conn, ids)
            for counts in (inbox_counts, crm_counts, finance_counts)
        ]
        for record_id in ids:
            outcomes = tuple(name for each in found for name in each.get(record_id, ()))
            if len(outcomes) != 1:
                broken[record_id] = outcomes
        after = ids[-1]
    return dict(list(broken.items())[:limit])
