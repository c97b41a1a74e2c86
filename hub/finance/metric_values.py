"""Reads documents as metrics need them, and keeps what metrics came to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.rows import args_row
from sqlalchemy.dialects.postgresql import insert

from hub.finance.gate_tables import metric_value
from hub.finance.tables import document
from hub.model.ids import uuid7_time
from hub.reconciliation.figures import Figure
from hub.reconciliation.papers import UNREADABLE, Paper

_ROWS_AT_ONCE = 5000


def _day(field: str) -> str:
    return f"CASE WHEN facts ->> '{field}' ~ '^\\d{{4}}-\\d\\d-\\d\\d$' THEN (facts ->> '{field}')::date END"


# A state that is there, but means nothing to us, is told apart from none. The order is that of `Paper`.
_PAPERS = (
    "SELECT d.id, entity, source_key, number, kind,"  # noqa: S608 -- a constant
    f" CASE WHEN state IS NULL AND facts ->> 'state_raw' IS NOT NULL THEN '{UNREADABLE}' ELSE state END,"
    " d.on_date, d.amount_fen, currency, d.contract_number, order_number,"
    " facts ->> 'opportunity_number', facts ->> 'amends_number', facts ->> 'red_of',"
    " facts ->> 'invoice_number', facts ->> 'receipt_number', coalesce(facts ->> 'invoice_code', facts ->> 'line'),"
    f" facts ->> 'flow_id', {_day('expected_sign_on')}, {_day('expected_receipt_on')},"
    f" {_day('closed_on')}, {_day('due_on')}, facts ->> 'decided_at',"
    " (facts ->> 'is_sealed')::bool,"
    " (facts ? 'scan_ref' OR facts ? 'scan_hash' OR coalesce(facts -> 'withheld' ? 'scan_ref', false)),"
    " m.numbers, m.amounts"
    " FROM finance.document d LEFT JOIN LATERAL ("
    "   SELECT array_agg(contract_number ORDER BY ordinal) AS numbers,"
    "          array_agg(amount_fen ORDER BY ordinal) AS amounts"
    "   FROM finance.match WHERE document_id = d.id) m ON true"
    " WHERE d.merchant = %s AND entity = ANY(%s)"
)


def read_papers(
    conn: psycopg.Connection[Any], merchant: str, entities: Iterable[str]
) -> Iterator[Paper]:
    """Every document of these entities, with the shares that reconciliation gave it; in no order."""
    with conn.cursor(row_factory=args_row(_paper)) as cursor:
        cursor.execute(_PAPERS, (merchant, sorted(entities)))
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            yield from rows


def _paper(identity: UUID, *values: Any) -> Paper:  # noqa: ANN401 -- a row's values
    *plain, numbers, amounts = values
    paper = Paper(identity.bytes, *plain)
    if numbers:
        paper.shares = tuple(zip(numbers, amounts, strict=True))
    return paper


def with_documents(conn: sa.Connection, entities: Iterable[str] = ()) -> list[str]:
    """The merchants that have business documents (of these entities, if any are named), sorted."""
    query = sa.select(document.c.merchant).distinct().order_by(document.c.merchant)
    if named := sorted(entities):
        query = query.where(document.c.entity.in_(named))
    return list(conn.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Arrived:
    """When the newest record of an entity came from a source: of any version, an unchanged one too."""

    entity: str
    source_key: str
    at: datetime


def newest_records(conn: sa.Connection, merchant: str) -> list[Arrived]:
    """The newest arrival by entity and source; record ids are ordered by time."""
    rows = conn.execute(
        sa.text(
            "SELECT p.entity, p.source_key, r.record_id FROM"
            " (SELECT DISTINCT entity, source_key FROM finance.document WHERE merchant = :merchant) p"
            " CROSS JOIN LATERAL (SELECT record_id FROM finance.document_revision r"
            "   WHERE r.merchant = :merchant AND r.entity = p.entity AND r.source_key = p.source_key"
            "   ORDER BY record_id DESC LIMIT 1) r ORDER BY 1, 2"
        ),
        {"merchant": merchant},
    )
    return [Arrived(entity, source, uuid7_time(record)) for entity, source, record in rows]


def keep_values(
    conn: sa.Connection, merchant: str, figures: Sequence[Figure], now: datetime
) -> None:
    """Remember what metrics came to; the newest value of a month replaces the one before."""
    for figure in figures:
        values: Mapping[str, Any] = {
            "version": figure.metric.version,
            "digest": figure.metric.digest,
            "amount_fen": figure.fen,
            "documents": figure.documents,
            "apart": {
                money: {"documents": one.documents, "amount": one.amount}
                for money, one in figure.apart.items()
            },
            "aside": dict(figure.aside),
            "computed_at": now,
        }
        key = {"merchant": merchant, "metric": figure.metric.name, "period": str(figure.month)}
        conn.execute(
            insert(metric_value)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=list(key), set_=dict(values))
        )


def kept_values(conn: sa.Connection, merchant: str) -> Sequence[sa.RowMapping]:
    """Every kept value of a merchant, the newest month first."""
    query = sa.select(metric_value).where(metric_value.c.merchant == merchant)
    order = (metric_value.c.period.desc(), metric_value.c.metric)
    return conn.execute(query.order_by(*order)).mappings().all()
